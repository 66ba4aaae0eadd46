import { LambdamaxError } from '../errors.ts';
import type { Backend, Executable, ExecutableOptions, Values } from './backends/executable.ts';
import { onnxBackend } from './backends/onnx.ts';
import { gaussNewtonVector, jacobianVector, tangentName } from './differentiate/gaussNewton.ts';
import { gradient, gradientName, hessianVector, productName } from './differentiate/products.ts';
import type { TracedLoss } from './differentiate/tracedLoss.ts';
import { collapse } from './graph/collapse.ts';
import { type Estimate, estimate } from './graph/estimate.ts';
import { mergeProducts } from './graph/mergeProducts.ts';
import type { Graph } from './graph/node.ts';
import { type SplitGraph, splitAt } from './graph/split.ts';
import { inTurn } from './linearise.ts';
import type { Batch, Curvature, Linearised, Point, Program, WeightSource } from './program.ts';
import { type Precision, totalSize, type Vector, viewTensors, zeros } from './tensors.ts';
import { directionName, type Signature } from './trace/record.ts';

/** How a traced loss is compiled. */
export interface CompileOptions {
  /** float32 (the default) for work, float64 for verification. */
  readonly precision?: Precision;
  /** The checkpoint of the frozen weights. */
  readonly weights?: WeightSource;
  /** Weights that each `Point` brings itself: those that a method with a residual weight replaces. */
  readonly replaceable?: readonly string[];
  /**
   * The most that one linearised curvature may keep between its products; cheap values over it are computed anew in each
   * product, as far as they are cheap enough. Default: no limit.
   */
  readonly mostKeptBytes?: number;
  /** Threads within one operation; 0 (the default) leaves it to the backend. */
  readonly threads?: number;
  /** What computes; ONNX Runtime if not given. */
  readonly backend?: Backend;
}

/** Compiles a traced loss for a backend. Each product is compiled when it is first asked for, and kept. */
export function compile(traced: TracedLoss, options: CompileOptions = {}): Program {
  return new CompiledProgram(traced, options);
}

const products = { hessian: hessianVector, gaussNewton: gaussNewtonVector };
const matrixNames = { hessian: 'Hessian', gaussNewton: 'Gauss-Newton matrix' };

class CompiledProgram implements Program {
  readonly precision: Precision;
  readonly size: number;
  readonly #traced: TracedLoss;
  readonly #backend: Backend;
  readonly #options: ExecutableOptions & { readonly fed: ReadonlySet<string> };
  readonly #compiled = new Map<string, Promise<Executable>>();
  #gradient: Graph | undefined;
  readonly #splits = new Map<Curvature, SplitGraph>();
  readonly #mostKeptBytes: number;
  #released = false;

  constructor(
    traced: TracedLoss,
    {
      precision = 'float32',
      weights,
      replaceable = [],
      mostKeptBytes = Number.POSITIVE_INFINITY,
      threads = 0,
      backend = onnxBackend,
    }: CompileOptions,
  ) {
    this.precision = precision;
    this.size = totalSize(traced.signature.parameters);
    this.#traced = traced;
    this.#mostKeptBytes = mostKeptBytes;
    this.#backend = backend;
    this.#options = { precision, fed: new Set(replaceable), threads, ...(weights ? { weights } : {}) };
  }

  get parameters(): Signature['parameters'] {
    return this.#traced.signature.parameters;
  }

  get inputs(): Signature['inputs'] {
    return this.#traced.signature.inputs;
  }

