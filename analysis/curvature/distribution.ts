import { type SpectralDensity, spectralDensity } from '../../numerics/krylov/distribution/density.ts';
import { lanczosQuadrature } from '../../numerics/krylov/distribution/lanczosQuadrature.ts';
import { hutchPlusPlus, type TraceEstimate } from '../../numerics/krylov/distribution/trace.ts';
import type { SymmetricOperator } from '../../numerics/krylov/operator.ts';
import type { Outcome } from '../../numerics/krylov/outcome.ts';
import type { RitzPair } from '../../numerics/krylov/projected/ritzValue.ts';
import { topEigenpairs } from '../../numerics/krylov/topEigenpairs.ts';

/** What else is asked of a spectrum than its ends; nothing by default. */
export interface DistributionOptions {
  /** How many of the largest eigenvalues. */
  readonly topK?: number;
  /** Operator products for the trace. */
  readonly traceProducts?: number;
  /** Random vectors and Lanczos steps for the density. */
  readonly density?: { readonly probes: number; readonly steps: number };
  readonly tolerance?: number;
  readonly maxSteps?: number;
  readonly seed?: number | string;
  /** Called as products are spent. `most`: what this quantity will take at most. */
  readonly onProduct?: (quantity: 'top eigenvalues' | 'trace' | 'density', products: number, most: number) => void;
}

/** What was asked for. */
export interface Distribution {
  readonly top?: { readonly pairs: readonly RitzPair[]; readonly outcome: Outcome };
  readonly trace?: TraceEstimate;
  readonly density?: SpectralDensity & { readonly products: number };
}

/**
 * The largest eigenvalues, the trace (Hutch++) and the density (stochastic Lanczos quadrature) of an operator. Throws a
 * LambdamaxError as those algorithms do; more eigenvalues than the operator has are as many as it has.
 */
export async function distribution(operator: SymmetricOperator, options: DistributionOptions): Promise<Distribution> {
  const { topK, traceProducts, density, onProduct, ...search } = options;
  const found: { -readonly [Key in keyof Distribution]: Distribution[Key] } = {};
  if (topK !== undefined) {
    const { maxSteps = 100 + 10 * topK } = search;
    found.top = await topEigenpairs(operator, {
      ...search,
      maxSteps,
      count: Math.min(topK, operator.size),
      onStep: ({ products }) => onProduct?.('top eigenvalues', products, maxSteps),
    });
  }
  const seed = search.seed ?? 0;
  if (traceProducts !== undefined) {
    const onStep = (products: number) => onProduct?.('trace', products, traceProducts);
    found.trace = await hutchPlusPlus(operator, { products: traceProducts, seed, onStep });
  }
  if (density !== undefined) {
    const most = density.probes * density.steps;
    const onStep = (products: number) => onProduct?.('density', products, most);
    const measure = await lanczosQuadrature(operator, { ...density, seed, onStep });
    found.density = { ...spectralDensity(measure), products: measure.products };
  }
  return found;
}
