import type * as tf from '@tensorflow/tfjs';
import type { TensorSpec } from '../../compute/tensors.ts';
import type { PeftKind } from '../peft/config.ts';

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
  /** Name in PEFT's files, after that of the module: `lora_A.weight`. */
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
