import { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { LambdamaxError } from '../../errors.ts';
import { hutchinson, hutchPlusPlus, type TraceEstimate } from '../../numerics/krylov/distribution/trace.ts';
import type { SymmetricOperator } from '../../numerics/krylov/operator.ts';
import { matrixOperator, randomSymmetric } from '../cases/matrixOperator.ts';
import { rotated } from '../cases/spectra.ts';

const estimators = { hutchinson, hutchPlusPlus };

/** Standard errors within which Student's t stays with a chance of 95 %, by its degrees of freedom. */
const student = { 29: 2.045, 19: 2.093 } as const;

for (const [name, degrees, products] of [
  ['hutchinson', 29, 30],
  ['hutchPlusPlus', 19, 60],
] as const) {
  test(`${name}: unbiased, and the 95 % interval holds the trace 95 % of the times`, async () => {
    const matrix = randomSymmetric(70, 3);
    const operator = matrixOperator(matrix);
    const scores: number[] = [];
    for (let seed = 0; seed < 600; seed++) {
      const { value, standardError } = await estimators[name](operator, { products, seed });
      scores.push((value - matrix.trace()) / standardError!);
    }
    const covered = scores.filter((score) => Math.abs(score) <= student[degrees]).length / scores.length;
    // 600 draws at 95 %: four standard deviations are 3.6 %.
    assert.ok(Math.abs(covered - 0.95) < 0.036, `covered ${covered}`);
    const drift = scores.reduce((sum, score) => sum + score, 0) / Math.sqrt(scores.length);
    assert.ok(Math.abs(drift) < 4, `mean off by ${drift} of its standard errors`);
  });
}

test('hutch++ is exact, and says so, where the rank is below a third of the products', async () => {
  for (let seed = 0; seed < 30; seed++) {
    const random = randomStream(seed, 'low rank');
    const size = 20 + random.integer(60);
    const rank = random.integer(8);
    const values = new Float64Array(size).map((_, index) => (index < rank ? random.normal() * 10 : 0));
    const trace = values.reduce((sum, value) => sum + value, 0);
    for (const [precision, rounding] of [
      ['float32', 1e-4],
      ['float64', 1e-11],
    ] as const) {
      const estimate = await hutchPlusPlus(rotated(values, seed, precision), { products: 24, seed });
      assert.ok(Math.abs(estimate.value - trace) < rounding, `${seed}: ${estimate.value} instead of ${trace}`);
      assert.ok(estimate.standardError! < rounding);
    }
  }
});

test('both are exact on diagonal matrices, and hutch++ on any that is smaller than its sketch', async () => {
  const diagonal = await hutchinson(matrixOperator(Matrix.diag([1, -2, 5, 0.5])), { products: 4 });
  assert.equal(diagonal, { value: 4.5, standardError: 0, products: 4 } satisfies TraceEstimate);
  for (let size = 1; size <= 10; size++) {
    const matrix = randomSymmetric(size, size);
    const { value, standardError } = await hutchPlusPlus(matrixOperator(matrix), { products: 60 });
    assert.ok(Math.abs(value - matrix.trace()) < 1e-12);
    assert.is(standardError, 0);
  }
});

test('on a decaying spectrum hutch++ is closer for the same products', async () => {
  const values = Float64Array.from({ length: 200 }, (_, index) => (index + 1) ** -2);
  const trace = values.reduce((sum, value) => sum + value, 0);
  const errors = { hutchinson: 0, hutchPlusPlus: 0 };
  for (let seed = 0; seed < 30; seed++) {
    const operator = rotated(values, seed, 'float64');
    for (const name of ['hutchinson', 'hutchPlusPlus'] as const)
      errors[name] += ((await estimators[name](operator, { products: 60, seed })).value - trace) ** 2;
  }
  assert.ok(Math.sqrt(errors.hutchPlusPlus / errors.hutchinson) < 0.1, JSON.stringify(errors));
});

test('products are counted as they are spent, and the same seed gives the same trace', async () => {
  for (const estimate of Object.values(estimators)) {
    const operator = matrixOperator(randomSymmetric(50, 1));
    const steps: number[] = [];
    const first = await estimate(operator, { products: 20, seed: 'a', onStep: (products) => steps.push(products) });
    assert.equal(
      steps,
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    assert.is(first.products, 20);
    assert.equal(await estimate(operator, { products: 20, seed: 'a' }), first);
    assert.is.not((await estimate(operator, { products: 20, seed: 'b' })).value, first.value);
  }
});

test('NaN in a product and too few products are refused', async () => {
  const nan: SymmetricOperator = { size: 2, precision: 'float64', apply: async (v) => v.map(() => Number.NaN) };
  for (const [estimate, products] of [
    [hutchinson, 0],
    [hutchPlusPlus, 2],
  ] as const) {
    await refused(() => estimate(nan), /NaN or infinity/);
    await refused(() => estimate(nan, { products }), /whole number from/);
  }
});

async function refused(call: () => Promise<unknown>, words: RegExp): Promise<void> {
  try {
    await call();
  } catch (error) {
    assert.instance(error, LambdamaxError);
    assert.match((error as Error).message, words);
    return;
  }
  assert.unreachable();
}

test.run();
