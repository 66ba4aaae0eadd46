import { Matrix, QrDecomposition } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { kendall, kendallWithin, spearman, spearmanWithin } from '../../numerics/rankCorrelation.ts';
import { fitLine, fitLineWithin, type Stratum } from '../../numerics/statistics.ts';

function near(actual: number | null | undefined, expected: number | null): void {
  if (expected === null) assert.is(actual, null);
  else assert.ok(Math.abs(actual! - expected) <= 1e-9, `${actual} is not ${expected}`);
}

/** Strata of these sizes, of values with ties now and then. */
function drawn(sizes: readonly number[], seed: number): Stratum[] {
  const random = randomStream(seed, 'strata');
  const values = (size: number): number[] => Array.from({ length: size }, () => Math.round(4 * random.normal()) / 4);
  return sizes.map((size) => ({ x: values(size), y: values(size) }));
}

/** All orders of these values. */
function orders(values: readonly number[]): number[][] {
  if (values.length < 2) return [[...values]];
  return values.flatMap((value, i) => orders(values.toSpliced(i, 1)).map((rest) => [value, ...rest]));
}

for (let seed = 0; seed < 20; seed++) {
  test(`one stratum is a plain rank correlation and a plain line, seed ${seed}`, () => {
    const [stratum] = drawn([2 + (seed % 6)], seed);
    const { x, y } = stratum!;
    const tau = kendall(x, y);
    near(kendallWithin([stratum!])?.value ?? null, tau?.value ?? null);
    near(kendallWithin([stratum!])?.pValue ?? null, tau?.pValue ?? null);
    near(spearmanWithin([stratum!]), spearman(x, y)?.value ?? null);
    const line = fitLine(x, y);
    for (const end of ['slope', 'slopeLow', 'slopeHigh'] as const)
      near(fitLineWithin([stratum!])?.[end] ?? null, line?.[end] ?? null);
  });

  test(`the p-value within strata counts the orders of all strata together, seed ${seed}`, () => {
    const strata = drawn([3, 2, 4, 1], seed);
    const found = kendallWithin(strata);
    if (found === null) return;
    const value = (y: readonly (readonly number[])[]): number =>
      kendallWithin(strata.map(({ x }, i) => ({ x, y: y[i]! })))!.value;
    const all = orders(strata[0]!.y).flatMap((a) =>
      orders(strata[1]!.y).flatMap((b) => orders(strata[2]!.y).map((c) => [a, b, c, strata[3]!.y])),
    );
    assert.is(all.length, 6 * 2 * 24);
    const large = all.filter((y) => Math.abs(value(y)) >= Math.abs(found.value) - 1e-12).length;
    near(found.pValue, large / all.length);
  });

  test(`a shared slope is that of least squares with a constant for each stratum, seed ${seed}`, () => {
    const strata = drawn([3, 2, 5], seed);
    const rows = strata.flatMap(({ x }, k) => x.map((value) => [value, ...[0, 1, 2].map((i) => Number(i === k))]));
    const right = strata.flatMap(({ y }) => y.map((value) => [value]));
    const [slope] = new QrDecomposition(new Matrix(rows)).solve(new Matrix(right)).to1DArray();
    near(fitLineWithin(strata)!.slope, slope!);
  });
}

test('strata above 8 points are sampled: the p-value repeats and does not depend on their order', () => {
  const [large, small] = drawn([9, 3], 1);
  const sampled = kendallWithin([large!, small!], 7)!;
  assert.is(sampled.exact, false);
  const backwards = { x: large!.x.toReversed(), y: large!.y.toReversed() };
  assert.equal(kendallWithin([small!, backwards], 7), sampled);
  // A stratum that has nothing to say changes nothing.
  const exact = kendallWithin(drawn([8, 3], 1), 7)!;
  assert.is(exact.exact, true);
  assert.equal(
    kendallWithin([...drawn([8, 3], 1), { x: [1, 1], y: [2, 3] }], 7)!.pValue.toFixed(9),
    exact.pValue.toFixed(9),
  );
});

test('p-values within strata are uniform where nothing is related: at most 5 of 100 below 0.05', () => {
  let below = 0;
  const trials = 400;
  for (let seed = 0; seed < trials; seed++) {
    const random = randomStream(seed, 'unrelated strata');
    const values = (): number[] => Array.from({ length: 3 }, () => random.normal());
    const strata = Array.from({ length: 4 }, () => ({ x: values(), y: values() }));
    if (kendallWithin(strata)!.pValue <= 0.05) below++;
  }
  // Binomial with n = 400: 20 are expected at most, and four standard deviations are 17.
  assert.ok(below <= 37 && below >= 4, `${below} of ${trials}`);
});

test('no stratum of two, and none whose points differ, has a correlation or a slope', () => {
  for (const strata of [[], [{ x: [1], y: [2] }], [{ x: [1, 1], y: [2, 3] }]]) {
    assert.is(kendallWithin(strata), null);
    assert.is(spearmanWithin(strata), null);
    assert.is(fitLineWithin(strata), null);
  }
  assert.equal(fitLineWithin([{ x: [1, 2], y: [2, 4] }]), { slope: 2, slopeLow: null, slopeHigh: null });
});

test.run();
