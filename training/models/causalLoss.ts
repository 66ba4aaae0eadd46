import * as tf from '@tensorflow/tfjs';
import { logSoftmax } from '../../compute/index.ts';

/** The cross-entropy of each position's target, [positions], from logits [positions, vocabulary] and token ids. */
export function positionLosses(logits: tf.Tensor2D, targets: tf.Tensor): tf.Tensor1D {
  const [positions, vocabulary] = logits.shape;
  const chosen = tf.oneHot(tf.reshape(targets, [positions]) as tf.Tensor1D, vocabulary);
  return tf.neg(tf.sum(tf.mul(logSoftmax(logits), chosen), -1));
}

/** sum_t weights[t] * losses[t]: the mean over scored positions if those weigh 1/scored and the others 0. */
export function weightedLoss(losses: tf.Tensor1D, weights: tf.Tensor): tf.Scalar {
  return tf.sum(tf.mul(losses, tf.reshape(weights, [losses.size])));
}
