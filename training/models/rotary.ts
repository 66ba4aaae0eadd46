import * as tf from '@tensorflow/tfjs';
import { constant } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';

/** A rotary embedding: how far the pairs of a head turn from one position to the next. Su et al., arXiv 2104.09864. */
export interface RotaryEmbedding {
  /** Pair i of a head turns by theta^(-2i/width) a position, before scaling; width is the number of entries that turn. */
  readonly theta: number;
  /** The share of a head's entries, from the first on, that turn at all; absent: 1. */
  readonly partialFactor?: number;
  /** How a model was taught to read further than it was first trained to; null: not at all. */
  readonly scaling: RotaryScaling | null;
}

/** How rotary frequencies are scaled, by config.json's `rope_type`. */
export type RotaryScaling = LinearScaling | Llama3Scaling | YarnScaling | LongRopeScaling;

/** All frequencies are divided by a factor. */
export interface LinearScaling {
  readonly type: 'linear';
  readonly factor: number;
}

/**
 * Low frequencies are divided by a factor, high ones kept, those between blended: with n = originalMaxPositions
 * frequency / 2 pi turns over the original context, low is n < lowFrequencyFactor, high is n > highFrequencyFactor.
 * Grattafiori et al. 2024, arXiv 2407.21783, and transformers' `llama3`.
 */
export interface Llama3Scaling {
  readonly type: 'llama3';
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalMaxPositions: number;
}

/**
 * Low frequencies are divided by a factor, high ones kept, those between blended by the number of their pair; and cosines and
 * sines are multiplied by a factor of their own. High are pairs that make more than `fastTurns` turns over the original
 * context, low those that make fewer than `slowTurns`. Peng et al. 2023, arXiv 2309.00071, and transformers' `yarn`.
 */
export interface YarnScaling {
  readonly type: 'yarn';
  readonly factor: number;
  readonly originalMaxPositions: number;
  readonly attentionFactor: number;
  readonly fastTurns: number;
  readonly slowTurns: number;
  /** Whether the bounds between high, blended and low are rounded to whole pairs, outwards. */
  readonly truncate: boolean;
}

/**
 * Each frequency is divided by a factor of its own, and cosines and sines are multiplied by one. Ding et al. 2024, arXiv
 * 2402.13753, and transformers' `longrope`, up to the context that the model was first trained for. For longer rows
 * transformers takes other factors, for all rows of a batch by the longest one, padding included.
 */
export interface LongRopeScaling {
  readonly type: 'longrope';
  readonly factor: number;
  readonly originalMaxPositions: number;
  readonly attentionFactor: number;
  /** One for each pair that turns. */
  readonly shortFactors: readonly number[];
}

/** How many entries of a head turn. As in transformers, an odd number of them counts as one more where pairs are made. */
function turningWidth(headSize: number, { partialFactor = 1 }: RotaryEmbedding): number {
  return Math.floor(headSize * partialFactor);
}

/** How many pairs of a head turn. */
export function turningPairs(headSize: number, embedding: RotaryEmbedding): number {
  return Math.ceil(turningWidth(headSize, embedding) / 2);
}

/** The angles, in radians, by which each pair of a head that turns does so a position. */
export function rotaryFrequencies(headSize: number, embedding: RotaryEmbedding): number[] {
  const { theta, scaling } = embedding;
  const width = turningWidth(headSize, embedding);
  const pairs = turningPairs(headSize, embedding);
  const frequencies = Array.from({ length: pairs }, (_, pair) => theta ** ((-2 * pair) / width));
  if (scaling?.type === 'yarn') return yarnFrequencies(frequencies, width, theta, scaling);
  if (scaling?.type === 'longrope')
    return frequencies.map((frequency, pair) => frequency / scaling.shortFactors[pair]!);
  return frequencies.map((frequency) => scaled(frequency, scaling));
}

