/** The outcome at one learning rate; a null score means that training diverged. */
export interface ScoredRate {
  readonly learningRate: number;
  readonly score: number | null;
  /** The lower end of its confidence interval, of a score that is a share of problems solved. */
  readonly low?: number | null;
  /** The validation loss beside such a share, which decides where shares cannot. */
  readonly loss?: number | null;
}

/** Which scores are better. */
export type Direction = 'lower' | 'higher';

/** When a grid has been extended enough. */
export interface ExtensionLimits {
  /** No rate below or above these is tried. */
  readonly lowest: number;
  readonly highest: number;
  /** No more rates than this in all. */
  readonly mostRates: number;
  /** A loss is clearly worse than the best when it is larger by more than this part of the best's size. */
  readonly margin: number;
  /** So many clearly worse rates are wanted on either side of the best; one that diverged is enough by itself. */
  readonly worseRates: number;
}

/**
 * Rates of LoRA fine-tuning lie far inside these. Two clearly worse rates, since one may be bad luck; the margin of 1 % is
 * the width of the noise floor: within a factor of about 2 in rate the loss changes no more than that.
 */
export const usualLimits: ExtensionLimits = { lowest: 1e-7, highest: 10, mostRates: 24, margin: 0.01, worseRates: 2 };

/**
 * The coarse grid that `auto` starts from: factors of 4 around 1e-3, wide enough for LoRA on models of a million to
 * billions of parameters. The sweep extends it until it brackets the optimum, and halves the steps there.
 */
export const automaticGrid: readonly number[] = [6.25e-5, 2.5e-4, 1e-3, 4e-3, 1.6e-2];

/** Which sides of the best rate are closed off by clearly worse ones. */
export interface Bracket {
  /** Null when every rate diverged. */
  readonly best: ScoredRate | null;
  readonly below: boolean;
  readonly above: boolean;
}

/**
 * The best rate and whether each side of it is bracketed. Of equal scores the lower loss beside them is better, and then the
 * lower rate.
 *
 * A loss is clearly worse than the best beyond the margin. A share is where it lies below the confidence interval of the best
 * one; and, since no share is better than the best, so is a rate whose loss is clearly worse. That closes the sides where
 * shares cannot: where nothing is solved, where all is, and where guessing solves as much.
 */
export function bracket(
  points: readonly ScoredRate[],
  direction: Direction,
  limits: ExtensionLimits = usualLimits,
): Bracket {
  const best = bestPoint(points, direction);
  if (best === null) return { best, below: false, above: points.length > 0 };
  const closed = (side: readonly ScoredRate[]): boolean =>
    side.some(({ score }) => score === null) ||
    side.filter((point) => isClearlyWorse(point as ScoredPoint, best, direction, limits.margin)).length >=
      limits.worseRates;
  return {
    best,
    below: closed(points.filter(({ learningRate }) => learningRate < best.learningRate)),
    above: closed(points.filter(({ learningRate }) => learningRate > best.learningRate)),
  };
}

/**
 * The rates to try next so that the best one gets clearly worse or diverged ones on both sides: at most one below the
 * grid and one above it, `factor` away from its ends. Empty when the optimum is bracketed or a limit is reached.
 */
export function nextRates(
  points: readonly ScoredRate[],
  direction: Direction,
  factor: number,
  limits: ExtensionLimits = usualLimits,
): number[] {
  if (points.length === 0) return [];
  const { below, above } = bracket(points, direction, limits);
  const rates = points.map(({ learningRate }) => learningRate);
  const candidates = [
    ...(below ? [] : [shortRate(Math.min(...rates) / factor)]),
    ...(above ? [] : [shortRate(Math.max(...rates) * factor)]),
  ];
  return candidates
    .filter((rate) => rate >= limits.lowest && rate <= limits.highest)
    .slice(0, Math.max(0, limits.mostRates - points.length));
}

/**
 * The geometric means of the best rate and its two neighbours: the grid twice as fine where it matters. Neighbours less
 * than a factor of 1.2 away stay as they are; the noise between seeds is half of that.
 */
export function halfSteps(points: readonly ScoredRate[], direction: Direction): number[] {
  const best = bestPoint(points, direction);
  if (best === null) return [];
  const rates = points.map(({ learningRate }) => learningRate).sort((a, b) => a - b);
  const at = rates.indexOf(best.learningRate);
  return [
    [rates[at - 1], rates[at]],
    [rates[at], rates[at + 1]],
  ].flatMap(([low, high]) =>
    low === undefined || high === undefined || high / low < 1.2 ? [] : [shortRate(Math.sqrt(low * high))],
  );
}

/** The rates at which further seeds run: the best one and `neighbours` on either side of it, ascending. */
export function nearBest(points: readonly ScoredRate[], direction: Direction, neighbours: number): number[] {
  const best = bestPoint(points, direction);
  if (best === null) return [];
  const rates = points.map(({ learningRate }) => learningRate).sort((a, b) => a - b);
  const at = rates.indexOf(best.learningRate);
  return rates.slice(Math.max(0, at - neighbours), at + neighbours + 1);
}

/** The factor between neighbouring rates, as a geometric mean over the grid; 2 for a single rate. */
export function gridFactor(rates: readonly number[]): number {
  if (rates.length < 2) return 2;
  const factor = (Math.max(...rates) / Math.min(...rates)) ** (1 / (rates.length - 1));
  // Continuing a finer grid would spend its runs on one plateau: the score hardly changes over a factor of 1.4.
  return Math.max(factor, Math.SQRT2);
}

type ScoredPoint = ScoredRate & { readonly score: number };

function bestPoint(points: readonly ScoredRate[], direction: Direction): ScoredPoint | null {
  const scored = points.filter((point): point is ScoredPoint => point.score !== null);
  const [best = null] = scored.sort(
    (a, b) => badness(a, direction) - badness(b, direction) || lossGap(a, b) || a.learningRate - b.learningRate,
  );
  return best;
}

function isClearlyWorse(point: ScoredPoint, best: ScoredPoint, direction: Direction, margin: number): boolean {
  const noise = best.low == null ? margin * Math.abs(best.score) : best.score - best.low;
  return (
    badness(point, direction) - badness(best, direction) > noise ||
    lossGap(point, best) > margin * Math.abs(best.loss ?? 0)
  );
}

/** The score turned so that lower is better. */
function badness({ score }: ScoredPoint, direction: Direction): number {
  return direction === 'lower' ? score : -score;
}

/** How much larger the loss beside the first score is; 0 where there is none to compare. */
function lossGap({ loss: a }: ScoredRate, { loss: b }: ScoredRate): number {
  return a == null || b == null ? 0 : a - b;
}

/** Four digits are enough for a rate that we choose, and read better in tables. */
function shortRate(rate: number): number {
  return Number(rate.toPrecision(4));
}
