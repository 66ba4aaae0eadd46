import { type RandomStream, randomStream } from '../compute/random.ts';
import { mean, type Stratum } from './statistics.ts';

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
  const value = spearmanRho(x, y);
  if (value === null) return null;
  const [ranksX, ranksY] = [ranks(x), ranks(y)];
  const ofOrder = (order: readonly number[]): number => pearson(ranksX, inOrderOf(ranksY, order));
  return { value, ...chanceOf(value, ofOrder, x.length, randomStream(seed, 'rank correlation, permutation test')) };
}

/** {@link spearman}'s rho alone, without the cost of its p-value; null where that is null. */
export function spearmanRho(x: readonly number[], y: readonly number[]): number | null {
  return new Set(x).size < 2 || new Set(y).size < 2 ? null : pearson(ranks(x), ranks(y));
}

/**
 * Kendall's tau-b: (concordant - discordant) / sqrt((n0 - ties in x)(n0 - ties in y)), n0 = n(n-1)/2; null below two
 * points or for constant values. Kendall, Biometrika 33 (1945).
 */
export function kendall(x: readonly number[], y: readonly number[], seed = 0): RankCorrelation | null {
  const { difference, untiedX, untiedY } = pairCounts(x, y);
  if (untiedX === 0 || untiedY === 0) return null;
  const value = difference / Math.sqrt(untiedX * untiedY);
  const random = randomStream(seed, 'rank correlation, permutation test');
  return { value, ...chanceOf(difference, differenceIn(x, y), x.length, random) };
}

/**
 * Kendall's tau-b over the pairs of points within strata only: concordant less discordant pairs over the root of the product of
 * the pairs not tied in x and those not tied in y, each summed over the strata. The p-value is of the permutation test
 * that permutes within strata: exact where none has more than 8 points, else sampled. The order of strata and points is of no account.
 * Null where no stratum has both x and y that differ.
 */
export function kendallWithin(strata: readonly Stratum[], seed = 0): RankCorrelation | null {
  const used = inOrder(strata);
  const counts = used.map(({ x, y }) => pairCounts(x, y));
  const total = (of: (one: PairCounts) => number): number => counts.reduce((sum, one) => sum + of(one), 0);
  const difference = total((one) => one.difference);
  const value = difference / Math.sqrt(total((one) => one.untiedX) * total((one) => one.untiedY));
  if (!used.some(({ x, y }) => new Set(x).size > 1 && new Set(y).size > 1)) return null;
  const isAsLarge = (other: number): boolean => Math.abs(other) >= Math.abs(difference);
  if (used.every(({ x }) => x.length <= largestExact)) {
    const chances = used.map(differenceChances).reduce(ofSums, new Map([[0, 1]]));
    const pValue = [...chances].reduce((sum, [other, chance]) => (isAsLarge(other) ? sum + chance : sum), 0);
    return { value, pValue: Math.min(pValue, 1), exact: true };
  }
  const random = randomStream(seed, 'rank correlation within strata, permutation test');
  const differences = used.map(({ x, y }) => differenceIn(x, y));
  let large = 1;
  for (let draw = 0; draw < sampledPairings; draw++) {
    const drawn = differences.map((differenceOf, i) => differenceOf(random.permutation(used[i]!.x.length)));
    if (isAsLarge(drawn.reduce((sum, one) => sum + one, 0))) large++;
  }
  return { value, pValue: large / (sampledPairings + 1), exact: false };
}

/** Pearson's correlation of the average ranks, which are taken within each stratum and less their mean; null where all are tied. */
export function spearmanWithin(strata: readonly Stratum[]): number | null {
  const centred = (values: readonly number[]): number[] => ranks(values).map((rank) => rank - (values.length + 1) / 2);
  const used = inOrder(strata);
  const [x, y] = [used.flatMap((one) => centred(one.x)), used.flatMap((one) => centred(one.y))];
  const sum = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((all, value, i) => all + value * b[i]!, 0);
  const size = sum(x, x) * sum(y, y);
  return size === 0 ? null : sum(x, y) / Math.sqrt(size);
}

