import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { callSite } from './callSite.ts';

/** What a custom gradient is given: tensors, and a function that saves some for the gradient. */
type Forward = (...inputs: [...tf.Tensor[], (saved: tf.Tensor[]) => void]) => { value: tf.Tensor };
type Recording = (forward: Forward, inputs: tf.Tensor[]) => tf.Tensor;

/** The forward pass alone, on the tape: its derivatives are those of the operations in it. */
const byItsParts: Recording = (forward, inputs) => forward(...inputs, () => {}).value;

/** TensorFlow.js's own operations with a custom gradient, by the scope that it opens for each. */
const operations = new Map<string, Recording>([
  ['logSoftmax__op', (_, [logits]) => logSoftmax(logits!)],
  ['softmaxCrossEntropy__op', (_, [labels, logits]) => tf.neg(tf.sum(tf.mul(labels!, logSoftmax(logits!)), -1))],
  ['logSigmoid__op', byItsParts],
  ['fusedMatMul__op', byItsParts],
]);

/**
 * Stands in for TensorFlow.js's `customGrad` while something is recorded. What a custom gradient saves is cut from the tape,
 * so that a second derivative through it would silently be wrong. TensorFlow.js's own (`tf.logSoftmax`, `tf.logSigmoid`,
 * `tf.losses.softmaxCrossEntropy`, `tf.fused.matMul`) have them for stability only: they are recorded without. Any other
 * is refused with a LambdamaxError that names the caller's line.
 */
export function recordCustomGradient(forward: Forward): (...inputs: tf.Tensor[]) => tf.Tensor {
  const recording = operations.get(tf.engine().state.activeScope.name);
  if (recording !== undefined) return (...inputs) => recording(forward, inputs);
  throw new LambdamaxError({
    subject: `a custom gradient at ${callSite()}`,
    expected: 'operations whose gradient can itself be differentiated',
    remedy: 'use plain tf.* operations',
  });
}

function logSoftmax(logits: tf.Tensor): tf.Tensor {
  return tf.engine().runKernel('LogSoftmax', { logits }, { axis: -1 }) as tf.Tensor;
}
