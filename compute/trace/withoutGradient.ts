import * as tf from '@tensorflow/tfjs';

/**
 * What `body` computes, as a constant to all derivatives that are recorded around it: TensorFlow's stop_gradient. `body`
 * must be synchronous.
 */
export function withoutGradient<T extends tf.Tensor>(body: () => T): T {
  // Of an operation that is made of others the engine takes the whole for the tape, not its parts: at any depth but 0
  // nothing is taped.
  const { state } = tf.engine();
  state.kernelDepth++;
  try {
    return body();
  } finally {
    state.kernelDepth--;
  }
}
