import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { attention, causalMask, paddingMask } from './attention.ts';
import type { Positions } from './decoder.ts';
import { rotaryTables, rotate } from './rotary.ts';

/**
 * Whole rows at once: token t of a row stands at position t and sees those up to t. `keyMask` [rows, length] is 1 for a
 * token and 0 for padding; not given if causality alone hides the padding. Throws a LambdamaxError for rows that are longer
 * than a table of learned positions.
 */
export function wholeRows(length: number, keyMask?: tf.Tensor): Positions {
  // One constant per kind, and not one per layer.
  const tablesOf = remembered(rotaryTables);
  const maskOf = remembered((first: number, end: number, from: number, window: number | null) => {
    const mask = tf.slice(causalMask(length, window), [first, from], [end - first, end - from]);
    if (keyMask === undefined) return mask;
    return tf.add(mask, tf.slice(paddingMask(keyMask), [0, 0, 0, from], [-1, 1, 1, end - from]));
  });
  return {
    learned: (table) => {
      const [maximum, hidden] = table.shape;
      if (length > maximum)
        throw new LambdamaxError({
          subject: `rows of ${length} tokens`,
          expected: `at most ${maximum}, the model's learned positions`,
          remedy: 'lower --max-length',
        });
      return tf.slice(table, [0, 0], [length, hidden]);
    },
    rotate: (x, embedding) => rotate(x, tablesOf(length, x.shape[3], embedding)),
    attend: (_layer, q, k, v, { scale, window }) => {
      const step = Math.max(64, Math.ceil(length / 4));
      const parts: tf.Tensor2D[] = [];
      const rows = q.shape[0];
      for (let first = 0; first < length; first += step) {
        const end = Math.min(length, first + step);
        const from = window === null ? 0 : Math.max(0, first - window + 1);
        const piece = (x: tf.Tensor4D, a: number, b: number) =>
          (a === 0 && b === length ? x : tf.slice(x, [0, 0, a, 0], [-1, -1, b - a, -1])) as tf.Tensor4D;
        const mixed = attention(
          piece(q, first, end),
          piece(k, from, end),
          piece(v, from, end),
          maskOf(first, end, from, window !== null && window < end ? window : null),
          scale,
        );
        parts.push(tf.reshape(mixed, [rows, end - first, -1]) as unknown as tf.Tensor2D);
      }
      const all = parts.length === 1 ? parts[0]! : tf.concat(parts, 1);
      return tf.reshape(all, [rows * length, -1]) as tf.Tensor2D;
    },
  };
}

/** A function that computes once for equal arguments. */
function remembered<A extends readonly unknown[], R>(compute: (...args: A) => R): (...args: A) => R {
  const known = new Map<string, R>();
  return (...args) => {
    const key = JSON.stringify(args);
    const result = known.get(key) ?? compute(...args);
    known.set(key, result);
    return result;
  };
}
