import { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import type { SymmetricOperator, Vector } from '../../numerics/krylov/operator.ts';
import { explain } from '../../numerics/krylov/outcome.ts';
import { startVector } from '../../numerics/krylov/startVector.ts';
import { Tridiagonalisation } from '../../numerics/krylov/tridiagonalise.ts';
import { axpy, dot, norm, scale } from '../../numerics/vectors.ts';
import { matrixOperator, randomSymmetric } from '../cases/matrixOperator.ts';
import { assertClose, float64Sum } from '../oracles/close.ts';
import { dense } from '../oracles/dense.ts';
import { throwsClearly } from '../oracles/throws.ts';

/** The second difference on a chain with fixed ends; eigenvalues 2 - 2 cos(pi j / (size + 1)), j = 1 ... size. */
function chain(size: number): SymmetricOperator {
  return {
    size,
    precision: 'float64',
    apply: async (v) => new Float64Array(v).map((entry, i) => 2 * entry - (v[i - 1] ?? 0) - (v[i + 1] ?? 0)),
  };
}

function diagonal(...entries: number[]): SymmetricOperator {
  return matrixOperator(Matrix.diag(entries));
}

for (const size of [2, 7, 40, 90]) {
  test(`both ends of a chain of ${size} masses to 1e-12`, async () => {
    const { lambdaMax, lambdaMin } = await lanczos(chain(size), { tolerance: 1e-12, maxSteps: size });
    const eigenvalue = (j: number) => 2 - 2 * Math.cos((Math.PI * j) / (size + 1));
    assertClose([lambdaMax!.value], [eigenvalue(size)], 1e-12, 'largest');
    // The smallest is known relative to a hundredth of the scale, 4.
    assert.ok(Math.abs(lambdaMin!.value - eigenvalue(1)) <= 1e-12 * Math.max(0.04, eigenvalue(1)) + 1e-15);
  });
}

test('the top eigenvector of a chain is its fastest standing wave', async () => {
  const { lambdaMax } = await lanczos(chain(30), { tolerance: 1e-10, maxSteps: 30 });
  const wave = Float64Array.from({ length: 30 }, (_, i) => Math.sin((Math.PI * 30 * (i + 1)) / 31));
  assertClose([Math.abs(dot(wave, lambdaMax!.vector)) / norm(wave), norm(lambdaMax!.vector)], [1, 1], 1e-10);
});

test('a matrix of one row', async () => {
  const { lambdaMax, lambdaMin, outcome, products } = await lanczos(diagonal(-2.5));
  assert.equal([lambdaMax!.value, lambdaMin!.value, outcome, products], [-2.5, -2.5, 'krylovExhausted', 1]);
  // Nothing but rounding is left.
  const { residualBound, errorBound, roundingBound } = lambdaMax!;
  assert.equal([residualBound, errorBound], [roundingBound, roundingBound]);
  assert.ok(roundingBound > 0 && roundingBound < 1e-14, `${roundingBound}`);
});

test('a matrix of two rows has its eigenvalues by the quadratic formula', async () => {
  const { lambdaMax, lambdaMin } = await lanczos(
    matrixOperator(
      new Matrix([
        [1, 2],
        [2, -3],
      ]),
    ),
  );
  assertClose([lambdaMax!.value, lambdaMin!.value], [-1 + Math.sqrt(8), -1 - Math.sqrt(8)], float64Sum);
});

test('a block matrix [[0, C], [C, 0]] has the singular values of C, with both signs', async () => {
  const singular = [0.76, 0.5, 0.2, 0.1, 0.03];
  const blocks = Matrix.zeros(10, 10);
  for (const [i, value] of singular.entries()) {
    blocks.set(i, 5 + i, value);
    blocks.set(5 + i, i, value);
  }
  const { lambdaMax, lambdaMin } = await lanczos(matrixOperator(blocks), { tolerance: 1e-10 });
  assertClose([lambdaMax!.value, lambdaMin!.value], [0.76, -0.76], 1e-10);
});

test('the zero operator has eigenvalue 0, found in few products', async () => {
  for (const precision of ['float32', 'float64'] as const) {
    const { lambdaMax, lambdaMin, outcome, products } = await lanczos(matrixOperator(Matrix.zeros(50, 50), precision));
    assert.is(Math.abs(lambdaMax!.value) + Math.abs(lambdaMin!.value), 0);
    assert.is(outcome, 'krylovExhausted');
    assert.is(products, 2);
  }
});

for (const factor of [1e-30, 1e30]) {
  for (const precision of ['float32', 'float64'] as const) {
    test(`eigenvalues scale with the operator: ${factor}, ${precision}`, async () => {
      const matrix = randomSymmetric(40, 3);
      const options = { maxSteps: 40, tolerance: 1e-5 };
      const plain = await lanczos(matrixOperator(matrix, 'float64'), options);
      const scaled = await lanczos(matrixOperator(Matrix.mul(matrix, factor), precision), options);
      assertClose(
        [scaled.lambdaMax!.value / factor, scaled.lambdaMin!.value / factor],
        [plain.lambdaMax!.value, plain.lambdaMin!.value],
        2e-5,
      );
    });
  }
}

test('a start vector without the top eigenvectors does not hide them', async () => {
  const size = 30;
  const start = startVector(size, 0, 'lanczos start');
  const inner = new Float64Array(size);
  axpy(1 / norm(start), start, inner);
  const outer = [1, 2].map((index) => {
    const vector = startVector(size, index, 'hidden');
    axpy(-dot(inner, vector), inner, vector);
    return scale(1 / norm(vector), vector, 'float64');
  });
  // start is an eigenvector of eigenvalue 1; two directions orthogonal to it have larger and smaller ones.
  const [top, bottom] = outer as [Float64Array, Float64Array];
  axpy(-dot(top, bottom), top, bottom);
  const operator: SymmetricOperator = {
    size,
    precision: 'float64',
    apply: async (v) => {
      const product = new Float64Array(size);
      axpy(dot(inner, v), inner, product);
      axpy(5 * dot(top, v), top, product);
      axpy(-6 * dot(bottom, v), bottom, product);
      return product;
    },
  };
  const { lambdaMax, lambdaMin, outcome } = await lanczos(operator, { tolerance: 1e-9 });
  assertClose([lambdaMax!.value, lambdaMin!.value], [5, -6 * dot(bottom, bottom)], 1e-9);
  assert.is(outcome, 'krylovExhausted');
});

test('a product with NaN or infinity ends the iteration as notFinite', async () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    for (const badProduct of [1, 4]) {
      let products = 0;
      const healthy = chain(60);
      const { outcome, lambdaMax, ...result } = await lanczos({
        ...healthy,
        apply: async (v) => {
          const product = await healthy.apply(v);
          products += 1;
          if (products === badProduct) product[17] = bad;
          return product;
        },
      });
      assert.is(outcome, 'notFinite');
      assert.is(products, badProduct);
      assert.is(result.products, badProduct);
      // What the finite products told is kept, and there is no value without one.
      if (badProduct === 1) assert.is(lambdaMax, null);
      else assert.ok(lambdaMax!.value > 0 && lambdaMax!.value < 4);
    }
  }
});