  async value(point: Point, batch: Batch): Promise<number> {
    const value = await this.#executable('value', () => this.#traced.graph);
    return scalar(await value.run(this.#feeds(point, batch)));
  }

  async gradient(point: Point, batch: Batch): Promise<{ value: number; gradient: Vector }> {
    const graph = await this.#executable('gradient', () => this.#gradientGraph());
    const results = await graph.run(this.#feeds(point, batch));
    return { value: scalar(results), gradient: this.#flatten(results, gradientName) };
  }

  hessianVector(point: Point, batch: Batch, direction: Vector): Promise<Vector> {
    return this.#product('hessian', point, batch, direction);
  }

  gaussNewtonVector(point: Point, batch: Batch, direction: Vector): Promise<Vector> {
    return this.#product('gaussNewton', point, batch, direction);
  }

  async jacobianVector(point: Point, batch: Batch, direction: Vector): Promise<Vector> {
    const graph = await this.#executable('jacobianVector', () => jacobianVector(this.#traced));
    const results = await graph.run(new Map([...this.#feeds(point, batch), ...this.#directionFeeds(direction)]));
    return results.get(tangentName) as Vector;
  }

  async linearise(point: Point, batch: Batch, curvature: Curvature = 'hessian'): Promise<Linearised> {
    const split = this.#split(curvature);
    // Once for many products.
    const prepare = await this.#executable(`${curvature}, prepared`, () => split.prepare);
    // The curvature of a linear loss is known before any direction is.
    const isConstant = split.product.outputs.size === 0;
    const product = isConstant
      ? undefined
      : await this.#executable(`${curvature} product, prepared`, () => split.product);
    // Of our own, since training changes parameters in place; weights are frozen, and may be large.
    const feeds = [...this.#feeds(point, batch)].map(
      ([name, values]) => [name, point.weights?.has(name) ? values : values.slice()] as const,
    );
    const prepared = await prepare.run(new Map(feeds));
    const kept = split.kept.map((name) => [name, prepared.get(name)!] as const);
    let held: { readonly feeds: Values; readonly prepared: Values } | undefined = {
      feeds: new Map([...feeds, ...kept]),
      prepared,
    };
    const release = async (): Promise<void> => {
      held = undefined;
    };
    const apply = async (direction: Vector): Promise<Vector> => {
      if (held === undefined) throw released(`linearised ${matrixNames[curvature]}`);
      const { feeds, prepared } = held;
      const results = await product?.run(new Map([...feeds, ...this.#directionFeeds(direction)]));
      // A parameter that <gradient, v> does not depend on has its (zero) product among the prepared values.
      return this.#flatten(new Map([...prepared, ...(results ?? [])]), productName);
    };
    return {
      curvature,
      value: scalar(prepared),
      gradient: this.#flatten(prepared, gradientName),
      keptBytes: kept.reduce((bytes, [, values]) => bytes + values.byteLength, 0),
      apply,
      applyAll: inTurn(apply),
      release,
      [Symbol.asyncDispose]: release,
    };
  }

  estimate(what: 'gradient' | Curvature): Estimate {
    return estimate(what === 'gradient' ? this.#gradientGraph() : this.#split(what).product, this.precision);
  }

  async release(): Promise<void> {
    const compiled = [...this.#compiled.values()];
    this.#compiled.clear();
    this.#released = true;
    for (const executable of await Promise.allSettled(compiled))
      if (executable.status === 'fulfilled') await executable.value.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #product(curvature: Curvature, point: Point, batch: Batch, direction: Vector): Promise<Vector> {
    const graph = await this.#executable(`${curvature} product`, () =>
      mergeProducts(products[curvature](this.#traced)),
    );
    const results = await graph.run(new Map([...this.#feeds(point, batch), ...this.#directionFeeds(direction)]));
    return this.#flatten(results, productName);
  }

  #gradientGraph(): Graph {
    this.#gradient ??= mergeProducts(gradient(this.#traced));
    return this.#gradient;
  }

  #split(curvature: Curvature): SplitGraph {
    const known = this.#splits.get(curvature);
    if (known !== undefined) return known;
    const directions = new Set(this.parameters.map(({ name }) => directionName(name)));
    const budget = { maxBytes: this.#mostKeptBytes, precision: this.precision };
    const split = splitAt(
      mergeProducts(collapse(products[curvature](this.#traced), directions), directions),
      directions,
      budget,
    );
    this.#splits.set(curvature, split);
    return split;
  }

  #executable(name: string, graph: () => Graph): Promise<Executable> {
    if (this.#released) throw released('program');
    const known = this.#compiled.get(name);
    if (known !== undefined) return known;
    const compiled = this.#backend.compile(graph(), this.#options);
    this.#compiled.set(name, compiled);
    return compiled;
  }

  #feeds({ parameters, weights }: Point, batch: Batch): Values {
    this.#checkVector('parameters', parameters);
    const inputs = this.inputs.map(({ name, dtype }) => {
      const values = batch[name];
      if (values === undefined)
        throw new LambdamaxError({ subject: `batch input ${name}`, expected: 'a value for it' });
      return [name, dtype === 'int32' ? values : inPrecision(values, this.precision)] as const;
    });
    const foreign = [...(weights?.keys() ?? [])].find((name) => !this.#options.fed.has(name));
    if (foreign !== undefined)
      throw new LambdamaxError({
        subject: `weight ${foreign} of the point`,
        expected: 'a weight that was compiled as replaceable',
        got: [...this.#options.fed],
      });
    return new Map([...viewTensors(parameters, this.parameters), ...(weights ?? []), ...inputs]);
  }

  #directionFeeds(direction: Vector): Values {
    this.#checkVector('direction', direction);
    return new Map([...viewTensors(direction, this.parameters)].map(([name, view]) => [directionName(name), view]));
  }

  #checkVector(subject: string, vector: Vector): void {
    if (vector.length !== this.size)
      throw new LambdamaxError({ subject, expected: `${this.size} values`, got: vector.length });
    if (vector instanceof Float64Array !== (this.precision === 'float64'))
      throw new LambdamaxError({ subject, expected: `values in ${this.precision}`, got: vector.constructor.name });
  }

  #flatten(results: Values, name: (parameter: string) => string): Vector {
    const flat = zeros(this.size, this.precision);
    for (const [parameter, view] of viewTensors(flat, this.parameters))
      view.set(results.get(name(parameter)) as Float32Array);
    return flat;
  }
}

function inPrecision(values: Batch[string], precision: Precision): Vector {
  if (precision === 'float64') return values instanceof Float64Array ? values : Float64Array.from(values);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function scalar(results: Values): number {
  return results.get('value')![0]!;
}

function released(subject: string): LambdamaxError {
  return new LambdamaxError({ subject, expected: 'to be used before it is released' });
}
