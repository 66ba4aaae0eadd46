import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { sizeOf } from '../tensors.ts';
import { callSite } from './callSite.ts';
import { Recorder } from './recorder.ts';

/**
 * A constant with all its float64 digits: one number repeated, or all values row-major. TensorFlow.js itself rounds every
 * number that it is given to float32, also in `x.mul(0.1)`; a program compiled in float64 then differs from its formula in
 * the eighth digit. Outside a trace this is an ordinary tensor. Throws a LambdamaxError if there are not as many values as
 * the shape has entries.
 */
export function constant(values: number | ArrayLike<number>, shape: readonly number[] = []): tf.Tensor {
  const size = sizeOf(shape);
  const backend: unknown = tf.backend();
  if (backend instanceof Recorder && typeof values === 'number' && size > 0)
    return backend.tensor(backend.builder.fill(values, { shape, dtype: 'float32' }));
  const numbers = typeof values === 'number' ? new Float64Array(size).fill(values) : Float64Array.from(values);
  if (numbers.length !== size)
    throw new LambdamaxError({
      subject: `constant at ${callSite()}`,
      expected: `${size} values for shape [${shape}]`,
      got: numbers.length,
    });
  if (backend instanceof Recorder) return backend.tensor(backend.builder.constant(numbers, shape, 'float32'));
  return tf.tensor(Float32Array.from(numbers), [...shape]);
}
