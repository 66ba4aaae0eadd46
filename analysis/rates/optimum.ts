import { type RandomStream, randomStream } from '../../compute/random.ts';
import { fitParabola, mean, type Parabola, quantile } from '../../numerics/statistics.ts';
import { bestPoint, isOffCliff, type RatePoint, type ScoreDirection, shortfall } from './sweep.ts';

/** The empirically best learning rate of one configuration. */
export interface Optimum {
  /** Vertex of a parabola in log rate through the best points; see {@link findOptimum}. */
  readonly learningRate: number;
  /** With several seeds the 95 % bootstrap interval; else, or where fewer than three rates are on the peak, those on both sides. */
  readonly low: number;
  readonly high: number;
  /** Best mean score that was measured. */
  readonly score: number;
  /** 95 % confidence interval of a score that is a share; absent for a loss. */
  readonly scoreInterval?: readonly [low: number, high: number];
  /** Loss of the runs whose score is a share. */
  readonly loss?: number;
  /** The best rate is the first or the last one tried, so that the true optimum may lie beyond it. */
  readonly atGridEdge: boolean;
  /** Where `low` and `high` come from. */
  readonly intervalFrom: 'seeds' | 'grid';
  /** How many rates the parabola went through; below 3 there was none, and the best measured rate stands. */
  readonly pointsUsed: number;
}

/** An optimum, and what the seeds' noise makes of its score. */
export interface OptimumResult {
  readonly optimum: Optimum;
  /** Best mean score in each bootstrap resample, in the stream's order; empty with one seed. */
  readonly resampledPeaks: readonly number[];
}

/** Smallest measured rate above the best one where training breaks; null when it holds up to the last rate tried. */
export function divergesAt(points: readonly RatePoint[], direction: ScoreDirection): number | null {
  const best = bestPoint(points, direction);
  if (best === undefined) return points[0]?.learningRate ?? null;
  const broken = points.find((point) => point.learningRate > best.learningRate && isOffCliff(point, best, direction));
  return broken?.learningRate ?? null;
}

/** Largest measured rate below the one at which training breaks, or of all where it holds up to the last; null if there is none. */
export function holdsAt(points: readonly RatePoint[], breaking: number | null): number | null {
  const held = points.filter((point) => breaking === null || point.learningRate < breaking);
  return held.at(-1)?.learningRate ?? null;
}

// A parabola holds near its top only. Points further off than either bound pull the vertex towards the gentler side: on
// the paper's published sweep and on loss curves with a cliff these two keep it within one grid step of the best rate.
const farthestFactor = Math.sqrt(10);
const largestShortfall = 0.05;

/**
 * The best learning rate: vertex of the parabola, in ln rate, through the mean scores of the points around the best one.
 *
 * Which points: the best one, its two neighbours, and from there outwards without a gap those within a factor sqrt(10) of
 * the best rate whose score is within 5 % of the best, or of shares within its confidence interval. Never a point where a
 * run diverged or that fell off the cliff (see {@link isOffCliff}). If that leaves fewer than three, the side that still has
 * sound points lends them. Means are weighted by their number of seeds, shares also by 1 / width^2 of their intervals, and the
 * vertex is kept inside the span of the points used. Where no such parabola opens the right way, the best measured rate
 * stands. On a plateau, where all rates used solve the same, that is the one with the lowest loss.
 *
 * The interval: residuals of the seeds about their means at the rates used, widened by sqrt(n / (n - 1)) and pooled, are
 * drawn again for every run, and the whole procedure is repeated. Seeds are taken as independent between rates. So a rate
 * with one seed beside others with two still has noise. It covers all rates about the best one that score the same. Where
 * fewer than three points are left there is no parabola, and no more is known than the rates on both sides.
 *
 * Returns null when every rate diverged.
 */
export function findOptimum(
  points: readonly RatePoint[],
  direction: ScoreDirection,
  { seed = 0, name = '', resamples = 1000 }: { seed?: number; name?: string; resamples?: number } = {},
): OptimumResult | null {
  const found = peakOf(points, direction);
  if (found === null) return null;
  const { index, used, learningRate, score } = found;
  const { interval: scoreInterval, loss } = points[index]!;
  const rates = points.map((point) => point.learningRate);
  const noise = pooledResiduals(used.map((i) => points[i]!));
  const shared = {
    learningRate,
    score,
    ...(scoreInterval && { scoreInterval }),
    ...(loss !== undefined && { loss }),
    atGridEdge: index === 0 || index === points.length - 1,
    pointsUsed: used.length,
  };
  const tied = tiedAround(points, index);
  const [first, last] = [tied[0]!, tied.at(-1)!];
  const onGrid = { low: rates[Math.max(0, first - 1)]!, high: rates[Math.min(rates.length - 1, last + 1)]! };
  const resampled = resample(points, direction, noise, randomStream(seed, `optimum ${name}, bootstrap`), resamples);
  const resampledPeaks = resampled.map((one) => one.score);
  if (resampled.length === 0 || used.length < 3)
    return { optimum: { ...shared, ...onGrid, intervalFrom: 'grid' }, resampledPeaks };
  const resampledRates = resampled.map((one) => one.learningRate);
  const low = Math.min(quantile(resampledRates, 0.025), learningRate, rates[first]!);
  const high = Math.max(quantile(resampledRates, 0.975), learningRate, rates[last]!);
  return { optimum: { ...shared, low, high, intervalFrom: 'seeds' }, resampledPeaks };
}

