import type { Estimate } from './graph/estimate.ts';
import type { Precision, TensorSpec, Vector } from './tensors.ts';

/** Where the function is taken: the trainable values, and the frozen weights that are not the checkpoint's own. */
export interface Point {
  /** The trainable tensors one after another, in the order of `Program.parameters`. */
  readonly parameters: Vector;
  /**
   * Values of the weights that were compiled as replaceable (`CompileOptions.replaceable`), by name. They are frozen:
   * `linearise` holds on to them, where it copies all else.
   */
  readonly weights?: ReadonlyMap<string, Vector>;
}

/** One batch: a value for every input that the traced function declared, by name. */
export type Batch = Readonly<Record<string, Float32Array | Float64Array | Int32Array>>;

/** A symmetric matrix that says how a loss bends: its Hessian, or J' (d2 loss / dz2) J for network outputs z. */
export type Curvature = 'hessian' | 'gaussNewton';

/** A principal block of a curvature at one point on one batch: the curvature in some parameters, all others held fixed. */
export interface LinearisedBlock {
  /** The tensors that directions and products consist of: in the order in which they were named. */
  readonly parameters: readonly TensorSpec[];
  /** The block's product with a direction, both flattened. */
  apply(direction: Vector): Promise<Vector>;
  /** The products with directions at a point some roundoffs away, by which rounding is measured; see `Linearised.rerounded`. */
  rerounded(directions: readonly Vector[]): Promise<Vector[]>;
  /** Frees what was compiled for it, if no other batch uses that; no product may follow. To be called once. */
  release(): Promise<void>;
}

/** A curvature at one point on one batch, with all that does not depend on the direction computed and kept. */
export interface Linearised {
  readonly curvature: Curvature;
  /** The tensors that the gradient, directions and products consist of, in their order. */
  readonly parameters: readonly TensorSpec[];
  readonly value: number;
  /** The gradient at the point, flattened as `Point.parameters`. */
  readonly gradient: Vector;
  /** Memory that the kept values take until `release`. */
  readonly keptBytes: number;
  /** H v (or G v) for a direction v, both flattened as `Point.parameters`. */
  apply(direction: Vector): Promise<Vector>;
  /**
   * The products with all of these directions, one after another: each of them occupies all threads by itself. (Twice the
   * rows in one graph took 2.1 times as long, on a Llama of 192 hidden units with 1,024 tokens.)
   */
  applyAll(directions: readonly Vector[]): Promise<Vector[]>;
  /**
   * Products with these directions in which all rounding falls anew: at a point that is 16 roundoffs away, in units of the
   * parameters' root mean square. They are as right as those of `apply`, and the difference shows how right that is: on 120
   * searches in float32, where the error is in the kept values, it was 0.9 to 14 times the product's true error. (The defect of
   * symmetry shows nothing: a curvature of rounded values is symmetric too.) The batch is linearised once more for it, and what
   * that keeps is freed at the end.
   */
  rerounded(directions: readonly Vector[]): Promise<Vector[]>;
  /**
   * The principal block of some parameters. It takes the same kept values, and its products do without what is zero for
   * directions in these parameters alone, and what only other entries of the product need. Its graph is compiled once for all
   * batches of the program that have the block at the same time. Throws a LambdamaxError for no parameters, or one that is named
   * twice or unknown.
   */
  block(parameters: readonly string[]): Promise<LinearisedBlock>;
  /** Frees the kept values; a second time does nothing, and `apply`, also of blocks, throws a LambdamaxError from then on. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A run whose cost can be estimated: the gradient; a product of a linearised curvature, the kept values among its bytes; the
 * linearisation, which returns them; a product of a curvature of which nothing is kept.
 */
export type Estimated = 'gradient' | Curvature | `linearise ${Curvature}` | `recompute ${Curvature}`;

/** How a curvature is linearised. */
export interface LineariseOptions {
  /**
   * Whether values are kept between products, which is the default. Else each product computes everything anew, at two to three
   * times the cost: for batches whose kept values would not fit in memory.
   */
  readonly keep?: boolean;
  /** Told before graphs are made and compiled, if they are not there, and before the batch is linearised: neither can be interrupted. */
  readonly onStage?: (stage: 'compile' | 'linearise') => void;
}

/**
 * A traced scalar function, compiled for one backend. What it offers is compiled at its first use. Everything throws a
 * LambdamaxError that names a vector, weight or batch input which is missing or of the wrong length or precision, and any
 * use after `release`; NaN is no error.
 */
export interface Program {
  readonly parameters: readonly TensorSpec[];
  readonly inputs: readonly TensorSpec[];
  readonly precision: Precision;
  /** The number of trainable values: the length of `Point.parameters`. */
  readonly size: number;
  /** f at the point on the batch. */
  value(point: Point, batch: Batch): Promise<number>;
  /** f and its gradient, flattened as `Point.parameters`. */
  gradient(point: Point, batch: Batch): Promise<{ value: number; gradient: Vector }>;
  /** H v, everything computed anew; for several directions at one point `linearise` is cheaper. */
  hessianVector(point: Point, batch: Batch, direction: Vector): Promise<Vector>;
  /**
   * G v, G = J' (d2 loss / dz2) J, for a loss that was traced as `outputs` z and a `loss` of them; a LambdamaxError
   * otherwise.
   */
  gaussNewtonVector(point: Point, batch: Batch, direction: Vector): Promise<Vector>;
  /** J v, the derivative of the outputs z along the direction, row-major. Throws as `gaussNewtonVector`. */
  jacobianVector(point: Point, batch: Batch, direction: Vector): Promise<Vector>;
  /** The Hessian (the default) or Gauss-Newton matrix at the point, prepared for many directions. */
  linearise(point: Point, batch: Batch, curvature?: Curvature, options?: LineariseOptions): Promise<Linearised>;
  /** What one run costs; nothing is run. */
  estimate(what: Estimated): Estimate;
  /** Frees all that was compiled, also under what `linearise` returned; a second time does nothing. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Where a frozen weight lies on disk. */
export interface WeightLocation {
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
  readonly dtype: 'F64' | 'F32' | 'F16' | 'BF16';
  readonly shape: readonly number[];
}

/** A checkpoint as `compute` sees it: names and places, no values. */
export interface WeightSource {
  /** Throws a LambdamaxError that names the tensor if there is none of this name. */
  locate(name: string): WeightLocation;
}
