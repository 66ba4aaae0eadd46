import { type BatchedOperator, checkLength, type Vector } from '../../../numerics/krylov/operator.ts';
import { dot, scaleEntries } from '../../../numerics/vectors.ts';
import type { StepRule } from '../../../training/optimizers/optimizer.ts';
import { rescaled } from './congruence.ts';

/**
 * The curvature that an optimizer's steps see, S^1/2 (H + penalty) S^1/2 + (1 + memory) / gain decay with the diagonals of
 * its rule: H itself for plain gradient descent, P^-1/2 H P^-1/2 for Adam without decay.
 *
 * The rule m <- memory m + gain (g + penalty x), x <- x - rate (S m + decay x) is stable on the quadratic x'Hx / 2 until a root
 * -1 appears: m changes sign for m = -gain / (1 + memory) (H + penalty) x, and so does x for the rate
 * 2 (1 + memory) / gain over an eigenvalue of this operator. Its largest eigenvalue gives the smallest such rate.
 */
export function asStepsSee(operator: BatchedOperator, rule: StepRule): BatchedOperator {
  const { memory, gain, scale, penalty, decay } = rule;
  checkLength(operator, scale);
  const rescaledCurvature = rescaled(
    plusDiagonal(operator, penalty),
    scale.map((entry) => Math.sqrt(entry)),
  );
  return plusDiagonal(
    rescaledCurvature,
    decay.map((entry) => (entry * (1 + memory)) / gain),
  );
}

/** H + diag(d) for d [size]. It holds nothing of its own. */
function plusDiagonal(operator: BatchedOperator, diagonal: Float64Array): BatchedOperator {
  if (diagonal.every((entry) => entry === 0)) return operator;
  const add = (v: Vector, product: Vector): Vector =>
    Float64Array.from(product, (entry, index) => entry + diagonal[index]! * v[index]!);
  return {
    size: operator.size,
    precision: operator.precision,
    apply: async (v) => add(v, await operator.apply(v)),
    ...(operator.rerounded && {
      rerounded: async (vectors) =>
        (await operator.rerounded!(vectors)).map((product, index) => add(vectors[index]!, product)),
    }),
    whereNotFinite: async (v) => operator.whereNotFinite?.(v),
    async rayleighQuotients(v) {
      const added = dot(scaleEntries(diagonal, v, 'float64'), v) / dot(v, v);
      const inner = await operator.rayleighQuotients(v);
      return inner.map(({ scored, value }) => ({ scored, value: value + added }));
    },
  };
}
