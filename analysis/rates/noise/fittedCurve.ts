import { type Peak, peakOf } from '../optimum.ts';
import { givenUp, type Regret } from '../regret.ts';
import { type RatePoint, type ScoreDirection, toldShortfall } from '../sweep.ts';

/** One configuration's scores with their noise smoothed away: the parabola about the peak, the measured means elsewhere. */
export interface FittedCurve {
  readonly direction: ScoreDirection;
  readonly isShare: boolean;
  readonly peak: Peak;
  /** The score at the optimum: the parabola's own there, or without one the best measured mean. */
  readonly best: number;
  /** The measured points. */
  readonly measured: readonly RatePoint[];
  /** The measured rates, with the parabola's values where it goes through them. */
  readonly points: readonly RatePoint[];
}

/** The fitted curve through some points, rates ascending; null when every rate diverged. */
export function fittedCurve(
  measured: readonly RatePoint[],
  direction: ScoreDirection,
  isShare = false,
): FittedCurve | null {
  const peak = peakOf(measured, direction);
  if (peak === null) return null;
  const { parabola, used, learningRate, score } = peak;
  const common = { direction, isShare, peak, measured };
  if (parabola === null) return { ...common, best: score, points: measured };
  const points = measured.map((point, i) =>
    used.includes(i) ? { ...point, mean: valueAt(parabola, point.learningRate) } : point,
  );
  return { ...common, best: valueAt(parabola, learningRate), points };
}

/**
 * What training at a rate gives up, read off the fitted curve: the parabola about the peak, straight lines in log rate beyond, against
 * the curve's own best score. The best of noisy scores is too good, so that against that one every rate looks too dear.
 */
export function regretOnCurve(curve: FittedCurve, learningRate: number): Regret {
  const { peak, best, points, measured, direction, isShare } = curve;
  const [first, last] = [measured[peak.used[0]!]!.learningRate, measured[peak.used.at(-1)!]!.learningRate];
  if (peak.parabola === null || learningRate < first || learningRate > last) {
    const beyond = givenUp(points, best, direction, learningRate, isShare);
    return { ...beyond, regret: Math.max(0, beyond.regret) };
  }
  const score = valueAt(peak.parabola, learningRate);
  return { regret: Math.max(0, toldShortfall(score, best, direction, isShare)), extrapolated: false };
}

function valueAt({ constant, linear, quadratic }: NonNullable<Peak['parabola']>, learningRate: number): number {
  const x = Math.log(learningRate);
  return constant + linear * x + quadratic * x ** 2;
}
