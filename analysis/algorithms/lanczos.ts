import { LambdamaxError } from '../../errors.ts';
import type { Precision, SymmetricOperator } from '../operators/operator.ts';
import type { Outcome } from './outcome.ts';
import { type End, type RitzCoordinates, type RitzPair, type RitzValue, ritzEnds, ritzPair } from './ritz.ts';
import { startVector } from './startVector.ts';
import { Tridiagonalisation } from './tridiagonalise.ts';

export type { RitzPair, RitzValue } from './ritz.ts';

/** What is known whenever the Ritz values of the Krylov space at hand are looked at. */
export interface LanczosProgress {
  /** Operator products so far. */
  readonly products: number;
  readonly lambdaMax: RitzValue;
  readonly lambdaMin: RitzValue;
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
  readonly lambdaMax: RitzPair | null;
  /** The algebraically smallest eigenvalue; null under the same conditions. */
  readonly lambdaMin: RitzPair | null;
  readonly outcome: Outcome;
  /** Operator products used. */
  readonly products: number;
}

/** Rounding in the products hides anything smaller. */
const smallestTolerance: Readonly<Record<Precision, number>> = { float32: 1e-5, float64: 1e-13 };

/** An end smaller than this share of the operator's scale is known relative to that share, not relative to itself. */
const shareOfScale = 0.01;

/**
 * How far below the tolerance a residual bound must fall. The bound promises some eigenvalue nearby, not the last one: at a
 * mixture of two close ones it is small for a while. Chosen by measurement, on 5,000 spectra with a second
 * eigenvalue 1 to 30 tolerances below the first: a bound at the tolerance itself was wrong in 8 to 11 % of them, at a
 * hundredth of it in 0.04 %, for a third more products. To wait for several good steps was worse at the same price.
 */
const safetyFactor = 100;

/** Steps before which no bound is believed; a smaller space is explored whole. */
const leastSteps = 10;

/** T is float64 whatever the operator is: a residual bound below this share of its largest entry is rounding. */
const tridiagonalRounding = 10 * 2 ** -53;

/**
 * The ends of a symmetric operator's spectrum by the Lanczos method with full reorthogonalisation (Lanczos 1950; see
 * {@link Tridiagonalisation}), from a random start vector.
 *
 * It stops when |beta_k s_k| <= tolerance max(|theta|, 0.01 scale) / 100 at each end asked for: theta is the Ritz value, s
 * the unit eigenvector of T_k and scale T_k's largest entry, which comes close to |H|. The second term is for an end near
 * zero, such as the lambda_min of a positive semidefinite operator; the 100 is a margin, chosen by measurement. It
 * never stops because the values stand still, which they also do before they have seen the end.
 *
 * When the operator maps the Krylov space into itself, another one is started from a random vector orthogonal to it,
 * until one brings nothing new. So an eigenvector in which the start vector had no part is found as well.
 *
 * Throws a LambdamaxError for an operator without rows, no steps, or a tolerance below what the operator's precision can
 * give (1e-5 in float32, 1e-13 in float64). NaN or infinity in a product is an outcome, not an error.
 */
export async function lanczos(operator: SymmetricOperator, options: LanczosOptions = {}): Promise<LanczosResult> {
  const { tolerance = 1e-3, maxSteps = 100, seed = 0, ends = 'both', onStep } = options;
  checkOptions(operator, tolerance, maxSteps);
  const wanted: readonly End[] = ends === 'both' ? ['largest', 'smallest'] : [ends];
  const found: Partial<Record<End, RitzPair>> = {};
  let products = 0;
  let outcome: Outcome = 'krylovExhausted';
  let previous: Tridiagonalisation | undefined;

  for (let space = 0; products < maxSteps; space++) {
    const start = startVector(operator.size, seed, space === 0 ? 'lanczos start' : `lanczos start ${space}`);
    const krylov = new Tridiagonalisation(operator, start, previous);
    if (!krylov.canStep) break;
    const explored = await explore(krylov, { tolerance, maxSteps, wanted, before: products, onStep });
    products = explored.products;
    const margin = tolerance * shareOfScale * krylov.largestEntry;
    const news = wanted.filter((end) => isFurtherOut(end, explored.ritz?.[end], found[end], margin));
    for (const end of news) found[end] = ritzPair(krylov, explored.ritz![end]);
    if (space === 0 || news.length > 0 || explored.outcome === 'notFinite') outcome = explored.outcome;
    if (outcome !== 'krylovExhausted' || news.length === 0) break;
    previous = krylov;
  }
  return { lambdaMax: found.largest ?? null, lambdaMin: found.smallest ?? null, outcome, products };
}

