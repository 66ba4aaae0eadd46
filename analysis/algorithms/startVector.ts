import { randomStream } from '../../compute/random.ts';

/** A start vector [size] of independent standard normal entries, the same for the same seed and name on every machine. */
export function startVector(size: number, seed: number | string, name: string): Float64Array {
  const random = randomStream(seed, name);
  return Float64Array.from({ length: size }, () => random.normal());
}
