import { mean } from '../../numerics/statistics.ts';

/** Which way a score improves: a loss is better `lower`, an accuracy `higher`. */
export type ScoreDirection = 'lower' | 'higher';

/** One fine-tuning run of a sweep. */
export interface SweepRun {
  /** What is compared besides the rate: a method, or a method at some rank, scaling or batch size. */
  readonly configuration: string;
  readonly method: string;
  readonly learningRate: number;
  readonly seed: number;
  /** Null or not finite: the run diverged. */
  readonly score: number | null;
  readonly status: 'finished' | 'diverged';
  /** 95 % confidence interval (Wilson) of a score that is a share of problems solved. */
  readonly interval?: readonly [low: number, high: number] | null;
  /** The loss beside such a score, which decides between equal ones. */
  readonly loss?: number | null;
}

/** The largest learning rate at which an optimizer is stable near the start of training. */
export interface StabilityLimit {
  /** The optimizer's name; null where it is not known, and the limit is that of plain gradient descent. */
  readonly optimizer: string | null;
  /** Null where the curvature that it follows from was not measured, or allows any rate. */
  readonly learningRate: number | null;
  /** `2 / lambda_max(H)` for gradient descent. */
  readonly formula: string;
}

/** What is known of a configuration besides its runs. */
export interface SweepConfiguration {
  readonly configuration: string;
  readonly method: string;
  /** The settings that differ among the sweep's configurations, by name, this one's own; empty where it has none of the kind. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Top eigenvalue of the Hessian of the training loss at the start. */
  readonly lambdaMax?: number;
  /** Further predicted learning rates, by the predictor's name (Adam's threshold, a line search, ...). */
  readonly predictedRates?: Readonly<Record<string, number>>;
  /** What was spent on each of those, and on `lambda-max`, in gradients of one batch. */
  readonly prices?: Readonly<Record<string, number>>;
  /** Whether the adapter starts at B = 0; when absent it is what a method of this name says of itself. */
  readonly startsAtZeroB?: boolean;
  /** The limit of stability of the optimizer in use; null: none is known. When absent the optimizer is not known. */
  readonly limit?: StabilityLimit | null;
}

/** The axes that a claim about learning rates holds for. */
export interface SweepContext {
  /** Optimizer steps of each run. */
  readonly steps?: number;
  readonly model?: string;
  readonly data?: string;
  /** Rows a step. */
  readonly batchSize?: number;
  readonly optimizer?: string;
  /** What the score is, as an axis label: "validation loss". */
  readonly score?: string;
}

/** How far a sweep has come. */
export interface SweepProgress {
  readonly done: number;
  /** In all, as far as can be told: grids may still be extended. */
  readonly planned: number;
  /** Configurations some of whose runs are still to be made. */
  readonly unfinished: readonly string[];
}

/** Fine-tuning runs over a grid of learning rates, for one or more configurations. */
export interface Sweep {
  readonly runs: readonly SweepRun[];
  readonly scoreDirection: ScoreDirection;
  /** The score is a share, from 0 to 1, of which differences are told in percentage points; default false. */
  readonly isShare?: boolean;
  readonly configurations: readonly SweepConfiguration[];
  /** How many of its runs there are; absent where nobody knows how many there should be. */
  readonly progress?: SweepProgress;
  readonly context?: SweepContext;
}

/** All runs of one configuration at one learning rate. */
export interface RatePoint {
  readonly learningRate: number;
  /** Scores of the runs that finished. */
  readonly scores: readonly number[];
  /** How many runs diverged. */
  readonly diverged: number;
  /** Mean score over the seeds; null as soon as one of them diverged. */
  readonly mean: number | null;
  /** Confidence interval of a share: the mean one over the seeds, which all answer the same problems. */
  readonly interval?: readonly [low: number, high: number];
  /** Mean loss beside the scores, if each has one. */
  readonly loss?: number;
}

/** Did this run diverge? Its status says so, or it has no finite score. */
export function isDiverged(run: SweepRun): boolean {
  return run.status === 'diverged' || run.score === null || !Number.isFinite(run.score);
}

