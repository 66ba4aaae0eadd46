import { LambdamaxError } from '../../../errors.ts';
import { mean, standardError } from '../../statistics.ts';
import { densityDefaults } from '../defaults.ts';
import { notFiniteProduct } from '../fault.ts';
import type { SymmetricOperator } from '../operator.ts';
import { tridiagonalEigen } from '../projected/tridiagonalEigen.ts';
import { randomSigns } from '../startVector.ts';
import { Tridiagonalisation } from '../tridiagonalise.ts';

/** A Gauss quadrature rule: v' f(H) v = sum_j weights_j f(nodes_j) for a unit vector v, exact for f of degree below 2 steps. */
export interface QuadratureRule {
  /** Ritz values, ascending. */
  readonly nodes: readonly number[];
  /** Nonnegative, of sum 1. */
  readonly weights: readonly number[];
}

/** How an operator's eigenvalues are distributed, as seen by random vectors. */
export interface SpectralMeasure {
  /** The operator's size. */
  readonly size: number;
  /** One for each random vector; their mean estimates the distribution (1/size) sum_i delta(lambda - lambda_i). */
  readonly rules: readonly QuadratureRule[];
  /** Operator products used. */
  readonly products: number;
}

export interface LanczosQuadratureOptions {
  /** Random vectors. The error that they leave falls as 1/sqrt(probes size). Default 10. */
  readonly probes?: number;
  /** Most Lanczos steps for each: the number of nodes, and of vectors kept in memory. Default 80. */
  readonly steps?: number;
  /** Seed of the random vectors. Default 0. */
  readonly seed?: number | string;
  /** Called after every product with their number so far. */
  readonly onStep?: (products: number) => void;
}

/**
 * Stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017, SIAM J. Matrix Anal. Appl. 38; for Hessians Ghorbani, Krishnan and Xiao
 * 2019, arXiv 1901.10159, whose 10 vectors and 80 steps are the defaults): from each random sign vector v, with full
 * reorthogonalisation, T = Q'HQ; the rule's nodes are T's eigenvalues and its weights the squared first entries of T's
 * eigenvectors (Golub and Meurant 1994). Unbiased for polynomials of degree below 2 steps.
 *
 * Throws a LambdamaxError for an operator without rows, probes or steps that are no whole numbers from 1, and a product with NaN
 * or infinity.
 */
export async function lanczosQuadrature(
  operator: SymmetricOperator,
  options: LanczosQuadratureOptions = {},
): Promise<SpectralMeasure> {
  const { probes = densityDefaults.probes, steps = densityDefaults.steps, seed = 0, onStep } = options;
  for (const [name, count] of Object.entries({ probes, steps, size: operator.size })) {
    if (!(Number.isInteger(count) && count >= 1))
      throw new LambdamaxError({
        subject: `${name} of lanczosQuadrature`,
        expected: 'a whole number from 1',
        got: count,
      });
  }
  const rules: QuadratureRule[] = [];
  let products = 0;
  for (let probe = 0; probe < probes; probe++) {
    const krylov = new Tridiagonalisation(operator, randomSigns(operator.size, seed, `quadrature ${probe}`));
    while (krylov.canStep && krylov.steps < steps) {
      if ((await krylov.step()) === 'notFinite') {
        const subject = `product ${krylov.steps + 1} with random vector ${probe + 1} of lanczosQuadrature`;
        throw notFiniteProduct(subject, krylov.fault);
      }
      products += 1;
      onStep?.(products);
    }
    const { values, first } = tridiagonalEigen(krylov.diagonal, krylov.offDiagonal);
    rules.push({ nodes: values, weights: first.map((entry) => entry * entry) });
  }
  return { size: operator.size, rules, products };
}

/** tr f(H) = sum_i f(lambda_i), with the standard error over the random vectors; null for one. */
export function traceOf(
  f: (eigenvalue: number) => number,
  { size, rules }: SpectralMeasure,
): { readonly value: number; readonly standardError: number | null } {
  const forms = rules.map(
    ({ nodes, weights }) => nodes.reduce((sum, node, j) => sum + weights[j]! * f(node), 0) * size,
  );
  return { value: mean(forms), standardError: standardError(forms) };
}