interface Exploration {
  /** Null if the first product was not finite. */
  readonly ritz: Record<End, RitzCoordinates> | null;
  readonly outcome: Outcome;
  /** Products so far, those before this space included. */
  readonly products: number;
}

interface ExplorationOptions {
  readonly tolerance: number;
  readonly maxSteps: number;
  readonly wanted: readonly End[];
  /** Products spent on earlier spaces. */
  readonly before: number;
  readonly onStep: LanczosOptions['onStep'];
}

/** Extends one Krylov space until its wanted ends are known, or it cannot or must not go on. */
async function explore(krylov: Tridiagonalisation, options: ExplorationOptions): Promise<Exploration> {
  const { tolerance, maxSteps, wanted, before, onStep } = options;
  const isKnown = ({ value, residualBound }: RitzValue): boolean => {
    const allowed = (tolerance * Math.max(Math.abs(value), shareOfScale * krylov.largestEntry)) / safetyFactor;
    return residualBound <= Math.max(allowed, tridiagonalRounding * krylov.largestEntry);
  };
  let nextLook = 1;
  for (let products = before + 1; ; products++) {
    const step = await krylov.step();
    const isLast = step !== 'advanced' || products >= maxSteps;
    if (!isLast && krylov.steps < nextLook) continue;
    // T's eigenvalues cost k^3: looked at every time, they would come to cost more than the products.
    nextLook = krylov.steps + Math.max(1, Math.floor(krylov.steps / 25));

    const ritz = krylov.steps > 0 ? ritzEnds(krylov) : null;
    if (ritz !== null)
      onStep?.({ products, lambdaMax: progressOf(ritz.largest), lambdaMin: progressOf(ritz.smallest) });
    if (step === 'notFinite') return { ritz, outcome: 'notFinite', products };
    if (step === 'invariant') return { ritz, outcome: 'krylovExhausted', products };
    const isConverged = krylov.steps >= leastSteps && wanted.every((end) => isKnown(ritz![end]));
    if (isConverged) return { ritz, outcome: 'converged', products };
    if (isLast) return { ritz, outcome: 'stepLimit', products };
  }
}

function progressOf({ value, residualBound }: RitzValue): RitzValue {
  return { value, residualBound };
}

/** Whether the candidate lies beyond what was found by more than the margin. */
function isFurtherOut(end: End, candidate?: RitzValue, known?: RitzValue, margin = 0): boolean {
  if (candidate === undefined || known === undefined) return candidate !== undefined;
  const gain = candidate.value - known.value;
  return (end === 'largest' ? gain : -gain) > margin;
}

function checkOptions({ size, precision }: SymmetricOperator, tolerance: number, maxSteps: number): void {
  if (!(size >= 1))
    throw new LambdamaxError({ subject: 'operator given to lanczos', expected: 'one row or more', got: size });
  if (!(Number.isInteger(maxSteps) && maxSteps >= 1)) {
    throw new LambdamaxError({ subject: 'maxSteps of lanczos', expected: 'a whole number from 1', got: maxSteps });
  }
  if (!(tolerance >= smallestTolerance[precision] && tolerance < 1)) {
    const float32Remedy = precision === 'float32' ? { remedy: 'for a smaller one compute in float64' } : {};
    throw new LambdamaxError({
      subject: 'tolerance of lanczos',
      expected: `${smallestTolerance[precision]} to 1 for a ${precision} operator`,
      got: tolerance,
      ...float32Remedy,
    });
  }
}
