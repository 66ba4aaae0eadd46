import * as tf from '@tensorflow/tfjs';
import { constant } from '../../compute/index.ts';

/** x / sqrt(mean(x^2) + eps) * weight over the last axis. Zhang and Sennrich 2019, arXiv 1910.07467. */
export function rmsNorm(x: tf.Tensor2D, weight: tf.Tensor, eps: number): tf.Tensor2D {
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), constant(eps)));
  return tf.mul(tf.mul(x, inverse), weight);
}

/** The cosines and sines by which a rotary embedding turns heads, [length, headSize]; those of `sin` signed for `rotate`. */
export interface RotaryTables {
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
}

/** Tables for positions 0 .. length-1: pair i of position t turns by t theta^(-2i/headSize). Su et al., arXiv 2104.09864. */
export function rotaryTables(length: number, headSize: number, theta: number): RotaryTables {
  const pairs = headSize / 2;
  const table = (entry: (angle: number, column: number) => number): tf.Tensor => {
    const values = Array.from({ length: length * headSize }, (_, index) => {
      const column = index % headSize;
      return entry(Math.floor(index / headSize) * theta ** ((-2 * (column % pairs)) / headSize), column);
    });
    return constant(values, [length, headSize]);
  };
  return { cos: table(Math.cos), sin: table((angle, column) => (column < pairs ? -Math.sin(angle) : Math.sin(angle))) };
}

/**
 * Turns the pairs (i, i + headSize/2) of every head, x [rows, heads, length, headSize], as transformers' Llama does: to
 * (a, b) belongs (a cos - b sin, b cos + a sin), which is x cos + swapped x sin with the sign kept in the table. Tables as
 * wide as a head are multiplied in one pass each, where half-width ones broadcast over short rows.
 */
export function rotate(x: tf.Tensor4D, { cos, sin }: RotaryTables): tf.Tensor4D {
  const [first, second] = tf.split(x, 2, -1) as [tf.Tensor4D, tf.Tensor4D];
  return tf.add(tf.mul(x, cos), tf.mul(tf.concat([second, first], -1), sin));
}

/** [rows * length, heads * headSize] as [rows, heads, length, headSize]. */
export function splitHeads(x: tf.Tensor2D, rows: number, headSize: number): tf.Tensor4D {
  const [positions, width] = x.shape;
  return tf.transpose(tf.reshape(x, [rows, positions / rows, width / headSize, headSize]), [0, 2, 1, 3]) as tf.Tensor4D;
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

/**
 * Grouped-query attention, softmax(q k' / sqrt(headSize) + mask) v. The queries that share a key and value head are one
 * longer sequence to it, so that nothing is repeated in memory. q [rows, heads, length, headSize], k and v [rows,
 * keyValueHeads, length, headSize]; `masks` are added to scores [rows, heads, length, length]; result [rows * length,
 * heads * headSize]. Ainslie et al. 2023, arXiv 2305.13245.
 */
export function attention(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, masks: readonly tf.Tensor[]): tf.Tensor2D {
  const [rows, heads, length, headSize] = q.shape;
  const keyValueHeads = k.shape[1];
  const grouped = [rows, keyValueHeads, (heads / keyValueHeads) * length];
  const scores = tf.mul(
    tf.matMul(tf.reshape(q, [...grouped, headSize]), k, false, true),
    constant(1 / Math.sqrt(headSize)),
  );
  const perHead = masks.reduce<tf.Tensor>(
    (sum, mask) => tf.add(sum, mask),
    tf.reshape(scores, [rows, heads, length, length]),
  );
  const mixed = tf.matMul(tf.reshape(tf.softmax(perHead), [...grouped, length]), v);
  const perPosition = tf.transpose(tf.reshape(mixed, [rows, heads, length, headSize]), [0, 2, 1, 3]);
  return tf.reshape(perPosition, [rows * length, heads * headSize]);
}
