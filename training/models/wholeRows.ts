import * as tf from '@tensorflow/tfjs';
import { attention, causalMask, paddingMask, type QueryBlock } from './attention.ts';
import type { Positions } from './decoder.ts';
import { requireLearnedPositions } from './learnedPositions.ts';
import { remembered } from './remembered.ts';
import { rotaryTables, rotate } from './rotary.ts';

/**
 * Whole rows at once: token t of a row stands at position t and sees those up to t. `keyMask` [rows, length] is 1 for a
 * token and 0 for padding; not given if causality alone hides the padding. Throws a LambdamaxError for rows that are longer
 * than a table of learned positions.
 */
export function wholeRows(length: number, keyMask?: tf.Tensor): Positions {
  const tablesOf = remembered(rotaryTables);
  const maskOf = remembered((block: QueryBlock, window: number | null) => {
    const mask = causalMask(block, window);
    if (keyMask === undefined) return mask;
    const { from, end } = block;
    return tf.add(mask, tf.slice(paddingMask(keyMask), [0, 0, 0, from], [-1, 1, 1, end - from]));
  });
  return {
    learned: (table) => {
      requireLearnedPositions(length, table, 'lower --max-length');
      return tf.slice(table, [0, 0], [length, table.shape[1]]);
    },
    rotate: (x, embedding) => rotate(x, tablesOf(length, x.shape[3], embedding)),
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
