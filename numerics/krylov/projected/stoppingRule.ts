import { LambdamaxError } from '../../../errors.ts';
import type { Precision, SymmetricOperator } from '../operator.ts';
import type { ProjectedMatrix } from '../tridiagonalise.ts';
import type { EndValue, RitzValue } from './ritzValue.ts';

/** Rounding in the products hides anything smaller. */
const smallestTolerance: Readonly<Record<Precision, number>> = { float32: 1e-5, float64: 1e-13 };

/** A value smaller than this share of the operator's scale is known relative to that share, not relative to itself. */
const shareOfScale = 0.01;

/**
 * How far below the tolerance the residual bound of one of several eigenvalues must fall. The bound promises some eigenvalue nearby, not the last one: at a
 * mixture of two close ones it is small for a while. Chosen by measurement, on 5,000 spectra with a second
 * eigenvalue 1 to 30 tolerances below the first: a bound at the tolerance itself was wrong in 8 to 11 % of them, at a
 * hundredth of it in 0.04 %, for a third more products. To wait for several good steps was worse at the same price.
 */
const safetyFactor = 100;

/** Steps before which no bound is believed; a smaller space is explored whole. */
export const leastSteps = 10;

/** T is float64 whatever the operator is: a residual bound below this share of its largest entry is rounding. */
const tridiagonalRounding = 10 * 2 ** -53;

/** The largest error allowed in an eigenvalue: tolerance max(|value|, 0.01 scale), scale the size of the operator. */
export function allowedError(value: number, tolerance: number, scale: number): number {
  return tolerance * Math.max(Math.abs(value), shareOfScale * scale);
}

/** Whether the residual bound is a hundredth of the error (or as small as rounding lets it be). */
export function isKnownTo(error: number, { residualBound }: RitzValue, { largestEntry }: ProjectedMatrix): boolean {
  return residualBound <= Math.max(error / safetyFactor, tridiagonalRounding * largestEntry);
}

/** The part of an error that is left to rounding, which is measured only when a search has ended. */
const roomForRounding = 0.1;

/** Whether the error bound of an end is within nine tenths of the error, or its residual bound as small as rounding lets it be. */
export function isEndKnownTo(
  error: number,
  { errorBound, residualBound }: EndValue,
  { largestEntry }: ProjectedMatrix,
): boolean {
  return errorBound <= (1 - roomForRounding) * error || residualBound <= tridiagonalRounding * largestEntry;
}

/**
 * Throws a LambdamaxError for an operator without rows, no steps, or a tolerance below what the operator's precision can give
 * (1e-5 in float32, 1e-13 in float64).
 */
export function checkSearch(
  algorithm: string,
  { size, precision }: SymmetricOperator,
  { tolerance, maxSteps }: { readonly tolerance: number; readonly maxSteps: number },
): void {
  if (!(size >= 1))
    throw new LambdamaxError({ subject: `operator given to ${algorithm}`, expected: 'one row or more', got: size });
  if (!(Number.isInteger(maxSteps) && maxSteps >= 1)) {
    throw new LambdamaxError({ subject: `maxSteps of ${algorithm}`, expected: 'a whole number from 1', got: maxSteps });
  }
  if (!(tolerance >= smallestTolerance[precision] && tolerance < 1)) {
    const float32Remedy = precision === 'float32' ? { remedy: 'for a smaller one compute in float64' } : {};
    throw new LambdamaxError({
      subject: `tolerance of ${algorithm}`,
      expected: `${smallestTolerance[precision]} to 1 for a ${precision} operator`,
      got: tolerance,
      ...float32Remedy,
    });
  }
}
