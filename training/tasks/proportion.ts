import { LambdamaxError } from '../../errors.ts';

/** How many of some things are so, and how sure that makes the rate behind it. */
export interface Proportion {
  /** From 0 to 1. */
  readonly value: number;
  /** The 95 % confidence interval. */
  readonly low: number;
  readonly high: number;
  /** Number of things that the proportion is of. */
  readonly count: number;
}

// The 97.5 % quantile of the normal distribution.
const z = 1.959963984540054;

/**
 * The share of `successes` in `count`, with Wilson's score interval: all rates p with (value - p)^2 <= z^2 p (1 - p) / count.
 * It stays between 0 and 1 and keeps its width where all or none succeed.
 * @throws LambdamaxError unless both are whole numbers with 0 <= successes <= count and 1 <= count.
 * @see E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927)
 */
export function proportion(successes: number, count: number): Proportion {
  if (!(Number.isInteger(count) && count >= 1 && Number.isInteger(successes) && successes >= 0 && successes <= count)) {
    const expected = 'successes of at least one thing, and no more of them than things';
    throw new LambdamaxError({ subject: 'proportion', expected, got: `${successes} of ${count}` });
  }
  const value = successes / count;
  const scale = 1 + z ** 2 / count;
  const centre = (value + z ** 2 / (2 * count)) / scale;
  const half = (z / scale) * Math.sqrt((value * (1 - value)) / count + z ** 2 / (4 * count ** 2));
  // In exact arithmetic the ends at none and all are 0 and 1.
  const low = successes === 0 ? 0 : centre - half;
  const high = successes === count ? 1 : centre + half;
  return { value, low, high, count };
}

/** The share of judgements that are true. Throws as {@link proportion}, for none at all. */
export function shareOf(judgements: readonly boolean[]): Proportion {
  return proportion(judgements.filter((judgement) => judgement).length, judgements.length);
}
