import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../../errors.ts';
import { proportion } from '../../../training/tasks/proportion.ts';

const z = 1.959963984540054;
// A few roundings of numbers near 1.
const rounding = 1e-14;

for (const count of [1, 2, 10, 500, 1319])
  test(`the ends of Wilson's interval of ${count} solve (value - p)^2 = z^2 p (1 - p) / n`, () => {
    for (let successes = 0; successes <= count; successes += Math.ceil(count / 10)) {
      const { value, low, high } = proportion(successes, count);
      assert.is(value, successes / count);
      assert.ok(0 <= low && low <= value && value <= high && high <= 1, `${low} ${value} ${high}`);
      for (const end of [low, high])
        assert.ok(Math.abs((value - end) ** 2 - (z ** 2 * end * (1 - end)) / count) < rounding, `${successes}: ${end}`);
    }
  });

test('none and all of ten: one end is exact, the other z^2 / (10 + z^2) away from it', () => {
  const [none, all] = [proportion(0, 10), proportion(10, 10)];
  const width = z ** 2 / (10 + z ** 2);
  assert.is(none.low, 0);
  assert.is(all.high, 1);
  assert.ok(Math.abs(none.high - width) < rounding && Math.abs(1 - all.low - width) < rounding);
});

test("81 of 263 have the interval that Newcombe lists for Wilson's method", () => {
  // Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I.
  const { low, high } = proportion(81, 263);
  assert.is(low.toFixed(4), '0.2553');
  assert.is(high.toFixed(4), '0.3662');
});

for (const [successes, count] of [
  [0, 0],
  [3, 2],
  [-1, 2],
  [0.5, 2],
  [1, Number.NaN],
] as const)
  test(`${successes} of ${count} is no proportion`, () => {
    assert.throws(
      () => proportion(successes, count),
      (error: unknown) => error instanceof LambdamaxError && error.message.includes(`${successes} of ${count}`),
    );
  });

test.run();