test('the step limit ends the iteration, and the residual bounds still hold', async () => {
  const { lambdaMax, lambdaMin, outcome, products } = await lanczos(chain(200), { maxSteps: 12, tolerance: 1e-6 });
  assert.equal([outcome, products], ['stepLimit', 12]);
  for (const { value, residualBound } of [lambdaMax!, lambdaMin!]) {
    const nearest = Math.min(
      ...Array.from({ length: 200 }, (_, j) => Math.abs(value - 2 + 2 * Math.cos((Math.PI * (j + 1)) / 201))),
    );
    assert.ok(residualBound > 1e-6 && nearest <= residualBound, `${nearest} against ${residualBound}`);
  }
});

test('the residual bound is the residual', async () => {
  const operator = chain(100);
  const { lambdaMax } = await lanczos(operator, { maxSteps: 15 });
  const residual = new Float64Array(await operator.apply(lambdaMax!.vector));
  axpy(-lambdaMax!.value, lambdaMax!.vector, residual);
  assertClose([norm(residual)], [lambdaMax!.residualBound], 1e-10);
});

test('one end alone costs no more products, and the other is not reported', async () => {
  const operator = diagonal(...Array.from({ length: 150 }, (_, i) => 0.9 ** i - (i === 0 ? 0 : 0.5)));
  const both = await lanczos(operator, { tolerance: 1e-8 });
  const largest = await lanczos(operator, { tolerance: 1e-8, ends: 'largest' });
  const smallest = await lanczos(operator, { tolerance: 1e-8, ends: 'smallest' });
  assert.is(largest.lambdaMin, null);
  assert.is(smallest.lambdaMax, null);
  assert.ok(largest.products < both.products);
  assert.is(smallest.products, both.products);
  assertClose([largest.lambdaMax!.value], [1], 1e-8);
});

