import { axpy, norm } from '../vectors.ts';
import { explore } from './explore.ts';
import { type LanczosOptions, lanczos } from './lanczos.ts';
import type { SymmetricOperator } from './operator.ts';
import type { Outcome } from './outcome.ts';
import { largestRitz, ritzPair } from './projected/ritz.ts';
import type { RitzCoordinates } from './projected/ritzValue.ts';
import { allowedError, checkSearch } from './projected/stoppingRule.ts';
import { startVector } from './startVector.ts';
import { Tridiagonalisation } from './tridiagonalise.ts';

/** The top of a spectrum that is looked at again and again while the operator changes a little. */
export interface FollowedTop {
  /** The algebraically largest eigenvalue; null if no product was finite. */
  readonly value: number | null;
  /** Unit vectors [size] to begin the next search with, the eigenvector first. */
  readonly vectors: readonly Float64Array[];
  readonly outcome: Outcome;
  /** Operator products used. */
  readonly products: number;
}

/** How a top is followed: the tolerance, the most products, and the seed of the part of the start that is random. */
export type FollowTopOptions = Required<Pick<LanczosOptions, 'tolerance' | 'maxSteps' | 'seed'>>;

/** Vectors that are handed on. The second eigenvector is most likely to be the first next time. */
const handedOn = 2;

/** Length of the random part of a start vector beside the unit vectors that were handed on. */
const shareOfRandom = 0.1;

/** Steps before which no bound is believed: fewer do not see an eigenvalue that came to the top. */
const fewestSteps = 4;

/**
 * How far below the tolerance the bound of the error must fall: that of Kato and Temple, min(r, r^2 / gap) for the residual r, which
 * trusts that no eigenvalue above was missed. Chosen by measurement on operators whose two largest eigenvalues cross: none of 100 searches
 * was off by more than the tolerance, by two thirds of it at most. With 2 or 3 steps at least, 8 to 38 in 100 were.
 */
const safetyFactor = 5;

/**
 * The largest eigenvalue of an operator that was looked at before, when it was a little different: Lanczos from the vectors that the
 * last search handed on, with a random part. On the bundled model it takes 6 to 7 products
 * in the mean where a search from nothing takes 12 to 13 (tolerance 1e-2, every second step from the first on). Without
 * vectors it is such a search, with the bound of `lanczos`.
 *
 * From the second search on the error is no longer bounded whatever the operator: an eigenvalue that came to the top from where
 * no start vector had a part in it is missed until the random parts have found it.
 *
 * Throws a LambdamaxError as `lanczos` does.
 */
export async function followTop(
  operator: SymmetricOperator,
  vectors: readonly Float64Array[],
  { tolerance, maxSteps, seed }: FollowTopOptions,
): Promise<FollowedTop> {
  if (vectors.length === 0) {
    const { lambdaMax, outcome, products } = await lanczos(operator, { tolerance, maxSteps, seed, ends: 'largest' });
    const found = lambdaMax === null ? [] : [lambdaMax.vector];
    return { value: lambdaMax?.value ?? null, vectors: found, outcome, products };
  }
  checkSearch('followTop', operator, { tolerance, maxSteps });
  const krylov = new Tridiagonalisation(operator, startFrom(vectors, seed));
  let ritz: readonly RitzCoordinates[] = [];
  const { outcome, products } = await explore(krylov, {
    ...{ before: 0, maxSteps },
    look() {
      ritz = largestRitz(krylov, handedOn);
      const allowed = allowedError(ritz[0]!.value, tolerance, krylov.largestEntry) / safetyFactor;
      return krylov.steps >= fewestSteps && errorOf(ritz) <= allowed;
    },
  });
  const pairs = ritz.map((one) => ritzPair(krylov, one));
  return { value: pairs[0]?.value ?? null, vectors: pairs.map(({ vector }) => vector), outcome, products };
}

function startFrom([first, ...others]: readonly Float64Array[], seed: number | string): Float64Array {
  const start = Float64Array.from(first!);
  for (const other of others) axpy(1, other, start);
  const random = startVector(start.length, seed, 'follow top');
  axpy(shareOfRandom / norm(random), random, start);
  return start;
}

/** The error of the largest Ritz value; the gap to the next is narrowed by that one's own residual. */
function errorOf([first, next]: readonly RitzCoordinates[]): number {
  const { value, residualBound } = first!;
  const gap = next === undefined ? 0 : value - next.value - next.residualBound;
  return gap > residualBound ? (residualBound * residualBound) / gap : residualBound;
}
