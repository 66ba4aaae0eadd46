import * as tf from '@tensorflow/tfjs';

/**
 * log softmax(x) over the last axis, as one kernel. For traced code, where `tf.logSoftmax` is the same: TensorFlow.js's own
 * backends do not have this kernel.
 */
export function logSoftmax<T extends tf.Tensor>(logits: T): T {
  return tf.engine().runKernel('LogSoftmax', { logits }, { axis: -1 }) as T;
}
