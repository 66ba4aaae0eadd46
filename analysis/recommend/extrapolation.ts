import { Matrix, solve } from 'ml-matrix';
import { LambdamaxError } from '../../errors.ts';

/** A rate, and how well it is known. */
export interface RateEstimate {
  readonly learningRate: number;
  /** Standard error of its logarithm. */
  readonly logError: number;
}

/** The best rate of runs of one length. */
export interface LengthOptimum extends RateEstimate {
  /** Optimizer steps. */
  readonly steps: number;
}

/** What is known of the drift of ln(best rate) with ln(steps) before any run. */
export interface DriftPrior {
  /** Its slope, normal with this mean */
  readonly mean: number;
  /** and standard deviation. */
  readonly deviation: number;
  /** No trend is quite straight: a random walk about it, with this standard deviation after one e-fold. */
  readonly wander: number;
}

/** The best rate at a length that was not run; its error takes in the runs' own noise and what is not known of the drift. */
export interface Extrapolation extends RateEstimate {
  /** The slope d ln rate / d ln steps that the runs and the prior agree on. */
  readonly drift: number;
}

/**
 * The slopes that were seen on a small model from 25 to 100 and 1,000 steps: on average -0.1. How far they lie apart is what is left of the
 * spread of the best rates once the noise of these is taken out, which is most of it.
 */
export const usualDrift: DriftPrior = { mean: -0.1, deviation: 0.055, wander: 0.055 };

/**
 * The best rate of runs of `steps` steps from those of other, mostly shorter ones. The model: ln rate_k = a + b x_k + w(x_k) + noise_k
 * with x_k = ln(steps_k / steps); the slope b and the random walk w are as the prior says, and a is normal about the anchor if there
 * is one, else not known at all. The answer is a's posterior mean, by generalised least squares. So a trend over lengths that lie
 * close together is shrunk to the usual one, one over lengths far apart stands, and the longest lengths count most.
 *
 * @param anchor what is known of the rate besides, such as a rule of thumb.
 * Throws a LambdamaxError for no optimum.
 */
export function extrapolate(
  optima: readonly LengthOptimum[],
  steps: number,
  anchor: RateEstimate | null = null,
  { mean, deviation, wander }: DriftPrior = usualDrift,
): Extrapolation {
  if (optima.length === 0)
    throw new LambdamaxError({
      subject: 'extrapolation',
      expected: 'the best rate at one length or more',
      got: 'none',
    });
  const x = optima.map((one) => Math.log(one.steps / steps));
  const covariance = optima.map((one, i) =>
    x.map((other, j) => {
      const shared = x[i]! * other > 0 ? Math.min(Math.abs(x[i]!), Math.abs(other)) : 0;
      return deviation ** 2 * x[i]! * other + wander ** 2 * shared + (i === j ? one.logError ** 2 : 0);
    }),
  );
  const y = optima.map((one, i) => Math.log(one.learningRate) - mean * x[i]!);
  const solved = solve(new Matrix(covariance), new Matrix([y.map(() => 1), y]).transpose());
  const [ones, ys] = [solved.getColumn(0), solved.getColumn(1)];
  const anchorWeight = anchor === null ? 0 : anchor.logError ** -2;
  const weight = sum(ones) + anchorWeight;
  const level = (sum(ys) + (anchor === null ? 0 : anchorWeight * Math.log(anchor.learningRate))) / weight;
  return {
    learningRate: Math.exp(level),
    logError: weight ** -0.5,
    drift: mean + deviation ** 2 * sum(x.map((value, i) => value * (ys[i]! - level * ones[i]!))),
  };
}

/** Whether two estimates of one rate lie within two standard errors of their difference. */
export function agree(one: RateEstimate, other: RateEstimate): boolean {
  const distance = Math.abs(Math.log(one.learningRate / other.learningRate));
  return distance <= 2 * Math.hypot(one.logError, other.logError);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
