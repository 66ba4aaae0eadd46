import { type Vector, zeros } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import { congruence } from './congruence.ts';
import type { BatchedOperator } from './operator.ts';

/** The indices from `start` (inclusive) to `end` (exclusive). */
export interface IndexRange {
  readonly start: number;
  readonly end: number;
}

/**
 * P H P', the principal block of H over these indices in the order of the ranges: the Hessian with all other parameters held
 * fixed. A module's curvature is the block of that module's own adapter tensors. Each product costs one of H.
 * Throws a LambdamaxError for no ranges, an empty range, one outside the operator, or two that overlap.
 */
export function principalBlock(operator: BatchedOperator, ranges: readonly IndexRange[]): BatchedOperator {
  checkRanges(operator.size, ranges);
  return congruence(operator, {
    size: ranges.reduce((sum, { start, end }) => sum + end - start, 0),
    forward(v) {
      const whole = zeros(operator.size, operator.precision);
      let from = 0;
      for (const { start, end } of ranges) {
        whole.set(v.subarray(from, from + end - start), start);
        from += end - start;
      }
      return whole;
    },
    transpose(whole) {
      const part: Vector = whole instanceof Float64Array ? new Float64Array(this.size) : new Float32Array(this.size);
      let to = 0;
      for (const { start, end } of ranges) {
        part.set(whole.subarray(start, end), to);
        to += end - start;
      }
      return part;
    },
  });
}

function checkRanges(size: number, ranges: readonly IndexRange[]): void {
  if (ranges.length === 0)
    throw new LambdamaxError({ subject: 'principal block', expected: 'one index range or more', got: 0 });
  let covered = 0;
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= covered && end > start && end <= size)) {
      throw new LambdamaxError({
        subject: 'principal block',
        expected: `disjoint index ranges start < end within 0 to ${size}`,
        got: `${start} to ${end}`,
      });
    }
    covered = end;
  }
}