test('the same seed gives the same bits, another one the same value', async () => {
  const [a, b, c] = await Promise.all(
    [4, 4, 5].map((seed) => lanczos(chain(80), { seed, tolerance: 1e-6, maxSteps: 80 })),
  );
  assert.equal(a, b);
  assert.is.not(a!.lambdaMax!.value, c!.lambdaMax!.value);
  assertClose([a!.lambdaMax!.value], [c!.lambdaMax!.value], 2e-6);
});

test('progress tells every product of a short run, and the values grow outwards', async () => {
  const seen: [number, number, number][] = [];
  const { products } = await lanczos(chain(40), {
    onStep: ({ products: count, lambdaMax, lambdaMin }) => seen.push([count, lambdaMax.value, lambdaMin.value]),
  });
  assert.equal(
    seen.map(([count]) => count),
    Array.from({ length: products }, (_, index) => index + 1),
  );
  for (let i = 1; i < seen.length; i++) assert.ok(seen[i]![1] >= seen[i - 1]![1] && seen[i]![2] <= seen[i - 1]![2]);
});

test('the recurrence gives an orthonormal basis in which the matrix is tridiagonal', async () => {
  const operator = matrixOperator(randomSymmetric(25, 8));
  const matrix = await dense(operator);
  const krylov = new Tridiagonalisation(operator, startVector(25, 0, 'test'));
  while (krylov.canStep) await krylov.step();
  const units = krylov.diagonal.map((_, i) => krylov.combine(krylov.diagonal.map((_, j) => (i === j ? 1 : 0))));
  const basis = new Matrix(units.map((unit) => Array.from(unit))).transpose();
  assertClose(basis.transpose().mmul(basis).to1DArray(), Matrix.eye(25).to1DArray(), float64Sum, "Q'Q");
  const tridiagonal = basis.transpose().mmul(matrix).mmul(basis);
  const expected = Matrix.diag(krylov.diagonal);
  for (let i = 0; i < 24; i++) {
    expected.set(i, i + 1, krylov.offDiagonal[i]!);
    expected.set(i + 1, i, krylov.offDiagonal[i]!);
  }
  assertClose(tridiagonal.to1DArray(), expected.to1DArray(), float64Sum, "Q'HQ");
});

test('what rounding does to products is in the bounds, and a tolerance below it is said to be out of reach', async () => {
  const healthy = diagonal(3, 1, -1, ...Array.from({ length: 60 }, (_, i) => Math.sin(i) / 2));
  // Each product 1e-4 off, in another direction each time.
  let calls = 0;
  const off = async (v: Vector) => {
    const error = startVector(healthy.size, calls++, 'product error');
    const product = new Float64Array(await healthy.apply(v));
    axpy((1e-4 * norm(v)) / norm(error), error, product);
    return product;
  };
  const rough: SymmetricOperator = {
    ...healthy,
    apply: off,
    rerounded: (vectors) => Promise.all(vectors.map(off)),
  };
  const coarse = await lanczos(rough, { tolerance: 1e-2 });
  assert.is(coarse.outcome, 'converged');
  const fine = await lanczos(rough, { tolerance: 1e-6 });
  assert.is(fine.outcome, 'roundingLimit');
  for (const { lambdaMax } of [coarse, fine]) {
    const { value, errorBound, roundingBound } = lambdaMax!;
    assert.ok(Math.abs(value - 3) <= errorBound, `${value} within ${errorBound}`);
    assert.ok(roundingBound > 1e-4 && roundingBound < 1e-3, `${roundingBound}`);
  }
  assert.match(explain('roundingLimit'), /compute in float64, or allow a larger tolerance/);
});

test('bad options are refused', async () => {
  for (const tolerance of [0, -1, Number.NaN, 1, 1e-15]) {
    await throwsClearly(
      () => lanczos(chain(5), { tolerance }),
      /tolerance of lanczos: expected 1e-13 to 1 for a float64/,
    );
  }
  const single = matrixOperator(Matrix.eye(5), 'float32');
  await throwsClearly(() => lanczos(single, { tolerance: 1e-8 }), /1e-8/, /compute in float64/);
  for (const maxSteps of [0, 2.5, Number.NaN]) await throwsClearly(() => lanczos(chain(5), { maxSteps }), /maxSteps/);
  await throwsClearly(() => lanczos(chain(0)), /one row or more, got 0/);
});

test('every outcome that lacks something says what to do', () => {
  assert.match(explain('stepLimit'), /allow more steps/);
  assert.match(explain('notFinite'), /look at the loss/);
});

test.run();
