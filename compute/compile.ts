import { LambdamaxError } from '../errors.ts';
import {
  type Backend,
  type Executable,
  type ExecutableOptions,
  emptyExecutable,
  type Values,
} from './backends/executable.ts';
import { onnxBackend } from './backends/onnx.ts';
import { CurvatureGraphs } from './curvatureGraphs.ts';
import { derivedGraph } from './derivedGraph.ts';
import { jacobianVector, tangentName } from './differentiate/gaussNewton.ts';
import { gradient, gradientName, productName } from './differentiate/products.ts';
import type { TracedLoss } from './differentiate/tracedLoss.ts';
import { type Estimate, estimate } from './graph/estimate.ts';
import { mergeProducts } from './graph/mergeProducts.ts';
import type { Graph } from './graph/node.ts';
import { LinearisedPoint } from './linearisedPoint.ts';
import type {
  Batch,
  Curvature,
  Estimated,
  Linearised,
  LineariseOptions,
  Point,
  Program,
  WeightSource,
} from './program.ts';
import { randomStream } from './random.ts';
import { SharedExecutables, type TakenExecutable } from './sharedExecutables.ts';
import {
  checkVector,
  flattenTensors,
  type Precision,
  precisionOf,
  roundoff,
  totalSize,
  type Vector,
  viewTensors,
} from './tensors.ts';
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

