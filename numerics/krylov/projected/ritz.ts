import { norm, scale } from '../../vectors.ts';
import type { ProjectedMatrix, Tridiagonalisation } from '../tridiagonalise.ts';
import { errorBound } from './errorBound.ts';
import type { End, EndCoordinates, RitzCoordinates, RitzPair } from './ritzValue.ts';
import { type TridiagonalEigen, tridiagonalEigen } from './tridiagonalEigen.ts';

/** Both ends of T's spectrum; there must be at least one step. Parlett, The Symmetric Eigenvalue Problem, section 13.2. */
export function ritzEnds(krylov: ProjectedMatrix): Record<End, EndCoordinates> {
  const eigen = tridiagonalEigen(krylov.diagonal, krylov.offDiagonal);
  const last = krylov.steps - 1;
  const endAt = (end: End, index: number, beside: number): EndCoordinates => {
    const ritz = ritzAt(krylov, eigen, index);
    const next = last === 0 ? undefined : ritzAt(krylov, eigen, beside);
    return { ...ritz, errorBound: errorBound(end, ritz, next, krylov) };
  };
  return { largest: endAt('largest', last, last - 1), smallest: endAt('smallest', 0, 1) };
}

/** The algebraically largest Ritz values, in descending order: `count`, or as many as there are steps. */
export function largestRitz(krylov: ProjectedMatrix, count: number): RitzCoordinates[] {
  const eigen = tridiagonalEigen(krylov.diagonal, krylov.offDiagonal);
  return Array.from({ length: Math.min(count, krylov.steps) }, (_, i) => ritzAt(krylov, eigen, krylov.steps - 1 - i));
}

function ritzAt(
  { offDiagonal, steps }: ProjectedMatrix,
  { values, last, vector }: TridiagonalEigen,
  index: number,
): RitzCoordinates {
  const residualBound = Math.abs(offDiagonal[steps - 1]! * last[index]!);
  return { value: values[index]!, residualBound, coordinates: () => vector(index) };
}

/** The Ritz pair with its vector written out, in unit length also when the basis is float32. */
export function ritzPair(krylov: Tridiagonalisation, { value, residualBound, coordinates }: RitzCoordinates): RitzPair {
  const vector = krylov.combine(coordinates());
  return { value, residualBound, vector: scale(1 / norm(vector), vector, 'float64') as Float64Array };
}
