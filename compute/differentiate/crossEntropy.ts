import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { logSoftmax } from './logSoftmax.ts';

/** How `linearCrossEntropy` is computed. */
export interface CrossEntropyOptions {
  /** Positions whose logits exist at once; default: all of them. */
  readonly chunk?: number;
}

/**
 * The cross-entropy of each position's target, [positions], from hidden states [positions, hidden], the output matrix
 * [vocabulary, hidden] and targets (int32 ids of the vocabulary, as many as positions): log sum exp z - z[target],
 * z = hidden matrix'. The logits z are computed for `chunk` positions at a time, and the target's own as a product with
 * its row of the matrix, so that of all arrays
 * [positions, vocabulary] a linearised product keeps one, the probabilities p, and none is made besides. Its
 * derivative is p u, and its second derivative p u - p <p, u>. Throws a LambdamaxError unless chunk is a whole number >= 1.
 */
export function linearCrossEntropy(
  hidden: tf.Tensor2D,
  matrix: tf.Tensor2D,
  targets: tf.Tensor,
  { chunk = hidden.shape[0] }: CrossEntropyOptions = {},
): tf.Tensor1D {
  if (!(Number.isInteger(chunk) && chunk >= 1))
    throw new LambdamaxError({ subject: 'chunk of the cross-entropy', expected: 'a whole number from 1', got: chunk });
  const [positions] = hidden.shape;
  const sizes = Array.from({ length: Math.ceil(positions / chunk) }, (_, k) => Math.min(chunk, positions - k * chunk));
  // TensorFlow.js's gradient of a split into one part fails.
  const parts = sizes.length === 1 ? [hidden] : tf.split(hidden, sizes);
  const normalisers = parts.map((part) => logSumExp(tf.matMul(part, matrix, false, true)));
  const rows = tf.gather(matrix, tf.reshape(targets, [positions]) as tf.Tensor1D);
  return tf.sub(tf.concat(normalisers) as tf.Tensor1D, tf.sum(tf.mul(hidden, rows), -1));
}

/**
 * How TensorFlow.js puts an operation with a gradient of its own on the tape. `tf.customGrad` does the same, but is refused
 * while tracing: most gradients written with it cannot be differentiated again. What is saved here is the input, and so
 * stays on the tape.
 */
interface Engine {
  runKernelFunc(operation: {
    readonly inputs: { readonly x: tf.Tensor };
    readonly attrs: Record<string, never>;
    readonly forwardFunc: (backend: unknown, save: (tensors: tf.Tensor[]) => void) => tf.Tensor;
    readonly backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => { readonly x: () => tf.Tensor };
  }): tf.Tensor1D;
}

/**
 * log sum exp x over the last axis, and softmax(x) as its derivative, in terms of the input: it can be differentiated
 * again. Out of a log softmax, which does not overflow.
 */
export function logSumExp(x: tf.Tensor2D): tf.Tensor1D {
  const rows = x.shape[0];
  const column = (y: tf.Tensor): tf.Tensor => tf.reshape(tf.slice(y, [0, 0], [rows, 1]), [rows]);
  return (tf.engine() as unknown as Engine).runKernelFunc({
    inputs: { x },
    attrs: {},
    forwardFunc: (_, save) => {
      save([x]);
      return tf.sub(column(x), column(logSoftmax(x)));
    },
    backwardsFunc: (dy, [saved]) => ({ x: () => tf.mul(tf.reshape(dy, [rows, 1]), tf.softmax(saved!)) }),
  });
}
