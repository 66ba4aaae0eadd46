import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { kendall, ranks, spearman } from '../../numerics/rankCorrelation.ts';
import {
  fitLine,
  fitParabola,
  fitPowerLaw,
  foldError,
  geometricMean,
  quantile,
  standardError,
} from '../../numerics/statistics.ts';

const rounding = 1e-12;

function near(actual: number | null | undefined, expected: number, tolerance = rounding): void {
  assert.ok(Math.abs(actual! - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}

test("Anscombe's first data set: slope 0.5001, standard error 0.1179, interval by t(9)", () => {
  const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5];
  const y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
  const line = fitLine(x, y)!;
  near(line.slope, 0.5001, 5e-5);
  near(line.intercept, 3.0001, 5e-5);
  near(line.slopeHigh! - line.slope, 2.262 * 0.1179, 1e-4);
  near(line.slope - line.slopeLow!, 2.262 * 0.1179, 1e-4);
});

test('a power law has its exponent for a log-log slope, with an interval of no width', () => {
  const x = [0.1, 0.7, 3, 40];
  const line = fitPowerLaw(
    x,
    x.map((value) => 5 * value ** -0.3),
  )!;
  near(line.slope, -0.3);
  near(Math.exp(line.intercept), 5, 1e-11);
  near(line.slopeHigh! - line.slopeLow!, 0, 1e-7);
});

test('no line through one point or through points above one another, and no interval through two', () => {
  assert.is(fitLine([1], [2]), null);
  assert.is(fitLine([2, 2, 2], [1, 2, 3]), null);
  assert.is(fitLine([1, 2], [1, 2])!.slopeLow, null);
});

test('ties share their mean rank', () => assert.equal(ranks([3, 1, 3, 7]), [2.5, 1, 2.5, 4]));

test("Spearman of Wikipedia's worked example, IQ against hours of television, is -29/165", () => {
  const iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110];
  const hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17];
  const rho = spearman(iq, hours)!;
  near(rho.value, -29 / 165);
  assert.not(rho.exact);
  near(rho.pValue, 0.6272, 0.02); // the t approximation's p-value
});

test("Kendall's tau-b with ties: SciPy's documented example", () => {
  near(kendall([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])!.value, -0.47140452079103173);
});

test("Kendall's exact p-value counts inversions: 1, 3, 5, 6, 5, 3, 1 of the 24 orders of four", () => {
  near(kendall([1, 2, 3, 4], [1, 2, 4, 3])!.pValue, (2 * (1 + 3)) / 24);
  near(kendall([1, 2, 3, 4], [4, 3, 2, 1])!.pValue, 2 / 24);
  near(kendall([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])!.pValue, 2 / 120);
});

test('a monotone relation has rank correlation 1 whatever its shape, a reversed one -1, a constant none', () => {
  const x = [0.1, 2, 5, 9, 30];
  const steep = x.map((value) => Math.exp(value));
  for (const correlation of [spearman, kendall]) {
    near(correlation(x, steep)!.value, 1);
    near(
      correlation(
        x,
        steep.map((value) => -value),
      )!.value,
      -1,
    );
    assert.is(correlation(x, [1, 1, 1, 1, 1]), null);
    assert.is(correlation([1], [1]), null);
  }
});

test('sampled p-values agree with the exact ones and repeat with the seed', () => {
  const x = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const y = [2, 1, 4, 3, 6, 5, 9, 7, 8];
  const sampled = kendall(x, y, 3)!;
  assert.equal(kendall(x, y, 3), sampled);
  assert.ok(sampled.pValue > 0 && sampled.pValue < 0.01, `p = ${sampled.pValue}`);
});

test('permutation p-values of unrelated data are uniform: half lie below a half', () => {
  const random = randomStream(5, 'unrelated');
  const trials = 200;
  let below = 0;
  for (let trial = 0; trial < trials; trial++) {
    const x = Array.from({ length: 6 }, () => random.normal());
    const y = Array.from({ length: 6 }, () => random.normal());
    if (spearman(x, y)!.pValue <= 0.5) below++;
  }
  // Binomial with n = 200: four standard deviations are 28. P(p <= 1/2) itself is a little under a half.
  assert.ok(Math.abs(below - 98) < 28, `${below} of ${trials}`);
});

test('fold errors, geometric means, quantiles and standard errors of numbers worked by hand', () => {
  near(foldError(2, 8), 4);
  near(foldError(8, 2), 4);
  near(geometricMean([1, 10, 100]), 10, 1e-11);
  near(quantile([4, 1, 3, 2], 0.25), 1.75); // R: quantile(1:4, 0.25)
  near(standardError([1, 2, 3, 4])!, Math.sqrt(5 / 3 / 4));
  assert.is(standardError([1]), null);
});

for (const seed of [0, 1, 2, 3]) {
  test(`a parabola is recovered from its values, seed ${seed}`, () => {
    const random = randomStream(seed, 'parabola');
    const [a, b, c] = [0.5 + random.uniform(), random.normal(), random.normal()];
    const x = Array.from({ length: 3 + random.integer(4) }, (_, i) => -9 + i + 0.3 * random.uniform());
    const fit = fitParabola(
      x,
      x.map((value) => c + b * value + a * value ** 2),
    )!;
    near(fit.quadratic, a, 1e-10);
    near(fit.vertex, -b / (2 * a), 1e-9);
    near(fit.constant, c, 1e-8);
  });
}

test('a point of weight two counts as two points', () => {
  const x = [0, 1, 2, 3];
  const y = [1, 0, 0.5, 3];
  const weighted = fitParabola(x, y, [1, 2, 1, 1])!;
  const repeated = fitParabola([0, 1, 1, 2, 3], [1, 0, 0, 0.5, 3])!;
  near(weighted.vertex, repeated.vertex!, 1e-10);
  assert.is(fitParabola([0, 0, 1], [1, 2, 3]), null);
});

test.run();
