import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { LambdamaxError } from '../errors.ts';

/** A stream of random numbers that its seed and its name determine: the same on every machine. */
export interface RandomStream {
  /** Uniform in [0, 1), 53 random bits. */
  uniform(): number;
  /** A whole number from 0 (inclusive) to `limit` (exclusive). Throws a LambdamaxError unless 1 <= limit <= 2^53. */
  integer(limit: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** The numbers 0..length-1 in random order (Fisher-Yates). */
  permutation(length: number): number[];
}

/**
 * The random stream called `name` under `seed`. Streams of different names are independent, so that one more draw for
 * the adapter's initial values, say, leaves the order of the data as it was.
 */
export function randomStream(seed: number | string, name: string): RandomStream {
  const generator = xoroshiro128plus(createHash('sha256').update(`${seed}\n${name}`).digest().readInt32LE(0));
  const uniform = (): number => uniformFloat64(generator);
  const integer = (limit: number): number => {
    if (!(limit >= 1 && limit <= 2 ** 53))
      throw new LambdamaxError({ subject: `random stream ${name}`, expected: 'a limit from 1 to 2^53', got: limit });
    return uniformInt(generator, 0, limit - 1);
  };
  return {
    uniform,
    integer,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    permutation: (length) => {
      const order = Array.from({ length }, (_, index) => index);
      for (let last = length - 1; last > 0; last--) {
        const other = integer(last + 1);
        [order[last], order[other]] = [order[other]!, order[last]!];
      }
      return order;
    },
  };
}
