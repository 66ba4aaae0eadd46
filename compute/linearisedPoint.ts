import { LambdamaxError } from '../errors.ts';
import type { Executable, Values } from './backends/executable.ts';
import { productName } from './differentiate/products.ts';
import type { Curvature, Linearised, LinearisedBlock } from './program.ts';
import type { TakenExecutable } from './sharedExecutables.ts';
import {
  checkVector,
  flattenTensors,
  precisionOf,
  type TensorSpec,
  totalSize,
  type Vector,
  viewTensors,
} from './tensors.ts';
import { directionName } from './trace/record.ts';

/** A curvature at a point, and what its products are made of. */
export interface LinearisedParts
  extends Pick<Linearised, 'curvature' | 'parameters' | 'value' | 'gradient' | 'keptBytes'> {
  /** What products take besides their direction. */
  readonly feeds: Values;
  /** Products that depend on no direction, by the names of their outputs. */
  readonly constants: Values;
  /** The curvature at a point some roundoffs away, by which rounding is measured; see `Linearised.rerounded`. */
  readonly nearby: () => Promise<Linearised>;
  /** What computes all others. */
  readonly product: () => Promise<Executable>;
  /** What computes those of some parameters, for directions in these alone. */
  readonly blockProduct: (parameters: readonly string[]) => Promise<TakenExecutable>;
}

/** What `Program.linearise` returns. */
export class LinearisedPoint implements Linearised {
  readonly curvature: Curvature;
  readonly parameters: readonly TensorSpec[];
  readonly value: number;
  readonly gradient: Vector;
  readonly keptBytes: number;
  #parts: LinearisedParts | undefined;

  constructor(parts: LinearisedParts) {
    this.curvature = parts.curvature;
    this.parameters = parts.parameters;
    this.value = parts.value;
    this.gradient = parts.gradient;
    this.keptBytes = parts.keptBytes;
    this.#parts = parts;
  }

  async apply(direction: Vector): Promise<Vector> {
    return this.#multiply(await this.#held().product(), this.parameters, direction);
  }

  async applyAll(directions: readonly Vector[]): Promise<Vector[]> {
    const products: Vector[] = [];
    for (const direction of directions) products.push(await this.apply(direction));
    return products;
  }

  async rerounded(directions: readonly Vector[]): Promise<Vector[]> {
    await using nearby = await this.#held().nearby();
    return await nearby.applyAll(directions);
  }

  async block(names: readonly string[]): Promise<LinearisedBlock> {
    const specs = this.#specsOf(names);
    const { executable, giveBack } = await this.#held().blockProduct(names);
    return {
      parameters: specs,
      apply: (direction) => this.#multiply(executable, specs, direction),
      rerounded: (directions) => this.#reroundedIn(specs, directions),
      release: giveBack,
    };
  }

  async release(): Promise<void> {
    this.#parts = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #multiply(product: Executable, specs: readonly TensorSpec[], direction: Vector): Promise<Vector> {
    const { feeds, constants } = this.#held();
    const precision = precisionOf(this.gradient);
    checkVector('direction', direction, totalSize(specs), precision);
    const directions = [...viewTensors(direction, specs)].map(([name, view]) => [directionName(name), view] as const);
    const results = await product.run(new Map([...feeds, ...directions]));
    return flattenTensors(specs, precision, (name) => {
      const output = productName(name);
      return (results.get(output) ?? constants.get(output)) as Vector;
    });
  }

  /** A block's products, as those of the whole with directions in these tensors alone: a graph of its own is not worth its compilation. */
  async #reroundedIn(specs: readonly TensorSpec[], directions: readonly Vector[]): Promise<Vector[]> {
    const precision = precisionOf(this.gradient);
    const whole = directions.map((direction) => {
      const views = viewTensors(direction, specs);
      return flattenTensors(this.parameters, precision, (name) => views.get(name) ?? []);
    });
    return (await this.rerounded(whole)).map((product) => {
      const views = viewTensors(product, this.parameters);
      return flattenTensors(specs, precision, (name) => views.get(name)!);
    });
  }

  #held(): LinearisedParts {
    if (this.#parts !== undefined) return this.#parts;
    const matrix = { hessian: 'Hessian', gaussNewton: 'Gauss-Newton matrix' }[this.curvature];
    throw new LambdamaxError({ subject: `linearised ${matrix}`, expected: 'to be used before it is released' });
  }

  #specsOf(names: readonly string[]): TensorSpec[] {
    const known = new Map(this.parameters.map((spec) => [spec.name, spec]));
    const specs = [...new Set(names)].flatMap((name) => known.get(name) ?? []);
    if (names.length > 0 && specs.length === names.length) return specs;
    throw new LambdamaxError({
      subject: 'block of a curvature',
      expected: 'names of parameters, each once',
      got: names.find((name, at) => !known.has(name) || names.indexOf(name) !== at) ?? 'none',
    });
  }
}
