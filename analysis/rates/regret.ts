import { bestPoint, type RatePoint, type ScoreDirection, toldShortfall } from './sweep.ts';

/** What training at a given rate gives up. */
export interface Regret {
  /** In % of the best loss where lower is better; else in points, percentage points of a share. At least 0. */
  readonly regret: number;
  /** The rate lies outside the measured grid, and the nearest measured rate answers for it: a lower bound. */
  readonly extrapolated: boolean;
}

/**
 * The score given up by training at `learningRate` instead of the best measured rate. Between measured rates the mean
 * scores are joined by straight lines in log rate; outside them the value at the edge stands, flagged.
 *
 * A diverged rate gives up all of the best score: 100 % for a loss, the whole best accuracy. Nothing costs more than
 * that: how far above the best a broken run's loss happens to end says nothing, and would drown every mean.
 */
export function regretAt(
  points: readonly RatePoint[],
  direction: ScoreDirection,
  learningRate: number,
  isShare = false,
): Regret | null {
  const best = bestPoint(points, direction);
  return best === undefined ? null : givenUp(points, best.mean!, direction, learningRate, isShare);
}

/** What {@link regretAt} says, against another best score than the best measured one. */
export function givenUp(
  points: readonly RatePoint[],
  best: number,
  direction: ScoreDirection,
  learningRate: number,
  isShare: boolean,
): Regret {
  const told = (score: number): number => toldShortfall(score, best, direction, isShare);
  const everything = direction === 'lower' ? 100 : Math.abs(told(0));
  const cost = (point: RatePoint): number =>
    point.mean === null ? everything : Math.min(told(point.mean), everything);

  const above = points.findIndex((point) => point.learningRate >= learningRate * (1 - 1e-9));
  if (above === -1) return { regret: cost(points.at(-1)!), extrapolated: true };
  const right = points[above]!;
  if (Math.abs(right.learningRate / learningRate - 1) <= 1e-9) return { regret: cost(right), extrapolated: false };
  const left = points[above - 1];
  if (left === undefined) return { regret: cost(right), extrapolated: true };
  const along = Math.log(learningRate / left.learningRate) / Math.log(right.learningRate / left.learningRate);
  return { regret: cost(left) + (cost(right) - cost(left)) * along, extrapolated: false };
}
