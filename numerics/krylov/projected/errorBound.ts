import type { ProjectedMatrix } from '../tridiagonalise.ts';
import type { End, RitzValue } from './ritzValue.ts';

/** The chance that an eigenvalue lies farther out than an error bound says: over random start vectors, whatever the operator. */
export const missChance = 0.003;

/** P(chi <= t) <= t sqrt(2 / pi) for |chi| normal: a random unit vector [n] has a coordinate below t / sqrt(n) so rarely. */
const leastShare = (missChance ** 2 * Math.PI) / 2;

/**
 * How far beyond an end of T's spectrum the operator's own end may lie: as far as {@link hiddenReach} says, and not less than the
 * error of the Ritz value itself, min(r, r^2 / gap) for its residual bound r. (Kato and Temple: Parlett, The Symmetric
 * Eigenvalue Problem, section 11.5. The gap to the `next` Ritz value is narrowed by that one's own residual bound.) Nearer than the
 * Ritz value the end never lies.
 */
export function errorBound(
  end: End,
  { value, residualBound }: RitzValue,
  next: RitzValue | undefined,
  krylov: ProjectedMatrix,
): number {
  const gap = next === undefined ? 0 : Math.abs(value - next.value) - next.residualBound;
  const own = gap > residualBound ? residualBound * (residualBound / gap) : residualBound;
  return Math.max(own, hiddenReach(end, value, krylov));
}

/**
 * How far beyond a Ritz value at an end of T's spectrum an eigenvalue may be hidden. Van Dorsselaer,
 * Hochstenbach and van der Vorst, Computing Probabilistic Bounds for Extreme Eigenvalues of Symmetric Matrices with the Lanczos
 * Method, SIAM J. Matrix Anal. Appl. 22 (2000).
 *
 * Let p_0, p_1, ... p_k be T's orthonormal polynomials, q_j+1 = p_j(H) q_1. A unit eigenvector of mu has the coordinates c p_j(mu) in
 * the Krylov basis, c its part in the start vector, so that c^2 sum_j p_j(mu)^2 <= 1; and outside of T's spectrum the sum only
 * grows. So an eigenvalue beyond the point where it is n / x has c^2 < x / n, which a random start vector has with a chance of
 * at most sqrt(2 x / pi) = {@link missChance}, whatever the operator and however the number of steps was chosen. A residual bound
 * says nothing of such eigenvalues: it is small for a while at a mixture of two close ones.
 */
function hiddenReach(end: End, value: number, krylov: ProjectedMatrix): number {
  const outwards = end === 'largest' ? 1 : -1;
  const enough = krylov.dimension / leastShare;
  const isBeyond = (distance: number): boolean => exceeds(enough, value + outwards * distance, krylov);
  if (isBeyond(0)) return 0;
  let far = krylov.largestEntry;
  while (!isBeyond(far)) far *= 2;
  let near = 0;
  // Two digits of the bound are enough, wherever it lies; below T's own rounding there are none.
  for (let turn = 0; turn < 200 && far - near > 0.01 * far; turn++) {
    const middle = near > 0 ? Math.sqrt(near) * Math.sqrt(far) : far / 1000;
    if (isBeyond(middle)) far = middle;
    else near = middle;
  }
  return far;
}

/** Whether sum_j p_j(mu)^2 >= enough, j = 0 ... k. */
function exceeds(enough: number, mu: number, { diagonal, offDiagonal }: ProjectedMatrix): boolean {
  let [previous, current, sum] = [0, 1, 1];
  for (const [j, alpha] of diagonal.entries()) {
    const beta = offDiagonal[j]!;
    // The space is the operator's own: an eigenvector outside of it has no part in the start vector at all.
    if (beta === 0) return true;
    [previous, current] = [current, ((mu - alpha) * current - (offDiagonal[j - 1] ?? 0) * previous) / beta];
    sum += current * current;
    if (sum >= enough) return true;
  }
  return false;
}
