import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import { usualProducts } from '../../numerics/krylov/projected/expectedProducts.ts';
import { rotated, spectra } from '../cases/spectra.ts';

const size = 2000;

/** What comes after the search is known beforehand: a product at each end, and two to measure rounding. */
const after = 4;

/** How far off the number of products that are left was, as a factor, after each product from a third of the way on. */
async function factorsOff(eigenvalues: Float64Array, seed: number, tolerance: number): Promise<number[]> {
  const told: { readonly products: number; readonly expected: number }[] = [];
  const { products } = await lanczos(rotated(eigenvalues, seed, 'float32'), {
    tolerance,
    seed,
    maxSteps: 150,
    onStep: ({ products, expected }) => told.push({ products, expected: expected() }),
  });
  assert.is(told.at(-1)!.expected, products, 'in the end nothing is left');
  return told
    .filter((one) => one.products >= (products + after) / 3)
    .map((one) => {
      const factor = (one.expected - one.products + after) / (products - one.products + after);
      return Math.max(factor, 1 / factor);
    });
}

test('from a third of the way on, nine times in ten the products that are left are foreseen to a factor of 1.5', async () => {
  const all: number[] = [];
  for (const { name, eigenvalues } of spectra) {
    const factors = await factorsOff(eigenvalues(size, randomStream(1, name)), 1, 1e-2);
    // A cluster is found late, when rounding has told its vectors apart, and nothing foretells it.
    const most = name.startsWith('tight cluster') ? 4 : 2.5;
    assert.ok(Math.max(...factors) < most, `${name}: ${Math.max(...factors)}`);
    all.push(...factors);
  }
  const good = all.filter((factor) => factor <= 1.5).length;
  assert.ok(good > 0.9 * all.length, `${good} of ${all.length}`);
});

test('before anything is known the usual number is expected, and never more than are allowed', async () => {
  const { eigenvalues } = spectra.find(({ name }) => name === 'no gap')!;
  const operator = rotated(eigenvalues(size, randomStream(1, 'few')), 1, 'float32');
  for (const maxSteps of [6, 30]) {
    const expected: number[] = [];
    await lanczos(operator, { maxSteps, onStep: (progress) => expected.push(progress.expected()) });
    assert.is(expected[0], Math.min(usualProducts, maxSteps));
    assert.ok(
      expected.every((number) => number <= maxSteps),
      expected.join(),
    );
    assert.is(expected.at(-1), maxSteps);
  }
});

test.run();
