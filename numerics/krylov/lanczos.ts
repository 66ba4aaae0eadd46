import { lanczosDefaults } from './defaults.ts';
import { explore } from './explore.ts';
import type { SymmetricOperator } from './operator.ts';
import type { Outcome } from './outcome.ts';
import { forecast } from './projected/expectedProducts.ts';
import { ritzEnds, ritzPair } from './projected/ritz.ts';
import type { End, EndCoordinates, EndPair, EndValue, RitzValue } from './projected/ritzValue.ts';
import { roundingBounds } from './projected/roundingBound.ts';
import { allowedError, checkSearch, isEndKnownTo, leastSteps } from './projected/stoppingRule.ts';
import { startVector } from './startVector.ts';
import { Tridiagonalisation } from './tridiagonalise.ts';

export type { EndPair, EndValue, RitzPair, RitzValue } from './projected/ritzValue.ts';

/** What is known whenever the Ritz values of the Krylov space at hand are looked at. */
export interface LanczosProgress {
  /** Operator products so far. */
  readonly products: number;
  readonly lambdaMax: EndValue;
  readonly lambdaMin: EndValue;
  /** The products that the search will have taken in the end, as `forecast` foresees it; worked out when it is asked for. */
  expected(): number;
}

export interface LanczosOptions {
  /** Largest error asked for, relative to the eigenvalue; {@link lanczos} says what that means near zero. Default 1e-3. */
  readonly tolerance?: number;
  /** Most operator products; each also keeps one vector of the operator's size. Default 100. */
  readonly maxSteps?: number;
  /** Seed of the random start vector. Default 0. */
  readonly seed?: number | string;
  /** Which ends must be known. Default 'both': loss Hessians are indefinite, and either end can be the larger one. */
  readonly ends?: End | 'both';
  /** Called whenever the Ritz values were looked at: after every product at first, less often after 50. */
  readonly onStep?: (progress: LanczosProgress) => void;
}

export interface LanczosResult {
  /** The algebraically largest eigenvalue; null if it was not asked for, or if no product was finite. */
  readonly lambdaMax: EndPair | null;
  /** The algebraically smallest eigenvalue; null under the same conditions. */
  readonly lambdaMin: EndPair | null;
  readonly outcome: Outcome;
  /** With notFinite: the batch and tensor where it arose, in words, if the operator can tell. */
  readonly fault?: string;
  /** Operator products used. */
  readonly products: number;
}

/**
 * The ends of a symmetric operator's spectrum by the Lanczos method with full reorthogonalisation (Lanczos 1950; see
 * `numerics/krylov/tridiagonalise.ts`), from a random start vector.
 *
 * It stops when the error bound of each end asked for (see `errorBound`) is at most tolerance max(|theta|, 0.01 scale): theta
 * is the Ritz value and scale T_k's largest entry, which comes close to |H|. The second term is for an end near zero, such as the
 * lambda_min of a positive semidefinite operator. So at most three start vectors in a thousand lead to a larger error, whatever
 * the operator. It never stops because the values stand still, which they also do before they have seen the end.
 * What the rounding of the products may have done is measured at the end and added to the bounds (see `roundingBounds`, at the
 * price of two to three products more); if they are larger than the tolerance for that, the outcome is roundingLimit.
 *
 * When the operator maps the Krylov space into itself, another one is started from a random vector orthogonal to it,
 * until one brings nothing new. So an eigenvector in which the start vector had no part is found as well.
 *
 * Throws a LambdamaxError for an operator without rows, no steps, or a tolerance below what the operator's precision can
 * give (1e-5 in float32, 1e-13 in float64). NaN or infinity in a product is an outcome, not an error.
 */
