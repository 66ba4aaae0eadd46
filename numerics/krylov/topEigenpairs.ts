import { LambdamaxError } from '../../errors.ts';
import { lanczosDefaults } from './defaults.ts';
import { explore } from './explore.ts';
import type { LanczosOptions } from './lanczos.ts';
import type { SymmetricOperator } from './operator.ts';
import type { Outcome } from './outcome.ts';
import { largestRitz, ritzPair } from './projected/ritz.ts';
import type { RitzCoordinates, RitzPair, RitzValue } from './projected/ritzValue.ts';
import { roundingBounds } from './projected/roundingBound.ts';
import { allowedError, checkSearch, isKnownTo, leastSteps } from './projected/stoppingRule.ts';
import { startVector } from './startVector.ts';
import { Tridiagonalisation } from './tridiagonalise.ts';

export interface TopEigenpairsOptions extends Pick<LanczosOptions, 'tolerance' | 'seed'> {
  /** How many eigenvalues, repeated ones as often as they are repeated. */
  readonly count: number;
  /** Most operator products; each also keeps one vector of the operator's size. Default 100, and 10 more for each eigenvalue. */
  readonly maxSteps?: number;
  /** Called whenever the Ritz values were looked at, with the number of them that are known so far. */
  readonly onStep?: (progress: { readonly products: number; readonly known: number }) => void;
}

export interface TopEigenpairs {
  /**
   * The algebraically largest eigenvalues in descending order, with orthonormal vectors; the residual bounds hold what the
   * rounding of products may have done. Fewer than were asked for only if the outcome is stepLimit or notFinite.
   */
  readonly pairs: readonly RitzPair[];
  readonly outcome: Outcome;
  /** With notFinite: the batch and tensor where it arose, in words, if the operator can tell. */
  readonly fault?: string;
  /** Operator products used. */
  readonly products: number;
}

/**
 * The `count` algebraically largest eigenvalues by the Lanczos method with full reorthogonalisation, each to the accuracy
 * that `lanczos` promises for one.
 *
 * A Krylov space holds only one vector of an eigenvalue that is repeated. So once the wanted Ritz pairs are known, another
 * space is started in the orthogonal complement of their vectors (Parlett, The Symmetric Eigenvalue Problem, section 5.3:
 * deflation), until one shows nothing above the last of them. Where all is far below, this takes few products.
 * By Weyl's inequality no value is then off by more than the root of the sum of the squared residual bounds. The rounding of
 * products is measured once, at the largest.
 *
 * Throws a LambdamaxError as `lanczos` does, and unless count is a whole number from 1 to the operator's size.
 */
export async function topEigenpairs(
  operator: SymmetricOperator,
  options: TopEigenpairsOptions,
): Promise<TopEigenpairs> {
  const { pairs, size, ...found } = await search(operator, options);
  const [first] = pairs;
  if (first === undefined || found.outcome === 'notFinite') return { pairs, ...found };
  const [rounding] = await roundingBounds(operator, [first], size);
  const { tolerance = lanczosDefaults.tolerance } = options;
  const rounded = pairs.map((pair) => ({ ...pair, residualBound: pair.residualBound + rounding! }));
  const isTooRough = rounded.some(({ value, residualBound }) => residualBound > allowedError(value, tolerance, size));
  const outcome = found.outcome === 'converged' && isTooRough ? 'roundingLimit' : found.outcome;
  return { ...found, pairs: rounded, outcome };
}

/** What is found in exact arithmetic, and |H| or what is close to it. */
async function search(
  operator: SymmetricOperator,
  options: TopEigenpairsOptions,
): Promise<TopEigenpairs & { readonly size: number }> {
  const { count, tolerance = lanczosDefaults.tolerance, maxSteps = 100 + 10 * count, seed = 0, onStep } = options;
  if (!(Number.isInteger(count) && count >= 1 && count <= operator.size))
    throw new LambdamaxError({
      subject: 'count of topEigenpairs',
      expected: `a whole number from 1 to ${operator.size}, the operator's size`,
      got: count,
    });
  checkSearch('topEigenpairs', operator, { tolerance, maxSteps });
  let pairs: readonly RitzPair[] = [];
  let [products, largestEntry] = [0, 0];
  let isExhausted = true;
  for (let space = 0; products < maxSteps; space++) {
    const known = { basis: pairs.map(({ vector }) => vector), largestEntry };
    const krylov = new Tridiagonalisation(operator, startVector(operator.size, seed, `top ${space}`), known);
    if (!krylov.canStep)
      return { pairs, outcome: isExhausted ? 'krylovExhausted' : 'converged', products, size: largestEntry };
    const isAmongTop = ({ value }: RitzValue): boolean => {
      const last = pairs[count - 1];
      return last === undefined || value > last.value + allowedError(last.value, tolerance, krylov.largestEntry);
    };
    let ritz: readonly RitzCoordinates[] = [];
    const explored = await explore(krylov, {
      before: products,
      maxSteps,
      look(soFar) {
        ritz = largestRitz(krylov, count);
        const isKnown = (one: RitzValue): boolean => {
          const error = allowedError(one.value, tolerance, krylov.largestEntry);
          // What does not count need not be known better than that it does not.
          return isKnownTo(isAmongTop(one) ? error : Math.max(error, pairs[count - 1]!.value - one.value), one, krylov);
        };
        const wanted = mostOf(ritz, pairs, count);
        onStep?.({ products: soFar, known: Math.min(count, pairs.length + wanted.filter(isKnown).length) });
        return krylov.steps >= leastSteps + wanted.length && wanted.length > 0 && wanted.every(isKnown);
      },
    });
    products = explored.products;
    largestEntry = krylov.largestEntry;
    isExhausted &&= explored.outcome === 'krylovExhausted';
    const news = ritz.filter(isAmongTop).map((one) => asEigenpairOfWhole(ritzPair(krylov, one), pairs));
    pairs = [...pairs, ...news].sort((a, b) => b.value - a.value).slice(0, count);
    if (explored.outcome === 'notFinite' || explored.outcome === 'stepLimit')
      return { ...explored, pairs, size: largestEntry };
    if (news.length === 0)
      return { pairs, outcome: isExhausted ? 'krylovExhausted' : 'converged', products, size: largestEntry };
  }
  return { pairs, outcome: 'stepLimit', products, size: largestEntry };
}

/** The Ritz values that could be among the `count` largest beside those that are known: at least the first of them. */
function mostOf(
  ritz: readonly RitzCoordinates[],
  known: readonly RitzPair[],
  count: number,
): readonly RitzCoordinates[] {
  const all = [...ritz.map(({ value }) => value), ...known.map(({ value }) => value)].sort((a, b) => b - a);
  const least = all[count - 1] ?? Number.NEGATIVE_INFINITY;
  return ritz.filter(({ value }, index) => index === 0 || value >= least);
}

/** In the complement of vectors V that are eigenvectors up to residuals R, H x differs from what it is there by V R' x. */
function asEigenpairOfWhole(pair: RitzPair, known: readonly RitzPair[]): RitzPair {
  return { ...pair, residualBound: Math.hypot(pair.residualBound, ...known.map(({ residualBound }) => residualBound)) };
}
