import { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/index.ts';
import { missChance } from '../../numerics/krylov/projected/errorBound.ts';
import { ritzEnds } from '../../numerics/krylov/projected/ritz.ts';
import type { End } from '../../numerics/krylov/projected/ritzValue.ts';
import { startVector } from '../../numerics/krylov/startVector.ts';
import { Tridiagonalisation } from '../../numerics/krylov/tridiagonalise.ts';
import { matrixOperator } from '../cases/matrixOperator.ts';

/** Eigenvalues of which the outermost two on either side are close, and the rest is a bulk. */
function closeEnds(seed: number): number[] {
  const random = randomStream(seed, 'close ends');
  const bulk = Array.from({ length: 36 }, () => 0.8 * (2 * random.uniform() - 1));
  return [1, 1 - 0.02 * random.uniform(), -1, -1 + 0.02 * random.uniform(), ...bulk];
}

/** Start vectors from which one of the bounds at an end is wrong after some step, of `count`. */
async function wrongBounds(count: number, end: End): Promise<Record<'error' | 'residual', number>> {
  const wrong = { error: 0, residual: 0 };
  for (let seed = 0; seed < count; seed++) {
    const values = closeEnds(seed);
    const operator = matrixOperator(Matrix.diag(values));
    const krylov = new Tridiagonalisation(operator, startVector(values.length, seed, 'error bound'));
    const seen = { error: false, residual: false };
    for (let step = 0; step < 20; step++) {
      await krylov.step();
      const { value, errorBound, residualBound } = ritzEnds(krylov)[end];
      const distance = end === 'largest' ? 1 - value : value + 1;
      assert.ok(distance > -1e-12, 'a Ritz value lies within the spectrum');
      if (distance > errorBound + 1e-12) seen.error = true;
      if (distance > residualBound + 1e-12) seen.residual = true;
    }
    if (seen.error) wrong.error += 1;
    if (seen.residual) wrong.residual += 1;
  }
  return wrong;
}

for (const end of ['largest', 'smallest'] as const)
  test(`the ${end} eigenvalue lies within the error bound at every step, but for the stated chance`, async () => {
    const count = 1000;
    const { error, residual } = await wrongBounds(count, end);
    // Three are allowed on average; more than nine would come with a chance of one in a thousand.
    assert.is(missChance * count, 3);
    assert.ok(error <= 9, `wrong from ${error} of ${count} start vectors`);
    // The residual bound holds for some eigenvalue, which need not be the last.
    assert.ok(residual > 100, `the case shows nothing: wrong from ${residual} only`);
  });

test('the bound shrinks to rounding as the space grows, and is zero when it is the whole', async () => {
  const values = closeEnds(1);
  const krylov = new Tridiagonalisation(matrixOperator(Matrix.diag(values)), startVector(values.length, 1, 'shrink'));
  const bounds: number[] = [];
  for (let step = 1; step <= values.length; step++) {
    await krylov.step();
    bounds.push(ritzEnds(krylov).largest.errorBound);
  }
  assert.ok(bounds[0]! > 10 && bounds[30]! < 1e-3, `${bounds}`);
  assert.is(bounds.at(-1), 0);
});

test('an eigenvalue that is well apart is known far better than its residual bound says', async () => {
  const values = [5, ...Array.from({ length: 60 }, (_, k) => k / 60)];
  const krylov = new Tridiagonalisation(matrixOperator(Matrix.diag(values)), startVector(values.length, 3, 'apart'));
  for (let step = 0; step < 12; step++) await krylov.step();
  const { value, errorBound, residualBound } = ritzEnds(krylov).largest;
  assert.ok(Math.abs(value - 5) <= errorBound, `${value}`);
  assert.ok(errorBound < 1e-4 && residualBound < 1e-2, `${errorBound}, ${residualBound}`);
});

for (const scale of [1e-200, 1e200])
  test(`the bound scales with the operator, by ${scale}`, async () => {
    const bound = async (factor: number) => {
      const values = closeEnds(2).map((value) => factor * value);
      const krylov = new Tridiagonalisation(matrixOperator(Matrix.diag(values)), startVector(40, 2, 'scaled'));
      for (let step = 0; step < 8; step++) await krylov.step();
      return ritzEnds(krylov).largest.errorBound;
    };
    assert.ok(Math.abs((await bound(scale)) / scale / (await bound(1)) - 1) < 0.02);
  });

test.run();
