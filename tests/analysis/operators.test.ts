import { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { standardErrorOverBatches, weightedMean, weightedSum } from '../../analysis/curvature/operators/batches.ts';
import { gaussNewton } from '../../analysis/curvature/operators/gaussNewton.ts';
import { hessian } from '../../analysis/curvature/operators/hessian.ts';
import { preconditioned } from '../../analysis/curvature/operators/preconditioned.ts';
import { probe } from '../../analysis/curvature/operators/probe.ts';
import { randomStream } from '../../compute/random.ts';
import { linearisedQuadratic, matrixOperator, randomSymmetric } from '../cases/matrixOperator.ts';
import { assertClose, float32Sum, float64Sum } from '../oracles/close.ts';
import { dense } from '../oracles/dense.ts';
import { throwsClearly } from '../oracles/throws.ts';

const size = 6;
const counts = [1, 7, 30];

/** Three batches of different weights, with their matrices, gradients and values. */
function someBatches(precision: 'float32' | 'float64' = 'float64') {
  return counts.map((scored, index) => {
    const random = randomStream(index, 'batch gradient');
    const entries = Array.from({ length: size }, () => random.normal());
    const gradient = precision === 'float64' ? Float64Array.from(entries) : Float32Array.from(entries);
    const matrix = randomSymmetric(size, index);
    return { scored, matrix, linearised: linearisedQuadratic(matrix, gradient, 2 + index) };
  });
}

/** The mean over tokens by its definition: every token counts once, with its batch's matrix. */
function meanOverTokens(matrices: readonly Matrix[]): Matrix {
  const tokens = matrices.flatMap((matrix, index) => new Array<Matrix>(counts[index]!).fill(matrix));
  return tokens.reduce((sum, matrix) => Matrix.add(sum, matrix)).div(tokens.length);
}

for (const precision of ['float32', 'float64'] as const) {
  const tolerance = precision === 'float32' ? float32Sum : float64Sum;

  test(`the Hessian over batches is the mean over tokens, ${precision}`, async () => {
    const batches = someBatches(precision);
    const operator = await hessian(batches);
    const expected = meanOverTokens(batches.map(({ matrix }) => matrix));
    assertClose((await dense(operator)).to1DArray(), expected.to1DArray(), tolerance);
    assert.is(operator.precision, precision);
    assertClose([operator.loss], [(1 * 2 + 7 * 3 + 30 * 4) / 38], float64Sum);
    const gradients = batches.map(({ linearised }) => Matrix.columnVector(Array.from(linearised.gradient)));
    assertClose(operator.gradient, meanOverTokens(gradients).to1DArray(), float64Sum);
  });

  test(`a block is the submatrix, in the order of its tensors, ${precision}`, async () => {
    const operator = await hessian(someBatches(precision));
    const block = await operator.block(['x4', 'x5', 'x1']);
    const expected = (await dense(operator)).selection([4, 5, 1], [4, 5, 1]);
    assertClose((await dense(block)).to1DArray(), expected.to1DArray(), float64Sum);
  });

  test(`a preconditioned operator is P^-1/2 H P^-1/2, ${precision}`, async () => {
    const operator = await hessian(someBatches(precision));
    const diagonal = [1e-4, 0.3, 2, 5, 1, 70];
    const expected = await dense(operator);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) expected.set(i, j, expected.get(i, j) / Math.sqrt(diagonal[i]! * diagonal[j]!));
    }
    const actual = await dense(preconditioned(operator, Float64Array.from(diagonal)));
    assertClose(actual.to1DArray(), expected.to1DArray(), tolerance);
  });
}

test('the weighted mean of the batches\u2019 Rayleigh quotients is the Rayleigh quotient of the whole', async () => {
  const operator = await hessian(someBatches());
  const diagonal = Float64Array.from([0.1, 0.3, 2, 5, 1, 70]);
  for (const whole of [operator, await operator.block(['x2', 'x3', 'x4']), preconditioned(operator, diagonal)]) {
    const v = Float64Array.from({ length: whole.size }, (_, index) => index - 1.3);
    const product = await whole.apply(v);
    const [form, square] = v.reduce(([f, s], entry, i) => [f! + entry * product[i]!, s! + entry ** 2], [0, 0]);
    const quotients = await whole.rayleighQuotients(v);
    assert.equal(
      quotients.map(({ scored }) => scored),
      counts,
    );
    assertClose([weightedMean(quotients)], [form! / square!], float64Sum);
  }
});

test('a Hessian is not taken for a Gauss-Newton matrix, nor the other way round', async () => {
  const matrix = randomSymmetric(size, 1);
  const [bent, curved] = (['hessian', 'gaussNewton'] as const).map((curvature) => [
    { scored: 3, linearised: linearisedQuadratic(matrix, new Float64Array(size), 1, curvature) },
  ]);
  assertClose((await dense(await gaussNewton(curved!))).to1DArray(), matrix.to1DArray(), float64Sum);
  await throwsClearly(() => gaussNewton(bent!), /^linearised batch 0: expected the curvature gaussNewton, got hessian/);
  await throwsClearly(() => hessian(curved!), /^linearised batch 0: expected the curvature hessian, got gaussNewton/);
  await throwsClearly(() => hessian([...bent!, ...curved!]), /^linearised batch 1: expected the curvature hessian/);
});

