import { randomStream } from '../compute/random.ts';
import { mean } from './statistics.ts';

/** A rank correlation with its two-sided permutation p-value. */
export interface RankCorrelation {
  readonly value: number;
  /** Chance that a random pairing gives an absolute correlation at least as large. */
  readonly pValue: number;
  /** True when all n! pairings were counted, false when they were sampled. */
  readonly exact: boolean;
}

/** Up to this many points all n! pairings are counted (40,320 at 8); above, {@link sampledPairings} random ones. */
const largestExact = 8;
const sampledPairings = 20_000;

/** Average ranks from 1; ties share the mean of the ranks they cover. */
export function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

/** Spearman's rho: Pearson's correlation of the average ranks; null below two points or for constant values. */
export function spearman(x: readonly number[], y: readonly number[], seed = 0): RankCorrelation | null {
  return judged(ranks(x), ranks(y), pearson, seed);
}

/**
 * Kendall's tau-b: (concordant - discordant) / sqrt((n0 - ties in x)(n0 - ties in y)), n0 = n(n-1)/2; null below two
 * points or for constant values. Kendall, Biometrika 33 (1945).
 */
export function kendall(x: readonly number[], y: readonly number[], seed = 0): RankCorrelation | null {
  return judged([...x], [...y], tauB, seed);
}

type Correlation = (x: readonly number[], y: readonly number[]) => number;

function judged(x: number[], y: number[], correlation: Correlation, seed: number): RankCorrelation | null {
  if (new Set(x).size < 2 || new Set(y).size < 2) return null;
  const value = correlation(x, y);
  const threshold = Math.abs(value) - 1e-12;
  const isAsLarge = (pairing: readonly number[]): boolean => Math.abs(correlation(x, pairing)) >= threshold;
  const exact = x.length <= largestExact;
  if (exact) {
    let large = 0;
    let all = 0;
    for (const pairing of permutations(y)) {
      all++;
      if (isAsLarge(pairing)) large++;
    }
    return { value, pValue: large / all, exact };
  }
  const random = randomStream(seed, 'rank correlation, permutation test');
  let large = 1; // the observed pairing itself, so that no p-value is zero
  for (let draw = 0; draw < sampledPairings; draw++) {
    if (isAsLarge(random.permutation(y.length).map((i) => y[i]!))) large++;
  }
  return { value, pValue: large / (sampledPairings + 1), exact };
}

function pearson(x: readonly number[], y: readonly number[]): number {
  const centreX = mean(x);
  const centreY = mean(y);
  let xy = 0;
  let xx = 0;
  let yy = 0;
  x.forEach((value, i) => {
    xy += (value - centreX) * (y[i]! - centreY);
    xx += (value - centreX) ** 2;
    yy += (y[i]! - centreY) ** 2;
  });
  return xy / Math.sqrt(xx * yy);
}

function tauB(x: readonly number[], y: readonly number[]): number {
  let difference = 0;
  let untiedX = 0;
  let untiedY = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      const signX = Math.sign(x[i]! - x[j]!);
      const signY = Math.sign(y[i]! - y[j]!);
      difference += signX * signY;
      untiedX += signX * signX;
      untiedY += signY * signY;
    }
  }
  return difference / Math.sqrt(untiedX * untiedY);
}

/** All orders of `values`, by Heap's algorithm; the same array is yielded each time, changed by one swap. */
function* permutations(values: readonly number[]): Generator<readonly number[]> {
  const order = [...values];
  const counters = order.map(() => 0);
  yield order;
  let i = 0;
  while (i < order.length) {
    if (counters[i]! < i) {
      const other = i % 2 === 0 ? 0 : counters[i]!;
      [order[other], order[i]] = [order[i]!, order[other]!];
      yield order;
      counters[i]!++;
      i = 0;
    } else {
      counters[i++] = 0;
    }
  }
}
