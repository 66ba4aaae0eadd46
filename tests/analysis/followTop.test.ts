import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../errors.ts';
import { followTop } from '../../numerics/krylov/followTop.ts';
import { dot, norm } from '../../numerics/vectors.ts';
import { matrixOperator, randomSymmetric } from '../cases/matrixOperator.ts';

const size = 120;
const options = { tolerance: 1e-2, maxSteps: 100, seed: 0 };

/** A few eigenvalues far outside of a bulk, as a loss's Hessian has them, turning slowly: the top two cross at time 1 / 2. */
function slowlyTurning(time: number): Matrix {
  const bulk = randomSymmetric(size, 1).mul(0.02);
  const turn = randomSymmetric(size, 2).mul(0.05 * time);
  const diagonal = Matrix.zeros(size, size);
  for (const [index, value] of [10 - 2 * time, 8 + 2 * time, 4, 2].entries()) diagonal.set(index, index, value);
  return diagonal.add(bulk).add(turn);
}

/** The largest eigenvalue by a dense decomposition. */
function topOf(matrix: Matrix): number {
  return Math.max(...new EigenvalueDecomposition(matrix, { assumeSymmetric: true }).realEigenvalues);
}

test('an operator that changes slowly is followed within the tolerance, through a crossing, for a fraction of the products', async () => {
  let vectors: readonly Float64Array[] = [];
  const products: number[] = [];
  for (let look = 0; look <= 20; look++) {
    const matrix = slowlyTurning(look / 20);
    const found = await followTop(matrixOperator(matrix), vectors, { ...options, seed: look });
    assert.is(found.outcome, 'converged');
    const error = Math.abs(found.value! / topOf(matrix) - 1);
    assert.ok(error <= 1e-2, `look ${look}: off by ${error}`);
    for (const vector of found.vectors) assert.ok(Math.abs(norm(vector) - 1) < 1e-12);
    vectors = found.vectors;
    products.push(found.products);
  }
  const [first, ...others] = products;
  assert.ok(Math.max(...others) < first!, `${products}`);
});

test('the vectors are the eigenvector and one beside it, orthogonal to each other', async () => {
  const operator = matrixOperator(slowlyTurning(0));
  const first = await followTop(operator, [], options);
  const { vectors } = await followTop(operator, first.vectors, options);
  assert.is(vectors.length, 2);
  assert.ok(Math.abs(dot(vectors[0]!, vectors[1]!)) < 1e-10);
});

test('a start that is far from the eigenvector takes more products, and ends no further off', async () => {
  const matrix = slowlyTurning(0);
  const wrong = Float64Array.from({ length: size }, (_, index) => (index === size - 1 ? 1 : 0));
  const { value, products } = await followTop(matrixOperator(matrix), [wrong], options);
  assert.ok(Math.abs(value! / topOf(matrix) - 1) <= 1e-2);
  assert.ok(products > 3);
});

test('what is not finite is an outcome, and a tolerance below rounding is refused', async () => {
  const broken = { size, precision: 'float64' as const, apply: async () => new Float64Array(size).fill(Number.NaN) };
  const start = [new Float64Array(size).fill(1 / Math.sqrt(size))];
  assert.equal(await followTop(broken, start, options), {
    value: null,
    vectors: [],
    outcome: 'notFinite',
    products: 1,
  });
  await followTop(matrixOperator(slowlyTurning(0), 'float32'), start, { ...options, tolerance: 1e-9 }).then(
    () => assert.unreachable('a tolerance below rounding was taken'),
    (error: unknown) => assert.instance(error, LambdamaxError),
  );
});

test.run();
