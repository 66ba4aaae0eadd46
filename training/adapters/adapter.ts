import type * as tf from '@tensorflow/tfjs';
import type { RandomStream } from '../../compute/random.ts';
import type { TensorSpec } from '../../compute/tensors.ts';
import type { PeftKind } from '../checkpoint/peftConfig.ts';
import type { InputStatistics } from './inputStatistics.ts';

/** The shape of a linear layer's weight W [out, in], as in y = x W'. */
export interface LinearShape {
  readonly out: number;
  readonly in: number;
}

/** LoRA's two numbers for one module. */
export interface AdapterSize {
  readonly rank: number;
  readonly alpha: number;
}

/** One trainable tensor of an adapted layer. */
export interface AdapterTensor {
  /** As in PEFT's files, after the module's name: `lora_A.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
}

/** One adapted linear layer. */
export interface AdaptedModule {
  readonly shape: LinearShape;
  readonly size: AdapterSize;
}

/**
 * How an adapted layer computes. Methods that differ only in initial values share one form, and so one compiled graph:
 * LoRA, PiSSA, MiLoRA, OLoRA and Init[AB] are all `lowRank`.
 */
export interface AdapterForm {
  readonly name: string;
  /** The factor s before the update: alpha / rank in plain LoRA. */
  scaling(size: AdapterSize): number;
  /** The trainable tensors of a layer, in the order in which they are flattened. */
  tensors(shape: LinearShape, size: AdapterSize): AdapterTensor[];
  /** Frozen tensors that all layers share, such as VeRA's random factors; their names have no dot. */
  shared?(modules: readonly AdaptedModule[]): TensorSpec[];
  /** Throws a LambdamaxError that names the module for a size that it cannot have; by default a rank over min(out, in). */
  check?(module: string, shape: LinearShape, size: AdapterSize): void;
  /** What PEFT calls this form; absent where PEFT does not know it. */
  readonly peft?: PeftKind;
  /**
   * The adapted layer y [positions, out] of x [positions, in], without its bias. `weight` [out, in] is frozen; `tensors`
   * are the trainable and the shared ones by their names.
   */
  apply(x: tf.Tensor2D, weight: tf.Tensor2D, tensors: ReadonlyMap<string, tf.Tensor>, size: AdapterSize): tf.Tensor2D;
  /**
   * The change of the layer's matrix that merging adds to `weight` [out, in], row-major as the result: s B A. Forms that
   * do not look at the weight may be called without it.
   */
  update(
    shape: LinearShape,
    tensors: ReadonlyMap<string, Float64Array>,
    size: AdapterSize,
    weight?: Float64Array,
  ): Float64Array;
  /**
   * What residual weights take off the base [out, in], where that is not the whole update: under DoRA's magnitudes s B A, so
   * that their directions are those of the base.
   */
  residualUpdate?: AdapterForm['update'];
  /**
   * The form whose gradient training follows, where that is not the gradient of this one, or one that is cheaper to
   * compute; same tensors, same values.
   * Curvature is always that of the form itself.
   */
  readonly training?: AdapterForm;
}

/** What a method may look at to choose initial values for one layer. */
export interface InitialiseContext {
  /** The module's name, such as `model.layers.0.self_attn.q_proj`. */
  readonly module: string;
  readonly shape: LinearShape;
  readonly size: AdapterSize;
  /** s of the method's form at this size. */
  readonly scaling: number;
  /** The base weight W [out, in], row-major. */
  readonly weight: Float64Array;
  /** This module's own stream, named by the module under `--init-seed`. */
  readonly random: RandomStream;
  /** The gradient of the mean loss in W [out, in], for a method whose `sample` is `gradients`. */
  readonly gradient?: Float64Array;
  /** Sums of the method's own statistics of the layer's inputs. */
  readonly statistics?: ReadonlyMap<string, Float64Array>;
}

/** Initial values in float64, by the names of `form.tensors`. */
export type InitialValues = ReadonlyMap<string, Float64Array>;

/** A layer with its initial values. */
export interface InitialisedModule extends AdaptedModule {
  readonly values: InitialValues;
}

/** How a method shares out ranks among the modules once it has seen them all. */
export interface RankSharing {
  /** The size that `initialise` is asked for: the most that a module may get. */
  most(size: AdapterSize, shape: LinearShape): AdapterSize;
  /** The modules with the ranks that they get, of the sizes that were wanted; a module without any is left out. */
  among(
    modules: ReadonlyMap<string, InitialisedModule>,
    wanted: ReadonlyMap<string, AdapterSize>,
  ): ReadonlyMap<string, InitialisedModule>;
}

/** A LoRA variant: a form, and initial values. */
export interface AdapterMethod {
  readonly name: string;
  /** What a user's own file is made of, with all that it imports; `loadMethod` sets it. Absent for a method of ours. */
  readonly contentHash?: string;
  readonly form: AdapterForm;
  /**
   * Why the function is unchanged at step 0: the update is zero, or the frozen weight is replaced by the residual weight
   * W - s B A.
   */
  readonly keepsFunctionBy: 'zeroUpdate' | 'residualWeight';
  /** Throws a LambdamaxError that names the module for a size from which the method has no initial values. */
  check?(module: string, shape: LinearShape, size: AdapterSize): void;
  /** What initial values follow from besides the weights, taken on a sample of the training rows. */
  readonly sample?: 'gradients' | InputStatistics;
  /** The initial values of one layer. Names that the form does not have are for `share` alone. */
  initialise(context: InitialiseContext): InitialValues | Promise<InitialValues>;
  readonly share?: RankSharing;
  /** The values of one of the form's shared tensors. */
  shared?(tensor: TensorSpec, random: RandomStream): Float64Array;
}