export async function lanczos(operator: SymmetricOperator, options: LanczosOptions = {}): Promise<LanczosResult> {
  const {
    tolerance = lanczosDefaults.tolerance,
    maxSteps = lanczosDefaults.maxSteps,
    seed = 0,
    ends = 'both',
    onStep,
  } = options;
  checkSearch('lanczos', operator, { tolerance, maxSteps });
  const wanted: readonly End[] = ends === 'both' ? ['largest', 'smallest'] : [ends];
  const found: Partial<Record<End, FoundEnd>> = {};
  let products = 0;
  let outcome: Outcome = 'krylovExhausted';
  let fault: Pick<LanczosResult, 'fault'> = {};
  let previous: Tridiagonalisation | undefined;
  let size = 0;

  for (let space = 0; products < maxSteps; space++) {
    const start = startVector(operator.size, seed, space === 0 ? 'lanczos start' : `lanczos start ${space}`);
    const krylov = new Tridiagonalisation(operator, start, previous);
    if (!krylov.canStep) break;
    let ritz: Record<End, EndCoordinates> | undefined;
    const expectedSteps = forecast({ wanted, tolerance, most: maxSteps - products });
    const explored = await explore(krylov, {
      before: products,
      maxSteps,
      look(soFar) {
        const ends = ritzEnds(krylov);
        ritz = ends;
        const isKnown = (end: EndValue): boolean =>
          isEndKnownTo(allowedError(end.value, tolerance, krylov.largestEntry), end, krylov);
        const isEnough = krylov.steps >= leastSteps && wanted.every((end) => isKnown(ends[end]));
        const before = soFar - krylov.steps;
        onStep?.({
          products: soFar,
          lambdaMax: progressOf(ends.largest),
          lambdaMin: progressOf(ends.smallest),
          expected: () => (isEnough || !krylov.canStep ? soFar : before + expectedSteps(krylov)),
        });
        return isEnough;
      },
    });
    products = explored.products;
    fault = explored.fault === undefined ? {} : { fault: explored.fault };
    const margin = allowedError(0, tolerance, krylov.largestEntry);
    const news = wanted.filter((end) => isFurtherOut(end, ritz?.[end], found[end], margin));
    for (const end of news) found[end] = foundEnd(krylov, ritz![end]);
    size = krylov.largestEntry;
    if (space === 0 || news.length > 0 || explored.outcome === 'notFinite') outcome = explored.outcome;
    if (outcome !== 'krylovExhausted' || news.length === 0) break;
    previous = krylov;
  }
  const { largest = null, smallest = null } = await withRounding(operator, found, size);
  const isTooRough = [largest, smallest].some(
    (end) => end !== null && end.errorBound > allowedError(end.value, tolerance, size),
  );
  if (outcome === 'converged' && isTooRough) outcome = 'roundingLimit';
  return { lambdaMax: largest, lambdaMin: smallest, outcome, ...fault, products };
}

/** An end of the spectrum as exact arithmetic would have it, and H times its vector. */
type FoundEnd = Omit<EndPair, 'roundingBound'> & { readonly image: Float64Array };

function foundEnd(krylov: Tridiagonalisation, ritz: EndCoordinates): FoundEnd {
  const image = krylov.imageOf(ritz.value, ritz.coordinates());
  return { ...ritzPair(krylov, ritz), errorBound: ritz.errorBound, image };
}

/** The ends with what rounding may have done to them in their bounds. */
async function withRounding(
  operator: SymmetricOperator,
  found: Readonly<Partial<Record<End, FoundEnd>>>,
  size: number,
): Promise<Partial<Record<End, EndPair>>> {
  const ends = Object.entries(found) as [End, FoundEnd][];
  const bounds = await roundingBounds(
    operator,
    ends.map(([, end]) => end),
    size,
  );
  const rounded = ends.map(([end, { image: _, ...pair }], index) => {
    const roundingBound = bounds[index]!;
    const residualBound = pair.residualBound + roundingBound;
    return [end, { ...pair, residualBound, errorBound: pair.errorBound + roundingBound, roundingBound }];
  });
  return Object.fromEntries(rounded);
}

function progressOf({ value, residualBound, errorBound }: EndValue): EndValue {
  return { value, residualBound, errorBound };
}

/** Whether the candidate lies beyond what was found by more than the margin. */
function isFurtherOut(end: End, candidate?: RitzValue, known?: RitzValue, margin = 0): boolean {
  if (candidate === undefined || known === undefined) return candidate !== undefined;
  const gain = candidate.value - known.value;
  return (end === 'largest' ? gain : -gain) > margin;
}
