import * as tf from '@tensorflow/tfjs';
import type { RandomStream } from '../../compute/index.ts';

/** What a kernel is tried on: [4, 4] matrices drawn anew at each call, and the row numbers `ids` [4], two of them alike. */
export interface Operands {
  readonly matrix: () => tf.Tensor2D;
  readonly ids: tf.Tensor1D;
  readonly random: RandomStream;
}

/** [4, 4] in and [4, 4] out. */
export type Operation = (operands: Operands) => tf.Tensor;

/** In [0.5, infinity), where logarithms, roots and powers are smooth. */
export const positive = (x: tf.Tensor): tf.Tensor => tf.add(tf.square(x), 0.5);
/** In (-1, 1), so that long compositions stay of order one. */
export const bounded = (x: tf.Tensor): tf.Tensor => tf.tanh(x);
/** Truth values as 0 and 1. */
export const numbers = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'float32');
/** One of the choices, drawn. */
export const pick = <T>(random: RandomStream, choices: readonly T[]): T => choices[random.integer(choices.length)]!;
/** Sixteen entries as a matrix. */
export const asMatrix = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [4, 4]);
/** All, a column, a row or a single number of a matrix, to be broadcast. */
export const part = ({ matrix, random }: Operands): tf.Tensor =>
  tf.slice(matrix(), [0, 0], [pick(random, [1, 4]), pick(random, [1, 4])]);
