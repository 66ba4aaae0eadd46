import * as tf from '@tensorflow/tfjs';
import { Recorder } from './recorder.ts';

/**
 * What `body` computes, as a constant to all derivatives that are recorded around it: TensorFlow's stop_gradient. `body`
 * must be synchronous.
 */
export function withoutGradient<T extends tf.Tensor>(body: () => T): T {
  // Of an operation that is made of others the engine takes the whole for the tape, not its parts: at any depth but 0
  // nothing is taped.
  const { state } = tf.engine();
  const backend: unknown = tf.backend();
  if (backend instanceof Recorder) backend.hidesGradients = true;
  state.kernelDepth++;
  try {
    return body();
  } finally {
    state.kernelDepth--;
  }
}