/** The optimum found again where every run has another error drawn from `noise`; none without noise. */
function resample(
  points: readonly RatePoint[],
  direction: ScoreDirection,
  noise: readonly number[],
  random: RandomStream,
  times: number,
): Peak[] {
  if (noise.length === 0) return [];
  return Array.from({ length: times }, () => {
    const drawn = points.map((point) => {
      if (point.mean === null) return point;
      const errors = point.scores.map(() => noise[random.integer(noise.length)]!);
      return { ...point, mean: point.mean + mean(errors) };
    });
    return peakOf(drawn, direction)!;
  });
}

/** The top of one configuration's curve of scores; see {@link findOptimum}. */
export interface Peak {
  /** Index of the best measured point. */
  readonly index: number;
  /** Indices of the points that the parabola goes through, ascending. */
  readonly used: readonly number[];
  /** The optimum. */
  readonly learningRate: number;
  /** Best mean score that was measured. */
  readonly score: number;
  /** In ln rate; null where none opens the right way, so that the best measured rate is the optimum. */
  readonly parabola: Parabola | null;
}

/** The best learning rate as {@link findOptimum} has it, and the parabola that it is the vertex of; null when every rate diverged. */
export function peakOf(points: readonly RatePoint[], direction: ScoreDirection): Peak | null {
  const best = bestPoint(points, direction);
  if (best === undefined) return null;
  const score = best.mean!;
  const index = points.indexOf(best);
  const used = pointsAround(points, index, direction);
  const rates = used.map((i) => points[i]!.learningRate);
  const parabola = fitParabola(
    rates.map(Math.log),
    used.map((i) => points[i]!.mean!),
    used.map((i) => weightOf(points[i]!)),
  );
  const opensRight =
    parabola !== null && parabola.vertex !== null && parabola.quadratic > 0 === (direction === 'lower');
  if (!opensRight || used.every((i) => points[i]!.mean === score))
    return { index, used, score, learningRate: best.learningRate, parabola: null };
  const inside = Math.min(Math.max(Math.exp(parabola.vertex!), rates[0]!), rates.at(-1)!);
  return { index, used, score, learningRate: inside, parabola };
}

/** What a mean is worth in a fit. */
function weightOf({ scores, interval }: RatePoint): number {
  return interval === undefined ? scores.length : scores.length / (interval[1] - interval[0]) ** 2;
}

/** Indices of the points about the best one, itself among them, whose mean score is the same, without a gap, ascending. */
function tiedAround(points: readonly RatePoint[], index: number): number[] {
  const isTied = (i: number): boolean => points[i]?.mean === points[index]!.mean;
  let [first, last] = [index, index];
  while (isTied(first - 1)) first--;
  while (isTied(last + 1)) last++;
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Indices of the points that the parabola goes through, ascending; the rule is {@link findOptimum}'s. */
function pointsAround(points: readonly RatePoint[], index: number, direction: ScoreDirection): number[] {
  const best = points[index]!;
  const allowed = Math.max(largestShortfall * Math.abs(best.mean!), best.mean! - (best.interval?.[0] ?? best.mean!));
  const isSound = (i: number): boolean => points[i] !== undefined && !isOffCliff(points[i]!, best, direction);
  const isNear = (i: number): boolean =>
    isSound(i) &&
    Math.abs(Math.log(points[i]!.learningRate / best.learningRate)) <= Math.log(farthestFactor) * 1.01 &&
    shortfall(points[i]!.mean!, best.mean!, direction) <= allowed;
  let first = isSound(index - 1) ? index - 1 : index;
  let last = isSound(index + 1) ? index + 1 : index;
  while (isNear(first - 1)) first--;
  while (isNear(last + 1)) last++;
  while (last - first < 2 && isSound(first - 1)) first--;
  while (last - first < 2 && isSound(last + 1)) last++;
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Scores less their rate's mean, times sqrt(n / (n - 1)) to undo the shrinking by the mean, of rates with two seeds or more. */
function pooledResiduals(points: readonly RatePoint[]): number[] {
  return points.flatMap(({ scores, mean: centre }) => {
    const n = scores.length;
    return n < 2 ? [] : scores.map((score) => (score - centre!) * Math.sqrt(n / (n - 1)));
  });
}