/** The runs of one configuration gathered by learning rate, rates ascending. */
export function ratePoints(runs: readonly SweepRun[], configuration: string): RatePoint[] {
  const groups = new Map<string, SweepRun[]>();
  for (const run of runs) {
    if (run.configuration !== configuration) continue;
    const key = run.learningRate.toPrecision(9); // grids are computed: 1e-3 and 9.9999999999e-4 are one rate
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].map(ratePoint).sort((a, b) => a.learningRate - b.learningRate);
}

function ratePoint(group: readonly SweepRun[]): RatePoint {
  const finished = group.filter((run) => !isDiverged(run));
  const diverged = group.length - finished.length;
  const scores = finished.map((run) => run.score!);
  const [low, high] = [0, 1].map((end) => meanOfAll(finished.map(({ interval }) => interval?.[end])));
  const loss = meanOfAll(finished.map((run) => run.loss));
  return {
    learningRate: group[0]!.learningRate,
    ...{ scores, diverged, mean: diverged > 0 ? null : mean(scores) },
    ...(low != null && high != null && { interval: [low, high] }),
    ...(loss !== null && { loss }),
  };
}

/** Null if one is missing, or there is none. */
function meanOfAll(values: readonly (number | null | undefined)[]): number | null {
  return values.length > 0 && values.every((value) => value != null) ? mean(values as number[]) : null;
}

/** The sweep with its runs compared by the loss beside their shares; null where a run that finished has none. */
export function byLoss(sweep: Sweep): Sweep | null {
  const { isShare: _, runs, ...rest } = sweep;
  if (!runs.every((run) => isDiverged(run) || run.loss != null)) return null;
  return {
    ...rest,
    runs: runs.map(({ interval, loss, ...run }) => ({ ...run, score: isDiverged(run) ? null : loss! })),
    scoreDirection: 'lower',
    context: { ...sweep.context, score: 'validation loss' },
  };
}

/** How much worse `score` is than `best`, in the score's own unit: positive is worse, whichever way is better. */
export function shortfall(score: number, best: number, direction: ScoreDirection): number {
  return direction === 'lower' ? score - best : best - score;
}

/** A shortfall as it is told: in % of the best loss, in percentage points of a share, else in the score's own points. */
export function toldShortfall(score: number, best: number, direction: ScoreDirection, isShare = false): number {
  const unit = direction === 'lower' ? 100 / Math.max(Math.abs(best), 1e-12) : isShare ? 100 : 1;
  return shortfall(score, best, direction) * unit;
}

/**
 * The point with the best mean score among those where no run diverged, of equal ones the one with the lower loss beside it, and
 * then the lower rate; undefined when there is none.
 */
export function bestPoint(points: readonly RatePoint[], direction: ScoreDirection): RatePoint | undefined {
  const isBetter = (one: RatePoint, other: RatePoint): boolean => {
    const gap = shortfall(one.mean!, other.mean!, direction);
    return gap < 0 || (gap === 0 && (one.loss ?? 0) < (other.loss ?? 0));
  };
  return points
    .filter((point) => point.mean !== null)
    .reduce<RatePoint | undefined>(
      (best, point) => (best === undefined || isBetter(point, best) ? point : best),
      undefined,
    );
}

/** In nats: a perplexity half as large again. */
const lossCliff = 0.4;

/**
 * Whether training has broken at this point, seen from the best one. A point with a diverged run has. For a loss: 0.4 nats above
 * the best. For a share of problems: where the loss beside it is so much above the best point's, or where less than half is solved
 * of what the best point solves and their confidence intervals do not overlap. For another score that is better higher: below three
 * quarters of the best.
 */
export function isOffCliff(
  point: RatePoint,
  best: Pick<RatePoint, 'mean' | 'interval' | 'loss'>,
  direction: ScoreDirection,
): boolean {
  if (point.mean === null) return true;
  const gap = shortfall(point.mean, best.mean!, direction);
  if (direction === 'lower') return gap > lossCliff;
  if (point.loss !== undefined && best.loss !== undefined && point.loss - best.loss > lossCliff) return true;
  if (point.interval === undefined || best.interval === undefined) return gap > Math.abs(best.mean!) / 4;
  return gap > best.mean! / 2 && point.interval[1] < best.interval[0];
}
