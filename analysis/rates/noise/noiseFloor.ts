import { randomStream } from '../../../compute/random.ts';
import { foldError, geometricMean, mean, quantile } from '../../../numerics/statistics.ts';
import { type FittedCurve, fittedCurve, regretOnCurve } from './fittedCurve.ts';
import { deviationOn, type RunNoise } from './runNoise.ts';

/**
 * How a predictor would do that knew the true best rates: no better, since the best rates that it is judged by are found in noisy
 * runs. Nobody can show less.
 */
export interface NoiseFloor {
  /** Mean over the simulations of the geometric mean of fold errors over the configurations, and where 95 % of them lie. */
  readonly foldError: number;
  readonly low: number;
  readonly high: number;
  /** What those rates seem to give up, read off the curve that is fitted to noisy runs, in % of the best loss or in points. */
  readonly regret: number;
  readonly regretLow: number;
  readonly regretHigh: number;
  readonly noise: RunNoise;
}

/** A sweep as it might have come out as well: one curve for each configuration. */
export type SimulatedSweep = readonly FittedCurve[];

const simulations = 200;

/**
 * Sweeps drawn anew about the fitted curves: each configuration's true scores are its fitted curve, and every run has normal noise of
 * the size of the runs' own, the same rates, seeds and procedure. `seed` names the random stream.
 */
export function simulatedSweeps(
  curves: readonly FittedCurve[],
  noise: RunNoise,
  { seed, count = simulations }: { readonly seed: number; readonly count?: number },
): SimulatedSweep[] {
  const random = randomStream(seed, 'simulated sweeps');
  return Array.from({ length: count }, () =>
    curves.map((curve) => {
      const { points, direction, isShare } = curve;
      const deviation = deviationOn(curve, noise);
      const drawn = points.map((point) =>
        point.mean === null
          ? point
          : { ...point, mean: point.mean + (deviation * random.normal()) / Math.sqrt(point.scores.length) },
      );
      return fittedCurve(drawn, direction, isShare)!;
    }),
  );
}

/** The noise floor of a sweep's configurations, by simulation. */
export function noiseFloor(
  curves: readonly FittedCurve[],
  simulated: readonly SimulatedSweep[],
  noise: RunNoise,
): NoiseFloor {
  const truths = curves.map(({ peak }) => peak.learningRate);
  const folds = simulated.map((sweep) =>
    geometricMean(sweep.map(({ peak }, i) => foldError(truths[i]!, peak.learningRate))),
  );
  const regrets = simulated.map((sweep) => mean(sweep.map((curve, i) => regretOnCurve(curve, truths[i]!).regret)));
  return {
    ...{ foldError: mean(folds), low: quantile(folds, 0.025), high: quantile(folds, 0.975) },
    ...{ regret: mean(regrets), regretLow: quantile(regrets, 0.025), regretHigh: quantile(regrets, 0.975) },
    noise,
  };
}
