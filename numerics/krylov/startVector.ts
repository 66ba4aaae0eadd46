import { randomStream } from '../../compute/random.ts';

/** A start vector [size] of independent standard normal entries, the same for the same seed and name on every machine. */
export function startVector(size: number, seed: number | string, name: string): Float64Array {
  const random = randomStream(seed, name);
  return Float64Array.from({ length: size }, () => random.normal());
}

/** A vector [size] of independent signs, 1 or -1 with equal chances (Rademacher), the same for the same seed and name. */
export function randomSigns(size: number, seed: number | string, name: string): Float64Array {
  const random = randomStream(seed, name);
  return Float64Array.from({ length: size }, () => (random.uniform() < 0.5 ? -1 : 1));
}
