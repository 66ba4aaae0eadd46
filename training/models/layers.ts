import * as tf from '@tensorflow/tfjs';
import { constant } from '../../compute/index.ts';

/** x / sqrt(mean(x^2) + eps) * weight over the last axis. Zhang and Sennrich 2019, arXiv 1910.07467. */
export function rmsNorm(x: tf.Tensor2D, weight: tf.Tensor, eps: number): tf.Tensor2D {
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), constant(eps)));
  return tf.mul(tf.mul(x, inverse), weight);
}

/** The cosines and sines by which a rotary embedding turns pairs, each [1, length, 1, headSize / 2]. */
export interface RotaryTables {
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
}

/** Tables for positions 0 .. length-1: pair i of position t turns by t theta^(-2i/headSize). Su et al., arXiv 2104.09864. */
export function rotaryTables(length: number, headSize: number, theta: number): RotaryTables {
  const pairs = headSize / 2;
  const angles = Array.from(
    { length: length * pairs },
    (_, index) => Math.floor(index / pairs) * theta ** ((-2 * (index % pairs)) / headSize),
  );
  const shape = [1, length, 1, pairs];
  return { cos: constant(angles.map(Math.cos), shape), sin: constant(angles.map(Math.sin), shape) };
}

/** Turns the pairs (i, i + headSize/2) of every head, x [rows, length, heads, headSize], as transformers' Llama does. */
export function rotate(x: tf.Tensor4D, { cos, sin }: RotaryTables): tf.Tensor4D {
  const [first, second] = tf.split(x, 2, -1) as [tf.Tensor4D, tf.Tensor4D];
  return tf.concat(
    [tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))],
    -1,
  ) as tf.Tensor4D;
}

/** So far below every score that its exponential is exactly 0, in float32 and float64. */
const masked = -1e9;

/** [length, length]: 0 where position i may see position j (j <= i), and a very negative score elsewhere. */
export function causalMask(length: number): tf.Tensor {
  const scores = Array.from({ length: length * length }, (_, index) =>
    index % length > Math.floor(index / length) ? masked : 0,
  );
  return constant(scores, [length, length]);
}

/** [rows, 1, 1, length] from ones and zeros [rows, length]: 0 for a real token, a very negative score for padding. */
export function paddingMask(keyMask: tf.Tensor): tf.Tensor {
  const [rows, length] = keyMask.shape as [number, number];
  return tf.reshape(tf.mul(tf.sub(1, keyMask), masked), [rows, 1, 1, length]);
}

/** Extents of an attention layer. */
export interface AttentionShape {
  readonly rows: number;
  readonly length: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
}

/**
 * Grouped-query attention, softmax(q k' / sqrt(headSize) + mask) v. The queries that share a key and value head are one
 * longer sequence to it, so that nothing is repeated in memory. q [rows, length, heads, headSize], k and v [rows, length,
 * keyValueHeads, headSize]; `masks` are added to scores [rows, heads, length, length]; result [rows * length, heads *
 * headSize]. Ainslie et al. 2023, arXiv 2305.13245.
 */
export function attention(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  masks: readonly tf.Tensor[],
  { rows, length, heads, keyValueHeads, headSize }: AttentionShape,
): tf.Tensor2D {
  const groups = heads / keyValueHeads;
  const grouped = [rows, keyValueHeads, groups * length, headSize];
  const queries = tf.reshape(
    tf.transpose(tf.reshape(q, [rows, length, keyValueHeads, groups, headSize]), [0, 2, 3, 1, 4]),
    grouped,
  );
  const keys = tf.transpose(k, [0, 2, 1, 3]);
  const values = tf.transpose(v, [0, 2, 1, 3]);
  const scores = tf.mul(tf.matMul(queries, keys, false, true), constant(1 / Math.sqrt(headSize)));
  const perHead = masks.reduce<tf.Tensor>(
    (sum, mask) => tf.add(sum, mask),
    tf.reshape(scores, [rows, heads, length, length]),
  );
  const weights = tf.reshape(tf.softmax(perHead), [rows, keyValueHeads, groups * length, length]);
  const mixed = tf.reshape(tf.matMul(weights, values), [rows, keyValueHeads, groups, length, headSize]);
  return tf.reshape(tf.transpose(mixed, [0, 3, 1, 2, 4]), [rows * length, heads * headSize]);
}
