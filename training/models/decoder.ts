import type * as tf from '@tensorflow/tfjs';

/** What a decoder is given while it is traced. */
export interface DecoderContext {
  readonly rows: number;
  readonly length: number;
  /** Token ids [rows, length], int32. */
  readonly inputIds: tf.Tensor;
  /** 1 for a token, 0 for padding, [rows, length]; absent if causality alone hides the padding. */
  readonly keyMask: tf.Tensor | undefined;
  /** A weight of the checkpoint by its name. */
  weight(name: string): tf.Tensor;
  /** The linear layer called `module`, with its adapter if it has one: x [positions, in] to [positions, out]. */
  linear(x: tf.Tensor2D, module: string): tf.Tensor2D;
}