class CompiledProgram implements Program {
  readonly precision: Precision;
  readonly size: number;
  readonly #traced: TracedLoss;
  readonly #backend: Backend;
  readonly #options: ExecutableOptions & { readonly fed: ReadonlySet<string> };
  readonly #compiled = new SharedExecutables();
  #gradient: Graph | undefined;
  readonly #curvatures: Readonly<Record<Curvature, CurvatureGraphs>>;
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
    const budget = { maxBytes: mostKeptBytes, precision };
    this.#curvatures = {
      hessian: new CurvatureGraphs(traced, 'hessian', budget),
      gaussNewton: new CurvatureGraphs(traced, 'gaussNewton', budget),
    };
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
    return this.#anew('hessian', point, batch, direction);
  }

  gaussNewtonVector(point: Point, batch: Batch, direction: Vector): Promise<Vector> {
    return this.#anew('gaussNewton', point, batch, direction);
  }

  async jacobianVector(point: Point, batch: Batch, direction: Vector): Promise<Vector> {
    const graph = await this.#executable('jacobianVector', () => jacobianVector(this.#traced));
    const results = await graph.run(new Map([...this.#feeds(point, batch), ...this.#directionFeeds(direction)]));
    return results.get(tangentName) as Vector;
  }

  async linearise(
    point: Point,
    batch: Batch,
    curvature: Curvature = 'hessian',
    { keep = true, onStage }: LineariseOptions = {},
  ): Promise<Linearised> {
    // Of our own, since training changes parameters in place; weights are frozen, and may be large.
    const feeds = new Map(
      [...this.#feeds(point, batch)].map(([name, values]) => [
        name,
        point.weights?.has(name) ? values : values.slice(),
      ]),
    );
    const graphs = this.#curvatures[curvature];
    const compiling = (): void => onStage?.('compile');
    const first = keep
      ? await this.#executable(`${curvature}, prepared`, () => graphs.split.prepare, compiling)
      : await this.#executable('gradient', () => this.#gradientGraph(), compiling);
    onStage?.('linearise');
    const results = await first.run(feeds);
    const kept = keep ? graphs.split.kept.map((name) => [name, results.get(name)!] as const) : [];
    const from = keep ? 'split' : 'whole';
    const nearby = (): Promise<Linearised> => {
      const parameters = movedByRoundoffs(this.#flatten(feeds, (name) => name));
      const inputs = this.inputs.map(({ name }) => [name, feeds.get(name) as Batch[string]] as const);
      return this.linearise({ ...point, parameters }, Object.fromEntries(inputs), curvature, { keep });
    };
    return new LinearisedPoint({
      curvature,
      parameters: this.parameters,
      value: scalar(results),
      gradient: this.#flatten(results, gradientName),
      keptBytes: kept.reduce((bytes, [, values]) => bytes + values.byteLength, 0),
      feeds: new Map([...feeds, ...kept]),
      constants: results,
      nearby,
      product: () => this.#product(curvature, from),
      blockProduct: (names) =>
        this.#take(`${curvature} product, ${from}, of ${JSON.stringify(names)}`, () => graphs.block(from, names)),
    });
  }

  estimate(what: Estimated): Estimate {
    return estimate(this.#graphOf(what), this.precision);
  }

  async release(): Promise<void> {
    this.#released = true;
    await this.#compiled.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #anew(curvature: Curvature, point: Point, batch: Batch, direction: Vector): Promise<Vector> {
    const product = await this.#product(curvature, 'whole');
    const results = await product.run(new Map([...this.#feeds(point, batch), ...this.#directionFeeds(direction)]));
    return this.#flatten(results, productName);
  }

  #product(curvature: Curvature, from: 'whole' | 'split'): Promise<Executable> {
    return this.#executable(`${curvature} product, ${from}`, () => this.#curvatures[curvature].product(from));
  }

  #graphOf(what: Estimated): Graph {
    if (what === 'gradient') return this.#gradientGraph();
    const [kind, curvature] = what.split(' ') as [string, Curvature | undefined];
    if (curvature === undefined) return this.#curvatures[kind as Curvature].split.product;
    const graphs = this.#curvatures[curvature];
    return kind === 'linearise' ? graphs.split.prepare : graphs.whole;
  }

  #gradientGraph(): Graph {
    this.#gradient ??= derivedGraph(this.#traced, 'gradient', () => mergeProducts(gradient(this.#traced)));
    return this.#gradient;
  }

  /** Compiled at the first use, and kept until the program is released. */
  async #executable(name: string, graph: () => Graph, compiling?: () => void): Promise<Executable> {
    return (await this.#take(name, graph, compiling)).executable;
  }

  async #take(name: string, graph: () => Graph, compiling?: () => void): Promise<TakenExecutable> {
    if (this.#released) throw new LambdamaxError({ subject: 'program', expected: 'to be used before it is released' });
    return this.#compiled.take(name, async () => {
      compiling?.();
      const made = graph();
      // The curvature of a linear loss is known before any direction is.
      return made.outputs.size === 0 ? emptyExecutable : this.#backend.compile(made, this.#options);
    });
  }

  #feeds({ parameters, weights }: Point, batch: Batch): Values {
    checkVector('parameters', parameters, this.size, this.precision);
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
    checkVector('direction', direction, this.size, this.precision);
    return new Map([...viewTensors(direction, this.parameters)].map(([name, view]) => [directionName(name), view]));
  }

  #flatten(results: Values, nameOf: (parameter: string) => string): Vector {
    return flattenTensors(this.parameters, this.precision, (name) => results.get(nameOf(name)) as Vector);
  }
}

function inPrecision(values: Batch[string], precision: Precision): Vector {
  if (precision === 'float64') return values instanceof Float64Array ? values : Float64Array.from(values);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/**
 * So far that values computed from here are rounded anew, and so near that what they stand for hardly changes: products differ by
 * a few times what rounding does to them, where one roundoff leaves too many as they are.
 */
const roundoffsAway = 16;

/** The parameters, each moved up or down at random by some roundoffs of their root mean square. */
function movedByRoundoffs(parameters: Vector): Vector {
  let squares = 0;
  for (const entry of parameters) squares += entry * entry;
  const size = Math.sqrt(squares / parameters.length);
  const distance = roundoffsAway * roundoff[precisionOf(parameters)] * (size > 0 ? size : 1);
  const random = randomStream(0, 'roundoffs');
  return parameters.map((entry) => entry + (random.uniform() < 0.5 ? -distance : distance));
}

function scalar(results: Values): number {
  return results.get('value')![0]!;
}
