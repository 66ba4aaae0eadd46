import type * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { type Engine, onBackend } from '../engine.ts';
import type { DType, Graph, Node } from '../graph/node.ts';
import type { TensorSpec } from '../tensors.ts';
import { compositionOf } from './compositions.ts';
import { recordCustomGradient } from './customGradients.ts';
import { registerKernels } from './kernels.ts';
import { Recorder, recorderName } from './recorder.ts';

/** A value that changes from batch to batch: numbers, or whole numbers such as token ids. */
export interface InputSpec extends TensorSpec {
  readonly dtype: Exclude<DType, 'bool'>;
}

/** The tensors that a traced function is given, by name. */
export interface TracedTensors {
  readonly parameters: ReadonlyMap<string, tf.Tensor>;
  readonly inputs: ReadonlyMap<string, tf.Tensor>;
  readonly weights: ReadonlyMap<string, tf.Tensor>;
}

/** What a traced function declares: its trainable tensors, what a batch feeds, and the frozen weights. */
export interface Signature {
  readonly parameters: readonly TensorSpec[];
  readonly inputs: readonly InputSpec[];
  readonly weights: readonly TensorSpec[];
}

/** What a traced function did. */
export interface Recording extends Graph {
  /** Whether part of it is a constant to derivatives (`withoutGradient`), which the nodes do not tell. */
  readonly hidesGradients: boolean;
}

/** Directions in parameter space enter the graph as placeholders of this name. */
export function directionName(parameter: string): string {
  return `direction of ${parameter}`;
}

/**
 * Runs `body` once with tensors that hold no numbers, and returns the graph of what it did. The body may use any kernel
 * of `kernels.ts` and `compositions.ts`, chained methods, and TensorFlow.js's own gradients, nested. The engine's backend, memory and scopes
 * are left as they were found. Throws a LambdamaxError that names operation and line for a kernel that cannot be
 * recorded and for a traced value that is read, and one for a name that is declared twice.
 */
export function record(
  signature: Signature,
  body: (tensors: TracedTensors, directions: ReadonlyMap<string, tf.Tensor>) => ReadonlyMap<string, tf.Tensor>,
): Recording {
  requireDistinctNames(signature);
  registerKernels();
  const recorder = new Recorder();
  const tensors = <Spec extends TensorSpec>(specs: readonly Spec[], node: (spec: Spec) => Node) =>
    new Map(specs.map((spec) => [spec.name, recorder.tensor(node(spec))]));
  const placeholders = (specs: readonly (TensorSpec & { readonly dtype?: DType })[], name = (spec: string) => spec) =>
    tensors(specs, (spec) =>
      recorder.builder.placeholder(name(spec.name), { shape: spec.shape, dtype: spec.dtype ?? 'float32' }),
    );

  return onRecorder(recorder, () => {
    const traced = {
      parameters: placeholders(signature.parameters),
      inputs: placeholders(signature.inputs),
      weights: tensors(signature.weights, ({ name, shape }) => recorder.builder.weight(name, shape)),
    };
    const results = recorder.requireNoReads(() => body(traced, placeholders(signature.parameters, directionName)));
    const outputs = new Map([...results].map(([name, tensor]) => [name, recorder.nodeOf(tensor)]));
    return { outputs, hidesGradients: recorder.hidesGradients };
  });
}

/** Runs `body` with `recorder` as the engine's backend, and puts the engine back afterwards, whatever happens. */
function onRecorder<T>(recorder: Recorder, body: () => T): T {
  return onBackend(recorderName, recorder, (engine) => {
    const { customGrad, runKernel } = engine;
    engine.customGrad = recordCustomGradient;
    engine.runKernel = (kernel, inputs, attributes = {}) =>
      compositionOf(kernel)?.(inputs, attributes) ?? runKernel.call(engine, kernel, inputs, attributes);
    try {
      return body();
    } finally {
      clearTape(engine);
      engine.customGrad = customGrad;
      engine.runKernel = runKernel;
    }
  });
}

/** A function that throws inside `tf.grads` leaves the tape behind, with the tensors that were saved on it. */
function clearTape({ state }: Engine): void {
  if (state.gradientDepth > 0) return;
  for (const { saved = [] } of state.activeTape ?? []) for (const tensor of saved) tensor.dispose();
  state.activeTape = null;
}

/** Values are fed by name, so that a name must mean one tensor. */
function requireDistinctNames({ parameters, inputs, weights }: Signature): void {
  const declared = [...parameters, ...inputs, ...weights].map(({ name }) => name);
  const names = [...declared, ...parameters.map(({ name }) => directionName(name))];
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    throw new LambdamaxError({ subject: `tensor ${twice}`, expected: 'to be declared once', got: 'two of this name' });
}