function yarnFrequencies(
  frequencies: readonly number[],
  headSize: number,
  theta: number,
  { factor, originalMaxPositions, fastTurns, slowTurns, truncate }: YarnScaling,
): number[] {
  /** The pair, between two pairs as a rule, that makes so many turns over the original context. */
  const pairOf = (turns: number) =>
    (headSize * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const first = Math.max(truncate ? Math.floor(pairOf(fastTurns)) : pairOf(fastTurns), 0);
  const bound = Math.min(truncate ? Math.ceil(pairOf(slowTurns)) : pairOf(slowTurns), headSize - 1);
  // As transformers, against a division by 0.
  const last = bound === first ? bound + 0.001 : bound;
  return frequencies.map((frequency, pair) => {
    const divided = Math.min(Math.max((pair - first) / (last - first), 0), 1);
    return (divided * frequency) / factor + (1 - divided) * frequency;
  });
}

function scaled(frequency: number, scaling: LinearScaling | Llama3Scaling | null): number {
  if (scaling === null) return frequency;
  if (scaling.type === 'linear') return frequency / scaling.factor;
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositions } = scaling;
  const turns = (originalMaxPositions * frequency) / (2 * Math.PI);
  const kept = Math.min(Math.max((turns - low) / (high - low), 0), 1);
  return kept * frequency + ((1 - kept) * frequency) / factor;
}

/**
 * The cosines and sines by which a rotary embedding turns heads, [length, headSize]; those of `sin` signed for `rotate`.
 * Entries that do not turn have cosine 1 and sine 0.
 */
export interface RotaryTables {
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
  /** How many pairs turn. */
  readonly pairs: number;
}

/** Tables for positions 0 .. length-1. Throws a LambdamaxError for more of them than a LongRoPE is computed for. */
export function rotaryTables(length: number, headSize: number, embedding: RotaryEmbedding): RotaryTables {
  requireShort(length, embedding.scaling);
  const frequencies = rotaryFrequencies(headSize, embedding);
  const pairs = frequencies.length;
  const { scaling } = embedding;
  const factor = scaling?.type === 'yarn' || scaling?.type === 'longrope' ? scaling.attentionFactor : 1;
  const table = (unturned: number, entry: (angle: number, column: number) => number): tf.Tensor => {
    const values = Array.from({ length: length * headSize }, (_, index) => {
      const column = index % headSize;
      if (column >= 2 * pairs) return unturned;
      return factor * entry(Math.floor(index / headSize) * frequencies[column % pairs]!, column);
    });
    return constant(values, [length, headSize]);
  };
  return {
    cos: table(1, Math.cos),
    sin: table(0, (angle, column) => (column < pairs ? -Math.sin(angle) : Math.sin(angle))),
    pairs,
  };
}

function requireShort(length: number, scaling: RotaryScaling | null): void {
  if (scaling?.type !== 'longrope' || length <= scaling.originalMaxPositions) return;
  throw new LambdamaxError({
    subject: 'rope_type longrope',
    expected: `at most ${scaling.originalMaxPositions} positions, original_max_position_embeddings of the model`,
    got: length,
    remedy: 'lower `maxLength`: on longer rows the model is another function, which is not computed here',
  });
}

/**
 * Turns the pairs (i, i + pairs) of every head, x [rows, heads, length, headSize], as transformers' Llama does: to (a, b)
 * belongs (a cos - b sin, b cos + a sin), which is x cos + swapped x sin with the sign kept in the table. Tables as wide as
 * a head are multiplied in one pass each, where half-width ones broadcast over short rows.
 */
export function rotate(x: tf.Tensor4D, { cos, sin, pairs }: RotaryTables): tf.Tensor4D {
  const rest = x.shape[3] - 2 * pairs;
  const sizes = rest === 0 ? 2 : [pairs, pairs, rest];
  const [first, second, ...unturned] = tf.split(x, sizes, -1) as [tf.Tensor4D, tf.Tensor4D, ...tf.Tensor4D[]];
  return tf.add(tf.mul(x, cos), tf.mul(tf.concat([second, first, ...unturned], -1), sin));
}
