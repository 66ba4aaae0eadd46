import * as tf from '@tensorflow/tfjs';
import { attention, causalMask, paddingMask, type QueryBlock, sequenceMask } from './attention.ts';
import type { Positions } from './decoder.ts';
import { requireLearnedPositions } from './learnedPositions.ts';
import { remembered } from './remembered.ts';
import { type RotaryEmbedding, rotaryTables, rotate } from './rotary.ts';

/** What rows have besides tokens; each is absent where no row of the batch has it. */
export interface RowInputs {
  /** [rows, length]: 1 for a token and 0 for padding that causality does not hide. */
  readonly keyMask?: tf.Tensor | undefined;
  /** [rows, length], int32: how many tokens of its own sequence stand before each token. */
  readonly places?: tf.Tensor | undefined;
  /** [rows, length], int32: the position of each token in a table of learned positions. */
  readonly positions?: tf.Tensor | undefined;
}

/**
 * Whole rows at once: a token sees those of its own sequence up to itself, which are all up to itself without `places`. Where
 * a sequence starts makes no difference to a rotary embedding, which knows distances alone. Throws a LambdamaxError for
 * rows that are longer than a table of learned positions.
 */
export function wholeRows(length: number, { keyMask, places, positions }: RowInputs = {}): Positions {
  const tablesOf = remembered((headSize: number, embedding: RotaryEmbedding) => {
    const tables = rotaryTables(length, headSize, embedding);
    if (places === undefined) return tables;
    const own = (table: tf.Tensor) => tf.expandDims(tf.gather(table, places), 1);
    return { ...tables, cos: own(tables.cos), sin: own(tables.sin) };
  });
  const maskOf = remembered((block: QueryBlock, window: number | null) => {
    const { from, end } = block;
    const masks = [causalMask(block, window)];
    if (keyMask !== undefined) masks.push(tf.slice(paddingMask(keyMask), [0, 0, 0, from], [-1, 1, 1, end - from]));
    if (places !== undefined) masks.push(sequenceMask(places, block));
    return masks.reduce((sum, mask) => tf.add(sum, mask));
  });
  return {
    learned: (table) => {
      if (positions !== undefined) return tf.gather(table, positions);
      requireLearnedPositions(length, table, 'lower `maxLength`');
      return tf.slice(table, [0, 0], [length, table.shape[1]]);
    },
    rotate: (x, embedding) => rotate(x, tablesOf(x.shape[3], embedding)),
    attend: (_layer, q, k, v, { scale, window }) => {
      const [rows] = q.shape;
      const mixed = queryBlocks(length, window).map((block) => {
        const { from, first, end } = block;
        const [keys, values] = [k, v].map((x) => between(x, from, end)) as [tf.Tensor4D, tf.Tensor4D];
        const part = attention(between(q, first, end), keys, values, maskOf(block, window), scale);
        return tf.reshape(part, [rows, end - first, -1]);
      });
      return tf.reshape(mixed.length === 1 ? mixed[0]! : tf.concat(mixed, 1), [rows * length, -1]);
    },
  };
}

/**
 * Queries that are attended to together, over the keys that some of them see alone: of the scores that causality hides, four
 * blocks leave three quarters out, with all that is done to them in every derivative. Shorter blocks would cost more
 * in the number of operations than they save.
 */
function queryBlocks(length: number, window: number | null): QueryBlock[] {
  const step = Math.max(64, Math.ceil(length / 4));
  return Array.from({ length: Math.ceil(length / step) }, (_, block) => {
    const first = block * step;
    return { from: window === null ? 0 : Math.max(0, first - window + 1), first, end: Math.min(first + step, length) };
  });
}

/** Positions first .. end-1 of [rows, heads, length, headSize]. */
function between(x: tf.Tensor4D, first: number, end: number): tf.Tensor4D {
  return end - first === x.shape[2] ? x : (tf.slice(x, [0, 0, first, 0], [-1, -1, end - first, -1]) as tf.Tensor4D);
}
