import * as tf from '@tensorflow/tfjs';
import { constant } from '../../compute/index.ts';
import { paddingMask } from './attention.ts';
import type { Positions } from './decoder.ts';
import { requireLearnedPositions } from './learnedPositions.ts';
import { remembered } from './remembered.ts';
import { type RotaryEmbedding, rotaryTables, rotate } from './rotary.ts';

/** The keys and values of a layer at some positions, each [rows, keyValueHeads, positions, headSize]; keys are turned. */
export interface KeysAndValues {
  readonly keys: tf.Tensor4D;
  readonly values: tf.Tensor4D;
}

/** What rows have seen before their new tokens. */
export interface CachedTokens {
  /** Where the new token of each row stands, [rows], int32. */
  readonly positions: tf.Tensor1D;
  /** Slots a row. Position p lies in slot p; what lies in the slots from the new token on is never looked at. */
  readonly capacity: number;
  /** What a layer has kept, [rows, keyValueHeads, capacity, headSize]. */
  kept(layer: number): KeysAndValues;
  /** Is told the new tokens' own keys and values in a layer, [rows, keyValueHeads, 1, headSize]. */
  onNew(layer: number, own: KeysAndValues): void;
}

/**
 * One new token a row, each at a position of its own: it sees itself, and what is kept of the tokens before it. Throws a
 * LambdamaxError for more slots than a table of learned positions has.
 */
export function cachedTokens({ positions, capacity, kept, onNew }: CachedTokens): Positions {
  const [rows] = positions.shape;
  const slots = constant(
    Array.from({ length: capacity }, (_, slot) => slot),
    [1, capacity],
  );
  const tablesOf = remembered((headSize: number, embedding: RotaryEmbedding) => {
    const tables = rotaryTables(capacity, headSize, embedding);
    const own = (table: tf.Tensor) => tf.reshape(tf.gather(table, positions), [rows, 1, 1, headSize]);
    return { ...tables, cos: own(tables.cos), sin: own(tables.sin) };
  });
  const maskOf = remembered((window: number | null) => {
    const place = tf.reshape(tf.cast(positions, 'float32'), [rows, 1]);
    const before = tf.greater(place, slots);
    const seen = window === null ? before : tf.logicalAnd(before, tf.greater(slots, tf.sub(place, window)));
    return paddingMask(tf.cast(seen, 'float32'));
  });
  return {
    learned: (table) => {
      requireLearnedPositions(capacity, table, 'generate fewer tokens, or shorten the prompt');
      return tf.reshape(tf.gather(table, positions), [rows, 1, table.shape[1]]);
    },
    rotate: (x, embedding) => rotate(x, tablesOf(x.shape[3], embedding)),
    attend: (layer, q, k, v, { scale, window }) => {
      onNew(layer, { keys: k, values: v });
      return attention(q, kept(layer), { keys: k, values: v }, maskOf(window), scale);
    },
  };
}

/**
 * softmax(scale [q kept' + mask, q own']) [kept; own] of one query a head, as `attention.ts` groups them. The two parts stay
 * where they are: to join them would copy all that is kept.
 */
function attention(
  q: tf.Tensor4D,
  kept: KeysAndValues,
  own: KeysAndValues,
  mask: tf.Tensor,
  scale: number,
): tf.Tensor2D {
  const [rows, heads, , headSize] = q.shape;
  const [, keyValueHeads, capacity] = kept.keys.shape;
  const grouped = tf.reshape(tf.mul(q, constant(scale)), [rows, keyValueHeads, heads / keyValueHeads, headSize]);
  const scores = [tf.add(tf.matMul(grouped, kept.keys, false, true), mask), tf.matMul(grouped, own.keys, false, true)];
  const [before, self] = tf.split(tf.softmax(tf.concat(scores, -1)), [capacity, 1], -1) as [tf.Tensor4D, tf.Tensor4D];
  const mixed = tf.add(tf.matMul(before, kept.values), tf.mul(self, own.values));
  return tf.reshape(mixed, [rows, heads * headSize]);
}
