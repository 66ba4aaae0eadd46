import type { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asStepsSee } from '../../analysis/curvature/operators/asStepsSee.ts';
import { hessian } from '../../analysis/curvature/operators/hessian.ts';
import { preconditioned } from '../../analysis/curvature/operators/preconditioned.ts';
import { spectrum } from '../../analysis/curvature/spectrum.ts';
import { randomStream } from '../../compute/random.ts';
import { spectralDensity } from '../../numerics/krylov/distribution/density.ts';
import { lanczosQuadrature } from '../../numerics/krylov/distribution/lanczosQuadrature.ts';
import { hutchinson, hutchPlusPlus } from '../../numerics/krylov/distribution/trace.ts';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import { explain } from '../../numerics/krylov/outcome.ts';
import { powerIteration } from '../../numerics/krylov/powerIteration.ts';
import { topEigenpairs } from '../../numerics/krylov/topEigenpairs.ts';
import { norm } from '../../numerics/vectors.ts';
import { linearisedQuadratic, randomSymmetric } from '../cases/matrixOperator.ts';
import { referenceAdapter, referenceModel, referenceRows } from '../cases/reference.ts';
import { rotated } from '../cases/spectra.ts';
import { assertClose, float64Sum } from '../oracles/close.ts';
import { throwsClearly } from '../oracles/throws.ts';

// Scales whose squares float64 does not have.

for (const factor of [1e-300, 1e-160, 1e160, 1e300])
  test(`everything scales with the operator, ${factor}`, async () => {
    const random = randomStream(1, 'scaled');
    const values = Float64Array.from({ length: 40 }, () => 2 * random.uniform() - 1);
    values.set([3, 2.5, -2]);
    const operator = rotated(
      values.map((value) => value * factor),
      1,
      'float64',
    );
    const { lambdaMax, lambdaMin } = await lanczos(operator, { tolerance: 1e-9 });
    const { pairs } = await topEigenpairs(operator, { count: 2, tolerance: 1e-9 });
    const { dominant } = await powerIteration(operator, { tolerance: 1e-7 });
    const trace = await hutchPlusPlus(operator, { products: 120 });
    const measure = await lanczosQuadrature(operator, { probes: 2, steps: 40 });
    const { grid, density } = spectralDensity(measure);
    assertClose(
      [lambdaMax!.value, lambdaMin!.value, pairs[0]!.value, pairs[1]!.value, dominant!.value].map((x) => x / factor),
      [3, -2, 3, 2.5, 3],
      1e-9,
    );
    assertClose([trace.value / factor], [values.reduce((sum, value) => sum + value, 0)], 1e-9, 'trace');
    const mass = density.reduce((sum, height) => sum + height, 0) * (grid[1]! - grid[0]!);
    assertClose([mass], [1], 1e-6, 'mass');
  });

test('a norm is right up to the largest and down to the smallest numbers', () => {
  for (const factor of [1, 1e-308, 1e-200, 1e200, 1e307])
    assertClose([norm(Float64Array.of(3 * factor, -4 * factor, 0)) / factor], [5], float64Sum);
  assert.is(norm(new Float64Array(3)), 0);
  assert.is(norm(Float64Array.of(1, Number.NEGATIVE_INFINITY)), Number.POSITIVE_INFINITY);
  assert.ok(Number.isNaN(norm(Float64Array.of(1, Number.NaN, 2))));
});

// Where a number that is none arose.

const size = 6;
const quadratic = (seed: number, spoil: (matrix: Matrix, gradient: Float64Array) => number = () => 1) => {
  const [matrix, gradient] = [randomSymmetric(size, seed), new Float64Array(size)];
  const value = spoil(matrix, gradient);
  return { scored: 5 + seed, linearised: linearisedQuadratic(matrix, gradient, value) };
};

const spoilt = {
  "the product's part x4 on batch 2 of 3": quadratic(1, (matrix) => {
    matrix.set(4, 2, Number.NaN);
    return 1;
  }),
  "the product's part x0 on batch 2 of 3": quadratic(1, (matrix) => {
    matrix.set(0, 0, Number.POSITIVE_INFINITY);
    return 1;
  }),
  'the gradient of x3 on batch 2 of 3': quadratic(1, (matrix, gradient) => {
    matrix.fill(Number.NaN);
    gradient[3] = Number.NaN;
    return 1;
  }),
  'the loss on batch 2 of 3': quadratic(1, (matrix, gradient) => {
    matrix.fill(Number.NaN);
    gradient.fill(Number.NaN);
    return Number.NaN;
  }),
};

for (const [fault, batch] of Object.entries(spoilt))
  test(`every algorithm says that a product is not finite in ${fault}`, async () => {
    const operator = await hessian([quadratic(0), batch, quadratic(2)]);
    const diagonal = Float64Array.from({ length: size }, (_, index) => 1 + index);
    const rule = { memory: 0, gain: 1, scale: diagonal, penalty: diagonal, decay: diagonal };
    for (const seen of [operator, preconditioned(operator, diagonal), asStepsSee(operator, rule)]) {
      for (const found of [await lanczos(seen), await topEigenpairs(seen, { count: 2 }), await powerIteration(seen)]) {
        assert.equal([found.outcome, found.fault, found.products], ['notFinite', fault, 1]);
        assert.match(explain(found.outcome, found.fault), /look at the loss.*; it arose in the /);
      }
      const message = new RegExp(`expected finite numbers, got NaN or infinity in ${fault}; `);
      await throwsClearly(() => hutchinson(seen), message);
      await throwsClearly(() => hutchPlusPlus(seen), message);
      await throwsClearly(() => lanczosQuadrature(seen), /^product 1 with random vector 1 /, message);
    }
  });

test('a block is not finite only where its own part of a product is, and says so', async () => {
  const operator = await hessian([quadratic(0), spoilt["the product's part x4 on batch 2 of 3"], quadratic(2)]);
  const healthy = await lanczos(await operator.block(['x0', 'x1', 'x2', 'x3']));
  assert.equal([healthy.outcome, healthy.fault], ['krylovExhausted', undefined]);
  const sick = await lanczos(await operator.block(['x2', 'x4']));
  assert.equal([sick.outcome, sick.fault], ['notFinite', "the product's part x4 on batch 2 of 3"]);
  assert.is(await operator.whereNotFinite!(Float64Array.of(1, 1, 0, 1, 1, 1)), sick.fault);
  const finite = await hessian([quadratic(0)]);
  assert.is(await finite.whereNotFinite!(new Float64Array(size).fill(1)), null);
});

test('the spectrum of an adapter that has diverged names the loss, for the whole and for each module', async () => {
  await using model = await referenceModel('llama', 'float32');
  const adapter = await referenceAdapter(model, 'lora', 'perturbed');
  const modules = [...adapter.layout.modules.keys()].slice(0, 2);
  const diverged = { ...adapter, parameters: adapter.parameters.map(() => 1e30) };
  const result = await spectrum(model, diverged, referenceRows('llama'), { batchSize: 2, modules, perModule: true });
  assert.equal([result.outcome, result.fault, result.products], ['notFinite', 'the loss on batch 1 of 2', 1]);
  assert.ok(Number.isNaN(result.lambdaMax.value));
  for (const module of result.modules!) assert.equal([module.outcome, module.fault], ['notFinite', result.fault]);
});

test.run();
