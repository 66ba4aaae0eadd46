import { axpy, dot, norm, roundoff, scale } from '../vectors.ts';
import { faultOf } from './fault.ts';
import type { SymmetricOperator } from './operator.ts';
import type { Outcome } from './outcome.ts';
import type { RitzPair, RitzValue } from './projected/ritzValue.ts';
import { roundingBounds } from './projected/roundingBound.ts';
import { checkSearch } from './projected/stoppingRule.ts';
import { startVector } from './startVector.ts';

export interface PowerIterationOptions {
  /** Largest residual |H x - value x| of the unit vector x, relative to |value - shift|. Default 1e-3. */
  readonly tolerance?: number;
  /** Most operator products. Default 1,000. */
  readonly maxSteps?: number;
  /** Seed of the random start vector. Default 0. */
  readonly seed?: number | string;
  /** The eigenvalue farthest from here is sought: with lambda_min it is lambda_max, and the other way round. Default 0. */
  readonly shift?: number;
  readonly onStep?: (progress: RitzValue & { readonly products: number }) => void;
}

export interface PowerIterationResult {
  /** The eigenvalue farthest from the shift; null if the first product was not finite. */
  readonly dominant: RitzPair | null;
  readonly outcome: Outcome;
  /** With notFinite: the batch and tensor where it arose, in words, if the operator can tell. */
  readonly fault?: string;
  /** Operator products used. */
  readonly products: number;
}

/**
 * The eigenvalue farthest from a shift by power iteration, x <- (H - shift) x / |(H - shift) x| (Golub and Van Loan, Matrix
 * Computations, 4th edition, section 8.2): a check of `lanczos` that shares next to nothing with it, and needs many
 * more products. Two eigenvalues that are equally far on either side of the shift keep it from converging; two that are
 * almost as far on the same side let it stop between them, as the residual bounds the distance to some eigenvalue only. What
 * rounding may have done is added to that bound at the end.
 *
 * Throws a LambdamaxError as `lanczos` does.
 */
export async function powerIteration(
  operator: SymmetricOperator,
  options: PowerIterationOptions = {},
): Promise<PowerIterationResult> {
  const { dominant, ...found } = await iterate(operator, options);
  if (dominant === null || found.outcome === 'notFinite') return { dominant, ...found };
  const [rounding] = await roundingBounds(operator, [dominant], Math.abs(dominant.value));
  return { dominant: { ...dominant, residualBound: dominant.residualBound + rounding! }, ...found };
}

async function iterate(operator: SymmetricOperator, options: PowerIterationOptions): Promise<PowerIterationResult> {
  const { tolerance = 1e-3, maxSteps = 1000, seed = 0, shift = 0, onStep } = options;
  checkSearch('powerIteration', operator, { tolerance, maxSteps });
  let dominant: RitzPair | null = null;
  let next: Float64Array = startVector(operator.size, seed, 'power iteration start');
  for (let products = 1; products <= maxSteps; products++) {
    const x = scale(1 / norm(next), next, operator.precision);
    const image = Float64Array.from(await operator.apply(x));
    if (!Number.isFinite(norm(image))) {
      const fault = await faultOf(operator, x);
      return { dominant, outcome: 'notFinite', ...(fault === undefined ? {} : { fault }), products };
    }
    // x was rounded: its length is one to the operator's precision only.
    const value = dot(x, image) / dot(x, x);
    next = image.slice();
    axpy(-shift, x, next);
    axpy(-value, x, image);
    dominant = { value, residualBound: norm(image), vector: Float64Array.from(x) };
    onStep?.({ products, value, residualBound: dominant.residualBound });
    // Nothing is left to tell directions apart where H is shift I up to rounding.
    const rounding = 10 * roundoff[operator.precision] * Math.max(Math.abs(shift), Math.abs(value));
    if (dominant.residualBound <= Math.max(tolerance * Math.abs(value - shift), rounding))
      return { dominant, outcome: 'converged', products };
  }
  return { dominant, outcome: 'stepLimit', products: maxSteps };
}
