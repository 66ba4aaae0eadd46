import { EigenvalueDecomposition } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Precision, SymmetricOperator } from '../../numerics/krylov/operator.ts';
import { topEigenpairs } from '../../numerics/krylov/topEigenpairs.ts';
import { axpy, dot, norm, roundoff } from '../../numerics/vectors.ts';
import { matrixOperator, randomSymmetric } from '../cases/matrixOperator.ts';
import { rotated, spectra } from '../cases/spectra.ts';

/** What rounding may do to an eigenvalue, relative to |H|: as in lanczos.randomSpectra.test.ts. */
const rounding: Readonly<Record<Precision, number>> = {
  float32: 20 * roundoff.float32,
  float64: 6 * 120 * roundoff.float64,
};

const demands: readonly [Precision, number][] = [
  ['float32', 1e-3],
  ['float64', 1e-3],
  ['float64', 1e-9],
];

for (const { name, eigenvalues } of spectra) {
  for (const [precision, tolerance] of demands) {
    test(`${name}: all of the largest, as often as they are repeated, at ${tolerance} in ${precision}`, async () => {
      for (let seed = 0; seed < 4; seed++) {
        const random = randomStream(seed, name);
        const values = eigenvalues(20 + random.integer(80), random);
        const count = 1 + random.integer(8);
        const operator = rotated(values, seed, precision);
        const maxSteps = 12 * values.length;
        const { pairs, outcome } = await topEigenpairs(operator, { count, tolerance, seed, maxSteps });
        assert.ok(['converged', 'krylovExhausted'].includes(outcome), `seed ${seed}: ${outcome}`);
        assert.is(pairs.length, count);
        const size = Math.max(...values.map(Math.abs));
        const descending = [...values].sort((a, b) => b - a);
        for (const [index, { value, vector, residualBound }] of pairs.entries()) {
          const expected = descending[index]!;
          const allowed = tolerance * Math.max(Math.abs(expected), 0.01 * size) + rounding[precision] * size;
          assert.ok(Math.abs(value - expected) <= allowed, `seed ${seed}, ${index}: ${value} instead of ${expected}`);
          const residual = Float64Array.from(await operator.apply(inPrecision(vector, precision)));
          axpy(-value, vector, residual);
          assert.ok(norm(residual) <= residualBound + rounding[precision] * size, `seed ${seed}, ${index}: residual`);
          for (const [other, { vector: second }] of pairs.entries()) {
            const expectedProduct = other === index ? 1 : 0;
            assert.ok(Math.abs(dot(vector, second) - expectedProduct) < 50 * roundoff[precision], `${index}, ${other}`);
          }
        }
      }
    });
  }
}

test('of a random matrix, all eigenvalues are those of the dense decomposition', async () => {
  for (let size = 1; size <= 12; size++) {
    const matrix = randomSymmetric(size, size);
    const { pairs, outcome } = await topEigenpairs(matrixOperator(matrix), { count: size, tolerance: 1e-9 });
    assert.is(outcome, 'krylovExhausted');
    const dense = new EigenvalueDecomposition(matrix, { assumeSymmetric: true }).realEigenvalues.reverse();
    assert.ok(pairs.every(({ value }, index) => Math.abs(value - dense[index]!) < 1e-12 * size));
  }
});

test('a limit of products is kept, and what is known by then is told', async () => {
  const { operator, calls } = counted(
    rotated(
      Float64Array.from({ length: 400 }, (_, index) => Math.sin(index)),
      0,
      'float64',
    ),
  );
  const { pairs, outcome, products } = await topEigenpairs(operator, { count: 5, tolerance: 1e-9, maxSteps: 12 });
  assert.equal([outcome, products, calls(), pairs.length], ['stepLimit', 12, 12, 5]);
  assert.ok(pairs.every(({ residualBound }) => residualBound > 0));
});

test('NaN in a product is an outcome', async () => {
  const nan: SymmetricOperator = { size: 9, precision: 'float64', apply: async (v) => v.map(() => Number.NaN) };
  assert.equal(await topEigenpairs(nan, { count: 3 }), { pairs: [], outcome: 'notFinite', products: 1 });
});

test('a count that the operator does not have is refused', async () => {
  const operator = matrixOperator(randomSymmetric(3, 0));
  for (const count of [0, 4, 1.5, Number.NaN]) {
    try {
      await topEigenpairs(operator, { count });
      assert.unreachable();
    } catch (error) {
      assert.instance(error, LambdamaxError);
      assert.match((error as Error).message, 'from 1 to 3');
    }
  }
});

function inPrecision(vector: Float64Array, precision: Precision): Float64Array | Float32Array {
  return precision === 'float64' ? vector : Float32Array.from(vector);
}

function counted(operator: SymmetricOperator) {
  let calls = 0;
  const apply: SymmetricOperator['apply'] = (v) => {
    calls += 1;
    return operator.apply(v);
  };
  return { operator: { ...operator, apply }, calls: () => calls };
}

test.run();
