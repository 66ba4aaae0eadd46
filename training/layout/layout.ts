import * as tf from '@tensorflow/tfjs';
import type { TensorSpec } from '../../compute/index.ts';
import type { AdaptedModule, AdapterForm } from './form.ts';

/** Which modules are adapted, how, and how large: all of an adapter that its compiled graph depends on. */
export interface AdapterLayout {
  readonly form: AdapterForm;
  /** The adapted modules in the order in which their tensors are flattened. */
  readonly modules: ReadonlyMap<string, AdaptedModule>;
  /** Weights of the base that the adapter brings values of. */
  readonly replaced?: ReplacedWeights;
}

/**
 * Weights outside the adapted matrices for which an adapter's file has values of its own: an embedding matrix, an output
 * projection, norms, biases. They are frozen here, however they were trained.
 */
export interface ReplacedWeights {
  /** Among them the output projection if it is no longer tied to the embedding matrix. */
  readonly weights: readonly TensorSpec[];
  /** PEFT's `modules_to_save`. */
  readonly modulesToSave: readonly string[];
}

/** The trainable tensors of all modules, named `<module>.<tensor>` as in PEFT's files. */
export function layoutTensors(layout: AdapterLayout): TensorSpec[] {
  return [...layout.modules].flatMap(([module, { shape, size }]) =>
    layout.form.tensors(shape, size).map((tensor) => ({ name: `${module}.${tensor.name}`, shape: tensor.shape })),
  );
}

/** The frozen tensors that all modules share. */
export function sharedTensors({ form, modules }: AdapterLayout): TensorSpec[] {
  return form.shared?.([...modules.values()]) ?? [];
}

/** What finds a tensor by its name: a Map, or several behind one another. */
export interface TensorLookup<T> {
  get(name: string): T | undefined;
}

/**
 * The tensors of one module under their short names (`lora_A.weight`) and the shared ones, chosen from those of all
 * modules.
 */
export function moduleTensors<T>(layout: AdapterLayout, module: string, tensors: TensorLookup<T>): Map<string, T> {
  const { shape, size } = layout.modules.get(module)!;
  return new Map([
    ...layout.form.tensors(shape, size).map(({ name }) => [name, tensors.get(`${module}.${name}`)!] as const),
    ...sharedTensors(layout).map(({ name }) => [name, tensors.get(name)!] as const),
  ]);
}

/** y = x W' of a linear layer, through its adapter if the layout has one for it. */
export function applyLayout(
  layout: AdapterLayout,
  module: string,
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  tensors: TensorLookup<tf.Tensor>,
): tf.Tensor2D {
  const adapted = layout.modules.get(module);
  if (adapted === undefined) return tf.matMul(x, weight, false, true);
  return layout.form.apply(x, weight, moduleTensors(layout, module, tensors), adapted.size);
}

/**
 * The frozen tensors that an adapter brings itself: the weights of its modules, which a method may replace by residual
 * weights, those that the modules share, and weights of the base that its file has values of.
 */
export function adaptedWeights(layout: AdapterLayout): string[] {
  const weights = [...layout.modules.keys()].map((module) => `${module}.weight`);
  return [...weights, ...broughtTensors(layout).map(({ name }) => name)];
}

/** Frozen tensors that an adapter brings beside the weights of its modules. */
export function broughtTensors(layout: AdapterLayout): TensorSpec[] {
  return [...sharedTensors(layout), ...(layout.replaced?.weights ?? [])];
}

/** The layout whose gradient training follows: that of the form's `training`, where it has one. */
export function trainingLayout(layout: AdapterLayout): AdapterLayout {
  const { training } = layout.form;
  return training === undefined ? layout : { ...layout, form: training };
}

/** A key that is equal for layouts that compile to the same graph. */
export function layoutKey({ form, modules, replaced }: AdapterLayout): string {
  return JSON.stringify([form.name, [...modules], replaced?.weights.map(({ name }) => name)]);
}
