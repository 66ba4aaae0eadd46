import * as tf from '@tensorflow/tfjs';
import { constant, linearCrossEntropy, logSoftmax } from '../../compute/index.ts';

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
  const chunk = mostPositions(matrix);
  if (hidden.shape[0] > chunk) return linearCrossEntropy(hidden, matrix, targets, { chunk });
  return logitLosses(tf.matMul(hidden, matrix, false, true), targets);
}

/**
 * The token that greedy decoding puts behind each position, [positions]: that of the largest logit, the first of equals; the
 * size of the vocabulary, which is no token, where logits are not numbers. In chunks as `positionLosses`.
 */
export function greedyTokens(hidden: tf.Tensor2D, matrix: tf.Tensor2D): tf.Tensor1D {
  const [vocabulary] = matrix.shape;
  const tokens = constant(
    Array.from({ length: vocabulary }, (_, token) => token),
    [1, vocabulary],
  );
  const chunk = mostPositions(matrix);
  const parts = Array.from({ length: Math.ceil(hidden.shape[0] / chunk) }, (_, part) => {
    const count = Math.min(chunk, hidden.shape[0] - part * chunk);
    const logits = tf.matMul(tf.slice(hidden, [part * chunk, 0], [count, -1]), matrix, false, true);
    const isLargest = tf.equal(logits, tf.max(logits, -1, true));
    return tf.min(tf.where(isLargest, tokens, constant(vocabulary, [1, 1])), -1) as tf.Tensor1D;
  });
  return parts.length === 1 ? parts[0]! : tf.concat(parts);
}

function mostPositions(matrix: tf.Tensor2D): number {
  return Math.max(1, Math.floor(mostLogits / matrix.shape[0]));
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
