import * as tf from '@tensorflow/tfjs';
import { constant } from '../../compute/index.ts';

/** So far below every score that its exponential is exactly 0, in float32 and float64. */
const masked = -1e9;

/** Queries first .. end-1, and the keys from .. end-1 that some of them may see. */
export interface QueryBlock {
  readonly from: number;
  readonly first: number;
  readonly end: number;
}

/**
 * [queries, keys] of a block: 0 where position i may see position j, and a very negative score elsewhere. It may if j <= i,
 * and, in a sliding window, i - window < j.
 */
export function causalMask({ from, first, end }: QueryBlock, window: number | null = null): tf.Tensor {
  const [queries, keys] = [end - first, end - from];
  const scores = Array.from({ length: queries * keys }, (_, index) => {
    const back = first + Math.floor(index / keys) - (from + (index % keys));
    return back < 0 || (window !== null && back >= window) ? masked : 0;
  });
  return constant(scores, [queries, keys]);
}

/**
 * [rows, 1, queries, keys] of a block: 0 where a query and a key are of one sequence, and a very negative score elsewhere.
 * `places` [rows, length] says how many tokens of its sequence stand before each; keys behind the query are as if of its own.
 */
export function sequenceMask(places: tf.Tensor, { from, first, end }: QueryBlock): tf.Tensor {
  const [queries, keys] = [end - first, end - from];
  const back = Array.from(
    { length: queries * keys },
    (_, index) => first + Math.floor(index / keys) - (from + (index % keys)),
  );
  const ofQueries = tf.reshape(tf.slice(tf.cast(places, 'float32'), [0, first], [-1, queries]), [-1, 1, queries, 1]);
  return tf.mul(tf.cast(tf.greater(constant(back, [queries, keys]), ofQueries), 'float32'), masked);
}

/** [rows, 1, 1, length] from ones and zeros [rows, length]: 0 for a real token, a very negative score for padding. */
export function paddingMask(keyMask: tf.Tensor): tf.Tensor {
  const [rows, length] = keyMask.shape as [number, number];
  return tf.reshape(tf.mul(tf.sub(1, keyMask), masked), [rows, 1, 1, length]);
}

/** [rows * length, heads * headSize] as [rows, heads, length, headSize]. */
export function splitHeads(x: tf.Tensor2D, rows: number, headSize: number): tf.Tensor4D {
  const [positions, width] = x.shape;
  return tf.transpose(tf.reshape(x, [rows, positions / rows, width / headSize, headSize]), [0, 2, 1, 3]) as tf.Tensor4D;
}

/**
 * Grouped-query attention, softmax(scale q k' + mask) v. The queries that share a key and value head are one longer
 * sequence to it, so that nothing is repeated in memory. q [rows, heads, length, headSize], k and v [rows, keyValueHeads,
 * keys, headSize]; `mask` is added to scores [rows, heads, length, keys]; result [rows * length, heads * headSize].
 * Ainslie et al. 2023, arXiv 2305.13245.
 */
export function attention(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, mask: tf.Tensor, scale: number): tf.Tensor2D {
  const [rows, heads, length, headSize] = q.shape;
  const [, keyValueHeads, keys] = k.shape;
  const grouped = [rows, keyValueHeads, (heads / keyValueHeads) * length];
  const scaled = tf.mul(tf.reshape(q, [...grouped, headSize]), constant(scale));
  const scores = tf.matMul(scaled, k, false, true);
  const weights = tf.softmax(tf.add(tf.reshape(scores, [rows, heads, length, keys]), mask));
  const mixed = tf.matMul(tf.reshape(weights, [...grouped, keys]), v);
  const perPosition = tf.transpose(tf.reshape(mixed, [rows, heads, length, headSize]), [0, 2, 1, 3]);
  return tf.reshape(perPosition, [rows * length, heads * headSize]);
}
