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
  const maskOf = remembered((_length: number, window: number | null) => {
    const mask = causalMask(length, window);
    return keyMask === undefined ? mask : tf.add(mask, paddingMask(keyMask));
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
    attend: (_layer, q, k, v, { scale, window }) =>
      attention(q, k, v, maskOf(length, window !== null && window < length ? window : null), scale),
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
