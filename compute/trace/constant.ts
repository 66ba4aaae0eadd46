import * as tf from '@tensorflow/tfjs';
import { sizeOf } from '../tensors.ts';
import { Recorder } from './recorder.ts';

/**
 * A constant with all its float64 digits. TensorFlow.js itself rounds every number that it is given to float32, also in
 * `x.mul(0.1)`; a program compiled in float64 then differs from its formula in the eighth digit. Outside a trace this is
 * an ordinary tensor.
 */
export function constant(values: number | ArrayLike<number>, shape: readonly number[] = []): tf.Tensor {
  const numbers = typeof values === 'number' ? new Float64Array(sizeOf(shape)).fill(values) : Float64Array.from(values);
  const backend: unknown = tf.backend();
  if (backend instanceof Recorder) return backend.tensor(backend.builder.constant(numbers, shape, 'float32'));
  return tf.tensor(Float32Array.from(numbers), [...shape]);
}
