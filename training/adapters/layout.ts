import * as tf from '@tensorflow/tfjs';
import type { TensorSpec } from '../../compute/index.ts';
import type { AdapterForm, AdapterSize, LinearShape } from './adapter.ts';

/** Which modules are adapted, how, and how large: all of an adapter that its compiled graph depends on. */
export interface AdapterLayout {
  readonly form: AdapterForm;
  /** The adapted modules in the order in which their tensors are flattened. */
  readonly modules: ReadonlyMap<string, AdaptedModule>;
}

/** One adapted linear layer. */
export interface AdaptedModule {
  readonly shape: LinearShape;
  readonly size: AdapterSize;
}

/** The trainable tensors of all modules, named `<module>.<tensor>` as in PEFT's files. */
export function layoutTensors(layout: AdapterLayout): TensorSpec[] {
  return [...layout.modules].flatMap(([module, { shape, size }]) =>
    layout.form.tensors(shape, size).map((tensor) => ({ name: `${module}.${tensor.name}`, shape: tensor.shape })),
  );
}

/** The tensors of one module under their short names (`lora_A.weight`), chosen from those of all modules. */
export function moduleTensors<T>(
  layout: AdapterLayout,
  module: string,
  tensors: ReadonlyMap<string, T>,
): Map<string, T> {
  const { shape, size } = layout.modules.get(module)!;
  return new Map(layout.form.tensors(shape, size).map(({ name }) => [name, tensors.get(`${module}.${name}`)!]));
}

/** y = x W' of a linear layer, through its adapter if the layout has one for it. */
export function applyLayout(
  layout: AdapterLayout,
  module: string,
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  parameters: ReadonlyMap<string, tf.Tensor>,
): tf.Tensor2D {
  const adapted = layout.modules.get(module);
  if (adapted === undefined) return tf.matMul(x, weight, false, true);
  return layout.form.apply(x, weight, moduleTensors(layout, module, parameters), adapted.size);
}

/** The frozen weights of the adapted modules: those that a method may replace by residual weights. */
export function adaptedWeights(layout: AdapterLayout): string[] {
  return [...layout.modules.keys()].map((module) => `${module}.weight`);
}

/** A key that is equal for layouts that compile to the same graph. */
export function layoutKey({ form, modules }: AdapterLayout): string {
  return JSON.stringify([form.name, [...modules]]);
}
