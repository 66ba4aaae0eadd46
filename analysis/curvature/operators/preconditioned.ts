import type { Vector } from '../../../compute/tensors.ts';
import { LambdamaxError } from '../../../errors.ts';
import { type BatchedOperator, checkLength } from '../../../numerics/krylov/operator.ts';
import { rescaled } from './congruence.ts';

/**
 * P^-1/2 H P^-1/2 for a diagonal P > 0 [size], such as Adam's sqrt(v) + eps: similar to P^-1 H, the curvature that the
 * preconditioned step sees (Cohen et al. 2022, arXiv 2207.14484). P must come from an optimizer some steps on its way:
 * where the gradient was always zero, as for A at B = 0, P is eps and the operator means nothing.
 * Throws a LambdamaxError if an entry of P is not a positive finite number.
 */
export function preconditioned(operator: BatchedOperator, diagonal: Vector): BatchedOperator {
  checkLength(operator, diagonal);
  const inverseRoot = Float64Array.from(diagonal, (entry, index) => {
    if (entry > 0 && Number.isFinite(entry)) return 1 / Math.sqrt(entry);
    throw new LambdamaxError({
      subject: `entry ${index} of the preconditioner`,
      expected: 'a positive number',
      got: entry,
      remedy: 'add eps to the root of the second moments, and take them after at least one step',
    });
  });
  return rescaled(operator, inverseRoot);
}
