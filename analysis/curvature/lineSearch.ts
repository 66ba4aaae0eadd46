import { LambdamaxError } from '../../errors.ts';
import { fitParabola, mean, standardError } from '../../numerics/statistics.ts';

/** A loss along a line, at the rate that one step takes. */
export interface LineSearchPoint {
  readonly learningRate: number;
  /** Mean over the directions; null where it is not finite. */
  readonly loss: number | null;
}

/** Where the mean loss over some directions is least, and where it is back at its start. */
export interface LineSearchResult {
  /** The rate of the least loss; null where no rate lowered the loss by more than rounding does. */
  readonly learningRate: number | null;
  /**
   * Standard error of the rate's logarithm over the directions (jackknife); null for a single direction, or where leaving one
   * out leaves no minimum.
   */
  readonly logStandardError: number | null;
  /**
   * The critical rate: the smallest one above that at which the loss is back at what it was before the step. Twice the rate of
   * the least loss where the loss is quadratic. Null where no rate lowered the loss, where none was found, or it was not asked for.
   */
  readonly criticalRate: number | null;
  /** Ascending in rate. */
  readonly points: readonly LineSearchPoint[];
  /** How many rates were tried, the loss of each direction at each. */
  readonly evaluations: number;
}

/** Which rates are tried. */
export interface LineSearchOptions {
  /** The first rate, any positive number: the closer to the minimum the cheaper. */
  readonly start: number;
  /** Between neighbouring rates; default 2. */
  readonly factor?: number;
  /** The part of a loss by which rounding may change it: smaller changes are none. Default 0. */
  readonly rounding?: number;
  /** The search ends at so many rates, found or not; default 40: a factor of 2^20 either way. */
  readonly mostRates?: number;
  /** Whether the critical rate is looked for too, at the price of two rates more or so; default false. */
  readonly critical?: boolean;
}

/** The losses of every direction at one rate. */
interface Tried {
  readonly rate: number;
  readonly losses: readonly number[];
}

// Two parabolas after the first bring the minimum of a loss that is none to a few percent.
const refinements = 2;
const closeEnough = 0.05;

/**
 * The rate t at which mean_i L_i(theta - t u_i) is least. Rates a constant factor apart are tried from `start` on until the best
 * has a worse one on each side; then the vertex of the parabola in t through these three is tried itself, twice at most, and
 * the last parabola's vertex is the answer. At its minimum a loss is closer to quadratic in t than in ln t. The critical rate, where it is
 * asked for, is looked for from there upwards.
 *
 * @param lossesAt the loss of each direction, with t = 0 for the loss before the step; a loss that is not finite is worse
 *   than any.
 * Throws a LambdamaxError for a start that is not positive.
 */
export async function lineSearch(
  lossesAt: (learningRate: number) => Promise<readonly number[]>,
  { start, factor = 2, rounding = 0, mostRates = 40, critical = false }: LineSearchOptions,
): Promise<LineSearchResult> {
  if (!(start > 0 && Number.isFinite(start)))
    throw new LambdamaxError({ subject: 'start of a line search', expected: 'a positive rate', got: start });
  const loss = worth({ losses: await lossesAt(0) });
  const before = { loss, rounding: rounding * Math.abs(loss) };
  let tried: readonly Tried[] = [];
  const attempt = async (rate: number): Promise<void> => {
    tried = [...tried, { rate, losses: await lossesAt(rate) }].sort((a, b) => a.rate - b.rate);
  };
  let next: number | null = start;
  while (next !== null && tried.length < mostRates) {
    await attempt(next);
    next = outwards(tried, before, factor);
  }
  for (let pass = 0; pass < refinements; pass++) {
    const rate = vertex(aroundBest(tried));
    if (rate === null || Math.abs(rate / tried[bestOf(tried)]!.rate - 1) < closeEnough) break;
    await attempt(rate);
  }
  const best = tried[bestOf(tried)]!;
  const bracket = aroundBest(tried);
  const isFound = isLower(best, before);
  const criticalRate = isFound && critical ? await crossing() : null;
  const points = tried.map(({ rate, losses }) => ({ learningRate: rate, loss: finiteMean(losses) }));
  const found = { points, evaluations: tried.length + 1, criticalRate };
  if (!isFound) return { ...found, learningRate: null, logStandardError: null };
  const without = best.losses.map((_, left) =>
    vertex(bracket.map(({ rate, losses }) => ({ rate, losses: losses.filter((_, direction) => direction !== left) }))),
  );
  return { ...found, learningRate: vertex(bracket) ?? best.rate, logStandardError: jackknife(without) };

  /** Outwards until a rate is worse than no step, then between it and the one before. */
  async function crossing(): Promise<number | null> {
    const bracketed = (): readonly [Tried, Tried] | null => {
      const above = tried.findIndex((one) => one.rate > best.rate && worth(one) >= loss);
      return above === -1 ? null : [tried[above - 1]!, tried[above]!];
    };
    while (bracketed() === null && tried.length < mostRates) await attempt(tried.at(-1)!.rate * factor);
    for (let pass = 0; pass < refinements; pass++) {
      const ends = bracketed();
      if (ends === null || ends[1].rate / ends[0].rate < 1 + closeEnough) break;
      const rate = backAt(loss, ends);
      if (tried.some((one) => Math.abs(rate / one.rate - 1) < closeEnough / 5)) break;
      await attempt(rate);
    }
    const ends = bracketed();
    return ends && backAt(loss, ends);
  }
}

