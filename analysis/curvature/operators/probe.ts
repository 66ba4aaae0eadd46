import { randomStream } from '../../../compute/random.ts';
import type { Vector } from '../../../compute/tensors.ts';
import type { SymmetricOperator } from '../../../numerics/krylov/operator.ts';
import { axpy, dot, norm, roundoff, scale } from '../../../numerics/vectors.ts';

/** Whether an operator behaves like one symmetric matrix. */
export interface ProbeResult {
  /**
   * Whether the same vector twice gives the same product, to a thousand roundoffs of its norm: false for a loss with dropout
   * or reshuffled data, and for products that are not finite.
   */
  readonly repeatable: boolean;
  /** |u' H v - v' H u| / (|H u| + |H v|) for two random unit vectors: rounding if H is symmetric, NaN if not finite. */
  readonly asymmetry: number;
}

/** Room for another order of summation between two products, as with several threads. */
const roundoffsApart = 1000;

/** Tests the operator on two random directions, at the price of three products. */
export async function probe(operator: SymmetricOperator, seed: number | string): Promise<ProbeResult> {
  const random = randomStream(seed, 'operator probe');
  const direction = (): Vector => {
    const entries = Float64Array.from({ length: operator.size }, () => random.normal());
    return scale(1 / norm(entries), entries, operator.precision);
  };
  const u = direction();
  const v = direction();
  const hu = await operator.apply(u);
  const hv = await operator.apply(v);
  const difference = new Float64Array(await operator.apply(v));
  axpy(-1, hv, difference);
  const size = norm(hu) + norm(hv);
  return {
    repeatable: norm(difference) <= roundoffsApart * roundoff[operator.precision] * norm(hv),
    asymmetry: size === 0 ? 0 : Math.abs(dot(u, hv) - dot(v, hu)) / size,
  };
}
