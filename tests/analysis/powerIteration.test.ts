import { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import type { SymmetricOperator } from '../../numerics/krylov/operator.ts';
import { powerIteration } from '../../numerics/krylov/powerIteration.ts';
import { matrixOperator, randomSymmetric } from '../cases/matrixOperator.ts';
import { rotated, spectra } from '../cases/spectra.ts';

test('shifted by one end it finds the other, and agrees with Lanczos', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const operator = matrixOperator(randomSymmetric(5 + seed, seed));
    const { lambdaMax, lambdaMin } = await lanczos(operator, { tolerance: 1e-9 });
    const [top, bottom] = [lambdaMax!.value, lambdaMin!.value];
    const settings = { tolerance: 1e-6, maxSteps: 100_000, seed };
    const upper = await powerIteration(operator, { ...settings, shift: bottom });
    const lower = await powerIteration(operator, { ...settings, shift: top });
    assert.equal([upper.outcome, lower.outcome], ['converged', 'converged']);
    for (const [found, expected] of [
      [upper, top],
      [lower, bottom],
    ] as const) {
      assert.ok(Math.abs(found.dominant!.value - expected) <= 1e-6 * (top - bottom), `seed ${seed}: ${expected}`);
    }
  }
});

test('without a shift it finds the larger one in magnitude, and its residual bounds the error', async () => {
  const { eigenvalues } = spectra.find(({ name }) => name === 'larger negative end')!;
  for (const precision of ['float32', 'float64'] as const) {
    const operator = rotated(eigenvalues(60, randomStream(0, 'power')), 1, precision);
    const { dominant, outcome } = await powerIteration(operator, { tolerance: 1e-4 });
    assert.is(outcome, 'converged');
    assert.ok(Math.abs(dominant!.value + 8) <= dominant!.residualBound);
    assert.ok(dominant!.residualBound <= 8e-4);
  }
});

test('equal magnitudes on both sides are a step limit, not an answer', async () => {
  const operator = matrixOperator(Matrix.diag([3, -3, 1]));
  const { outcome, products } = await powerIteration(operator, { maxSteps: 50 });
  assert.equal([outcome, products], ['stepLimit', 50]);
});

test('zero, a multiple of the identity at the shift, and NaN', async () => {
  const zero = await powerIteration(matrixOperator(Matrix.zeros(4, 4)));
  assert.equal([zero.dominant!.value, zero.outcome, zero.products], [0, 'converged', 1]);
  const identity = await powerIteration(rotated(new Float64Array(30).fill(0.3), 2, 'float64'), { shift: 0.3 });
  assert.is(identity.outcome, 'converged');
  assert.ok(Math.abs(identity.dominant!.value - 0.3) < 1e-14);
  const nan: SymmetricOperator = { size: 2, precision: 'float64', apply: async (v) => v.map(() => Number.NaN) };
  assert.equal(await powerIteration(nan), { dominant: null, outcome: 'notFinite', products: 1 });
});

test.run();