/**
 * Where the loss is back at `before`, between a rate where it is lower and one where it is not: the change per unit of the rate is taken
 * as a straight line, which is exact for a quadratic. Beside a loss that is not finite the geometric mean of the two stands.
 */
function backAt(before: number, [below, above]: readonly [Tried, Tried]): number {
  const [low, high] = [below, above].map((one) => (worth(one) - before) / one.rate) as [number, number];
  if (!Number.isFinite(high)) return Math.sqrt(below.rate * above.rate);
  return below.rate + ((above.rate - below.rate) * -low) / (high - low);
}

/** The loss before the step, and by how much rounding may change it. */
interface Before {
  readonly loss: number;
  readonly rounding: number;
}

/** The rate to try next, beyond those tried (ascending); null where the search is over. */
function outwards(tried: readonly Tried[], before: Before, factor: number): number | null {
  const best = bestOf(tried);
  const [lowest, highest] = [tried[0]!, tried.at(-1)!];
  if (isLower(tried[best]!, before)) {
    if (best === tried.length - 1) return highest.rate * factor;
    return best === 0 ? lowest.rate / factor : null;
  }
  // Where even the smallest rate is worse than no step, the minimum lies below it; where it changes nothing, above.
  if (isHigher(lowest, before)) return lowest.rate / factor;
  return isHigher(highest, before) ? null : highest.rate * factor;
}

function isLower(tried: Tried, { loss, rounding }: Before): boolean {
  return worth(tried) < loss - rounding;
}

function isHigher(tried: Tried, { loss, rounding }: Before): boolean {
  return worth(tried) >= loss + rounding;
}

function bestOf(tried: readonly Tried[]): number {
  return tried.reduce((best, one, index) => (worth(one) < worth(tried[best]!) ? index : best), 0);
}

/** The best and its neighbours. */
function aroundBest(tried: readonly Tried[]): readonly Tried[] {
  const best = bestOf(tried);
  return tried.slice(Math.max(0, best - 1), best + 2);
}

/** The minimum of the parabola through three rates' mean losses, between the outer ones; null where there is none. */
function vertex(bracket: readonly Tried[]): number | null {
  const [rates, losses] = [bracket.map(({ rate }) => rate), bracket.map((one) => mean(one.losses))];
  if (bracket.length < 3 || !losses.every(Number.isFinite)) return null;
  const parabola = fitParabola(rates, losses);
  if (parabola === null || parabola.vertex === null || !(parabola.quadratic > 0)) return null;
  return Math.min(Math.max(parabola.vertex, rates[0]!), rates.at(-1)!);
}

/** The standard error of an estimate's logarithm, from the estimates that leave out one part each (Efron 1982, chapter 3). */
function jackknife(without: readonly (number | null)[]): number | null {
  const known = without.filter((value) => value !== null);
  if (known.length < without.length || known.length < 2) return null;
  return (known.length - 1) * standardError(known.map(Math.log))!;
}

function worth({ losses }: Pick<Tried, 'losses'>): number {
  return finiteMean(losses) ?? Number.POSITIVE_INFINITY;
}

function finiteMean(values: readonly number[]): number | null {
  const value = mean(values);
  return Number.isFinite(value) ? value : null;
}
