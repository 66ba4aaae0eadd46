import type * as tf from '@tensorflow/tfjs';
import type { RandomStream } from '../../compute/random.ts';
import type { TensorSpec } from '../../compute/tensors.ts';
import type { AdaptedModule, AdapterForm, AdapterSize, LinearShape } from '../layout/form.ts';
import type { PeftKind, PeftType } from '../peft/config.ts';

/** Sums over the rows of data of something that the inputs of a linear layer make. */
export interface InputStatistics {
  /** The sums' names and shapes, for a layer with so many inputs. */
  tensors(inputs: number): TensorSpec[];
  /**
   * One row's part of them, of its inputs x [length, in]. Ones in `present` [length] mark its tokens, padding is 0; ones in
   * `scored` those of them whose own label is scored.
   */
  of(x: tf.Tensor2D, places: { present: tf.Tensor1D; scored: tf.Tensor1D }): ReadonlyMap<string, tf.Tensor>;
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
  /** This module's own stream, named by the module under `initSeed`. */
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

/** A form, and what its adapters are called where nobody says which method they came from. */
export interface NamedForm {
  readonly name: string;
  readonly form: AdapterForm;
}

/** A `peft_type` with its forms. */
export interface PeftTypeOfForms extends PeftType {
  /** The form that computes as PEFT does with an adapter of this kind; the reverse of `AdapterForm.peft`. */
  formOf(kind: PeftKind): NamedForm;
}

/** A LoRA variant: a form, and initial values. */
export interface AdapterMethod {
  readonly name: string;
  /** What a user's own file is made of, with all that it imports; `loadMethod` sets it. Absent for a method of ours. */
  readonly contentHash?: string;
  readonly form: AdapterForm;
  /** The `peft_type` that the method's form is of; one method of a type has to bring it. */
  readonly peft?: PeftTypeOfForms;
  /**
   * Why the function is unchanged at step 0: the update is zero, or the frozen weight is replaced by the residual weight
   * W - s B A.
   */
  readonly keepsFunctionBy: 'zeroUpdate' | 'residualWeight';
  /**
   * Whether each module starts with a factor of its update that is wholly zero beside another that is trained, as B beside A in
   * LoRA: the top of the Hessian is then chiefly the norm of a gradient. Absent: not known before it is measured.
   */
  readonly startsAtZeroB?: boolean;
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