test('the standard error over equal batches is s / sqrt(b), and one batch has none', () => {
  const values = [3, 5, 10, 2].map((value) => ({ scored: 11, value }));
  assertClose([standardErrorOverBatches(values)!], [Math.sqrt((4 + 0 + 25 + 9) / 3 / 4)], float64Sum);
  assert.is(standardErrorOverBatches(values.slice(0, 1)), null);
});

test('the standard error over unequal batches is the scatter of the weighted mean', () => {
  const random = randomStream(5, 'scatter');
  const estimates = Array.from({ length: 4000 }, () => {
    const batches = Array.from({ length: 20 }, () => ({
      scored: 5 + random.integer(60),
      value: 7 + 2 * random.normal(),
    }));
    return { mean: weightedMean(batches), error: standardErrorOverBatches(batches)! };
  });
  const centre = estimates.reduce((sum, { mean }) => sum + mean, 0) / estimates.length;
  const scatter = Math.sqrt(estimates.reduce((sum, { mean }) => sum + (mean - centre) ** 2, 0) / estimates.length);
  const typical = Math.sqrt(estimates.reduce((sum, { error }) => sum + error ** 2, 0) / estimates.length);
  // The linearised estimator is a little low, by about 1 / (2 b); the scatter itself is known to 1 / sqrt(8000).
  assert.ok(Math.abs(typical / scatter - 1) < 0.05, `${typical} against ${scatter}`);
});

test('releasing the Hessian releases every batch', async () => {
  const batches = someBatches();
  {
    await using operator = await hessian(batches);
    assert.is(operator.size, size);
    assert.not(batches.some(({ linearised }) => linearised.isReleased()));
  }
  assert.ok(batches.every(({ linearised }) => linearised.isReleased()));
});

test('a symmetric matrix passes the probe', async () => {
  for (const precision of ['float32', 'float64'] as const) {
    const { repeatable, asymmetry } = await probe(matrixOperator(randomSymmetric(40, 1), precision), 3);
    assert.ok(repeatable && asymmetry < (precision === 'float32' ? 1e-6 : 1e-14), String(asymmetry));
  }
  assert.equal(await probe(matrixOperator(Matrix.zeros(4, 4)), 0), { repeatable: true, asymmetry: 0 });
});

test('the probe shows a matrix that is not symmetric, not repeatable or not finite', async () => {
  const lopsided = randomSymmetric(40, 1);
  lopsided.set(3, 8, lopsided.get(3, 8) + 5);
  assert.ok((await probe(matrixOperator(lopsided), 3)).asymmetry > 1e-4);

  let products = 0;
  const matrices = [randomSymmetric(40, 1), randomSymmetric(40, 2)];
  const drifting = {
    ...matrixOperator(matrices[0]!),
    apply: (v: Float64Array | Float32Array) => matrixOperator(matrices[products++ % 2]!).apply(v),
  };
  assert.is((await probe(drifting, 3)).repeatable, false);

  const broken = await probe(matrixOperator(randomSymmetric(4, 1).fill(Number.NaN)), 3);
  assert.ok(!broken.repeatable && Number.isNaN(broken.asymmetry));
});

test('bad batches, vectors and preconditioners are refused', async () => {
  const batches = someBatches();
  const operator = await hessian(batches);
  await throwsClearly(() => hessian([]), /one batch or more/);
  for (const scored of [0, -3, 1.5, Number.NaN]) {
    await throwsClearly(() => hessian([...batches, { ...batches[0]!, scored }]), /batch 3 of a mean/, /scored tokens/);
  }
  await throwsClearly(() => hessian([batches[0]!, someBatches('float32')[1]!]), /batch 1: expected float64/, /float32/);
  const short = { scored: 3, linearised: linearisedQuadratic(randomSymmetric(2, 0), new Float64Array(2), 1) };
  await throwsClearly(() => hessian([...batches, short]), /batch 3: expected 6 entries, got 2/);
  await throwsClearly(() => weightedSum(6, batches, () => new Float64Array(5)), /batch 0: expected 6 entries, got 5/);

  await throwsClearly(() => operator.apply(new Float64Array(5)), /6 entries, got 5/);
  await throwsClearly(() => operator.rayleighQuotients(new Float64Array(7)), /6 entries, got 7/);
  const block = await operator.block(['x0', 'x1']);
  await throwsClearly(() => block.apply(new Float64Array(6)), /2 entries, got 6/);

  for (const entry of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const diagonal = Float64Array.from([1, 1, entry, 1, 1, 1]);
    await throwsClearly(() => preconditioned(operator, diagonal), /entry 2 of the preconditioner/, /positive/);
  }
  await throwsClearly(() => preconditioned(operator, new Float64Array(3)), /6 entries, got 3/);
});

test.run();
