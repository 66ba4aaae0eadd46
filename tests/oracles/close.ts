import * as assert from 'uvu/assert';

/** Allowed |actual - expected| relative to the largest expected entry, for sums of up to some thousand float64 terms. */
export const float64Sum = 1e-12;

/** Allowed |actual - expected| relative to the largest expected entry, for sums of up to some thousand float32 terms. */
export const float32Sum = 1e-5;

/**
 * Asserts |actual_i - expected_i| <= tolerance max_j |expected_j| for all i, and prints the worst entry otherwise. NaN is
 * close to nothing; if everything expected is zero, so must be everything actual.
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  subject = 'values',
): void {
  assert.is(actual.length, expected.length, `${subject}: lengths`);
  let largest = 0;
  let worst = 0;
  let worstError = -1;
  for (let index = 0; index < expected.length; index++) {
    largest = Math.max(largest, Math.abs(expected[index]!));
    const difference = Math.abs(actual[index]! - expected[index]!);
    const error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    if (error > worstError) [worst, worstError] = [index, error];
  }
  assert.ok(
    worstError <= tolerance * largest,
    `${subject}: entry ${worst} is ${actual[worst]}, expected ${expected[worst]} (ratio ${actual[worst]! / expected[worst]!}), ` +
      `off by ${worstError / largest} of the largest entry, allowed ${tolerance}`,
  );
}
