import { mean } from '../../../numerics/statistics.ts';
import { toldShortfall } from '../sweep.ts';
import type { FittedCurve } from './fittedCurve.ts';

/** How much one run's score is off by chance: the order of the rows, the values that training starts from. */
export interface RunNoise {
  /** Standard deviation of one run's score, in % of the best loss, or in points. */
  readonly deviation: number;
  readonly degreesOfFreedom: number;
  /** From the spread of seeds at one rate; or, with one seed, from that about the fitted curves, which holds their misfit too. */
  readonly from: 'seeds' | 'curves';
}

/** With fewer degrees of freedom a deviation is not known to a factor of 2. */
const fewestDegrees = 4;

/** In % or points: less than that is rounding, of scores that follow a formula. */
const leastDeviation = 1e-6;

/** The noise of a sweep's runs near their best rates, the same for all configurations; null where nothing tells it. */
export function runNoise(curves: readonly FittedCurve[]): RunNoise | null {
  const seeds = pooled(curves.flatMap(spreadOfSeeds));
  if (seeds.degrees >= fewestDegrees) return noiseOf(seeds, 'seeds');
  const about = pooled(curves.flatMap(spreadAboutCurve));
  return about.degrees >= fewestDegrees ? noiseOf(about, 'curves') : null;
}

/** The standard deviation of one run's score in the score's own unit. */
export function deviationOn(curve: FittedCurve, { deviation }: RunNoise): number {
  return deviation / unitOf(curve);
}

interface Spread {
  readonly squares: number;
  readonly degrees: number;
}

function spreadOfSeeds(curve: FittedCurve): Spread[] {
  const unit = unitOf(curve);
  return curve.peak.used.flatMap((i) => {
    const { scores } = curve.measured[i]!;
    const centre = mean(scores);
    const squares = scores.reduce((sum, score) => sum + (unit * (score - centre)) ** 2, 0);
    return scores.length < 2 ? [] : [{ squares, degrees: scores.length - 1 }];
  });
}

function spreadAboutCurve(curve: FittedCurve): Spread[] {
  const { peak, measured, points } = curve;
  if (peak.parabola === null || peak.used.length <= 3) return [];
  const unit = unitOf(curve);
  const squares = peak.used.reduce(
    (sum, i) => sum + measured[i]!.scores.length * (unit * (measured[i]!.mean! - points[i]!.mean!)) ** 2,
    0,
  );
  return [{ squares, degrees: peak.used.length - 3 }];
}

function pooled(spreads: readonly Spread[]): Spread {
  return spreads.reduce(
    (sum, { squares, degrees }) => ({ squares: sum.squares + squares, degrees: sum.degrees + degrees }),
    { squares: 0, degrees: 0 },
  );
}

function noiseOf({ squares, degrees }: Spread, from: RunNoise['from']): RunNoise | null {
  const deviation = Math.sqrt(squares / degrees);
  return deviation < leastDeviation ? null : { deviation, degreesOfFreedom: degrees, from };
}

/** What a difference of scores is told as, over the difference. */
function unitOf({ best, direction, isShare }: FittedCurve): number {
  const worse = direction === 'lower' ? best + 1 : best - 1;
  return toldShortfall(worse, best, direction, isShare);
}