/** Strata of two points or more, in an order that does not depend on the given one. */
function inOrder(strata: readonly Stratum[]): Stratum[] {
  const sorted = strata
    .filter(({ x }) => x.length > 1)
    .map(({ x, y }) => {
      const order = x.map((_, i) => i).sort((i, j) => x[i]! - x[j]! || y[i]! - y[j]!);
      return { x: order.map((i) => x[i]!), y: order.map((i) => y[i]!) };
    });
  return sorted.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** How often each difference of concordant and discordant pairs comes up among all pairings of a stratum, as chances. */
function differenceChances({ x, y }: Stratum): Map<number, number> {
  const counts = new Map<number, number>();
  let all = 0;
  const differenceOf = differenceIn(x, y);
  for (const order of permutations(x.length)) {
    const difference = differenceOf(order);
    counts.set(difference, (counts.get(difference) ?? 0) + 1);
    all++;
  }
  return new Map([...counts].map(([difference, count]) => [difference, count / all]));
}

/** The chances of the sum of two numbers that are drawn independently. */
function ofSums(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): Map<number, number> {
  const sums = new Map<number, number>();
  for (const [x, chanceX] of a)
    for (const [y, chanceY] of b) sums.set(x + y, (sums.get(x + y) ?? 0) + chanceX * chanceY);
  return sums;
}

/** The values in this order of their indices. */
function inOrderOf(values: readonly number[], order: readonly number[]): number[] {
  return order.map((i) => values[i]!);
}

/** The chance that an order of n points, as likely as any, has a statistic at least as large as this, whatever its sign. */
function chanceOf(
  observed: number,
  statistic: (order: readonly number[]) => number,
  n: number,
  random: RandomStream,
): Pick<RankCorrelation, 'pValue' | 'exact'> {
  const isAsLarge = (order: readonly number[]): boolean => Math.abs(statistic(order)) >= Math.abs(observed) - 1e-12;
  if (n <= largestExact) {
    let large = 0;
    let all = 0;
    for (const order of permutations(n)) {
      all++;
      if (isAsLarge(order)) large++;
    }
    return { pValue: large / all, exact: true };
  }
  let large = 1; // the observed pairing itself, so that no p-value is zero
  for (let draw = 0; draw < sampledPairings; draw++) if (isAsLarge(random.permutation(n))) large++;
  return { pValue: large / (sampledPairings + 1), exact: false };
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

/** Concordant pairs less discordant ones, of x with y in another order; the signs of all pairs are found once. */
function differenceIn(x: readonly number[], y: readonly number[]): (order: readonly number[]) => number {
  const n = x.length;
  const signsOf = (values: readonly number[]): Int8Array =>
    Int8Array.from({ length: n * n }, (_, k) => Math.sign(values[Math.floor(k / n)]! - values[k % n]!));
  const [signsX, signsY] = [signsOf(x), signsOf(y)];
  return (order) => {
    let difference = 0;
    for (let i = 1; i < n; i++) {
      const [rowX, rowY] = [i * n, order[i]! * n];
      for (let j = 0; j < i; j++) difference += signsX[rowX + j]! * signsY[rowY + order[j]!]!;
    }
    return difference;
  };
}

interface PairCounts {
  /** Concordant pairs less discordant ones. */
  readonly difference: number;
  readonly untiedX: number;
  readonly untiedY: number;
}

function pairCounts(x: readonly number[], y: readonly number[]): PairCounts {
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
  return { difference, untiedX, untiedY };
}

/** All orders of the numbers below n, by Heap's algorithm; the same array is yielded each time, changed by one swap. */
function* permutations(n: number): Generator<readonly number[]> {
  const order = Array.from({ length: n }, (_, i) => i);
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
