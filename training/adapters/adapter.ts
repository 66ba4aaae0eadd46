import type * as tf from '@tensorflow/tfjs';
import type { RandomStream } from '../../compute/random.ts';

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
  /** The adapted layer y [positions, out] of x [positions, in]; `tensors` by their names, `weight` frozen [out, in]. */
  apply(x: tf.Tensor2D, weight: tf.Tensor2D, tensors: ReadonlyMap<string, tf.Tensor>, size: AdapterSize): tf.Tensor2D;
  /** The change of the layer's matrix, [out, in] row-major: s B A. */
  update(shape: LinearShape, tensors: ReadonlyMap<string, Float64Array>, size: AdapterSize): Float64Array;
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
}

/** A LoRA variant: a form, and initial values. */
export interface AdapterMethod {
  readonly name: string;
  readonly form: AdapterForm;
  /**
   * Why the function is unchanged at step 0: the update is zero, or the frozen weight is replaced by the residual weight
   * W - s B A.
   */
  readonly keepsFunctionBy: 'zeroUpdate' | 'residualWeight';
  /** Initial values in float64, by the names of `form.tensors`. */
  initialise(context: InitialiseContext): Map<string, Float64Array>;
}
