import * as tf from '@tensorflow/tfjs';
import { linearCrossEntropy, logSoftmax } from '../../compute/index.ts';

/**
 * The most logits that are computed at once: 2^23, 34 MB in float32. More would not make the products of matrices faster,
 * and a second derivative takes several arrays of the kind.
 */
const mostLogits = 2 ** 23;

/**
 * The cross-entropy of each position's target, [positions], from hidden states [positions, hidden], the output matrix
 * [vocabulary, hidden] and token ids: in chunks of positions where there are more than 2^23 logits.
 */
export function positionLosses(hidden: tf.Tensor2D, matrix: tf.Tensor2D, targets: tf.Tensor): tf.Tensor1D {
  const chunk = Math.max(1, Math.floor(mostLogits / matrix.shape[0]));
  if (hidden.shape[0] > chunk) return linearCrossEntropy(hidden, matrix, targets, { chunk });
  return logitLosses(tf.matMul(hidden, matrix, false, true), targets);
}

/** The cross-entropy of each position's target, [positions], from logits [positions, vocabulary] and token ids. */
export function logitLosses(logits: tf.Tensor2D, targets: tf.Tensor): tf.Tensor1D {
  const [positions, vocabulary] = logits.shape;
  const chosen = tf.oneHot(tf.reshape(targets, [positions]) as tf.Tensor1D, vocabulary);
  return tf.neg(tf.sum(tf.mul(logSoftmax(logits), chosen), -1));
}

/** sum_t weights[t] * losses[t]: the mean over scored positions if those weigh 1/scored and the others 0. */
export function weightedLoss(losses: tf.Tensor1D, weights: tf.Tensor): tf.Scalar {
  return tf.sum(tf.mul(losses, tf.reshape(weights, [losses.size])));
}
