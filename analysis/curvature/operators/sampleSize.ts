import { LambdamaxError } from '../../../errors.ts';
import type { BatchValue } from '../../../numerics/krylov/operator.ts';
import { standardErrorOverBatches, weightedMean } from './batches.ts';

/** How much data an eigenvalue needs. */
export interface SampleSize {
  /** The standard error asked for, relative to the eigenvalue. */
  readonly relativeError: number;
  /** Sequences like those measured on that bring it. */
  readonly sequences: number;
  /** A 90 % interval of that number, as the spread over few batches is itself uncertain; null below 4 batches. */
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * How many sequences bring the standard error of an eigenvalue down to `relativeError` of it, from the batches' Rayleigh quotients
 * at its eigenvector: the standard error over batches falls as one over the root of their number. The interval takes the
 * quotients as normal: (b - 1) s^2 / sigma^2 is then chi-squared with b - 1 degrees of freedom for b batches.
 *
 * It knows nothing of the bias: over few sequences the largest eigenvalue is on average too large, as the eigenvector is the one
 * that suits those sequences. Where the answer is many times the sequences measured, measure again on more.
 *
 * @param sequences what all batches held together.
 * Returns null for a single batch, or where the quotients' mean is zero or not finite. Throws a LambdamaxError as `shares`
 * does, and for a relative error or a number of sequences that is not positive.
 */
export function sampleSize(
  quotients: readonly BatchValue[],
  sequences: number,
  relativeError = 0.05,
): SampleSize | null {
  for (const [subject, value] of Object.entries({ relativeError, sequences })) {
    if (!(value > 0 && Number.isFinite(value)))
      throw new LambdamaxError({ subject: `${subject} of a sample size`, expected: 'a positive number', got: value });
  }
  const spread = standardErrorOverBatches(quotients);
  const mean = weightedMean(quotients);
  if (spread === null || mean === 0 || !Number.isFinite(spread)) return null;
  const needed = sequences * (spread / (relativeError * mean)) ** 2;
  const whole = (number: number): number => Math.max(1, Math.ceil(number));
  const degrees = quotients.length - 1;
  const atQuantile = (z: number): number | null =>
    degrees < 3 ? null : whole((needed * degrees) / chiSquared(degrees, z));
  return { relativeError, sequences: whole(needed), low: atQuantile(z95), high: atQuantile(-z95) };
}

const z95 = 1.644854;

/** The quantile of chi-squared where a standard normal has z, by Wilson and Hilferty 1931; right to 4 % from 3 degrees on. */
function chiSquared(degrees: number, z: number): number {
  const share = 2 / (9 * degrees);
  return degrees * (1 - share + z * Math.sqrt(share)) ** 3;
}
