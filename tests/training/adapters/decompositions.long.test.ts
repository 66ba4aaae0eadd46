import { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { extremeSingularValues, leadingQr, type SingularValueResult } from '../../../numerics/dense/decompositions.ts';
import { leadingEigen } from '../../../numerics/dense/leadingEigen.ts';
import { orthonormal } from '../../../numerics/dense/orthonormal.ts';
import { type DenseMatrix, product } from '../../../numerics/dense/products.ts';
import { randomisedSvd } from '../../../numerics/dense/randomisedSvd.ts';
import { solveSymmetric } from '../../../numerics/dense/solveSymmetric.ts';
import { symmetricEigen } from '../../../numerics/dense/symmetricEigen.ts';
import { relativeError } from '../../oracles/relativeError.ts';

// Backward stable algorithms in float64 on matrices of a few hundred rows: some hundreds of roundings of 1.1e-16.
const tolerance = 1e-13;

function gaussian(rows: number, columns: number, seed: number, name: string): DenseMatrix {
  const random = randomStream(seed, name);
  return { rows, columns, values: Float64Array.from({ length: rows * columns }, () => random.normal()) };
}

/** X' diag(values) Y of orthonormal rows X and Y. */
async function planted(X: DenseMatrix, values: readonly number[], Y: DenseMatrix): Promise<DenseMatrix> {
  const scaled = X.values.map((entry, index) => entry * values[Math.floor(index / X.columns)]!);
  return product({ ...X, values: scaled }, Y, { a: true });
}

/** |A x - lambda x| / |A|, and how far the vectors are from orthonormal, at worst. */
function eigenErrors(matrix: Float64Array, n: number, first: number, count: number): [residual: number, angle: number] {
  const { values, vectors } = symmetricEigen(matrix, n, first, count);
  const A = Matrix.from1DArray(n, n, matrix);
  const X = new Matrix(vectors.map((vector) => [...vector])).transpose();
  const size = Math.max(...matrix.map(Math.abs), Number.MIN_VALUE);
  const residual = A.mmul(X).sub(X.mmul(Matrix.diag([...values])));
  return [residual.norm() / size, X.transpose().mmul(X).sub(Matrix.eye(count)).norm()];
}

const spectra: Readonly<Record<string, (k: number, n: number) => number>> = {
  'evenly spread': (k) => k + 1,
  'of both signs': (k, n) => k - n / 2,
  'in clusters of seven': (k) => Math.floor(k / 7) + 1e-15 * k,
  'one, and all others equal': (k) => (k === 3 ? 10 : 1),
  'of rank two': (k) => (k < 2 ? k + 1 : 0),
  'over sixteen orders of magnitude': (k, n) => 10 ** ((-16 * k) / n),
  zero: () => 0,
};

for (const [name, spectrum] of Object.entries(spectra))
  test(`eigenvalues and orthonormal eigenvectors of a spectrum ${name}`, async () => {
    for (const n of [1, 2, 3, 30, 110]) {
      const values = Array.from({ length: n }, (_, k) => spectrum(k, n));
      const Q = orthonormal(gaussian(n, n, 1, 'eigenvectors'));
      const { values: matrix } = await planted(Q, values, Q);
      values.sort((a, b) => b - a);
      const size = Math.max(...values.map(Math.abs), Number.MIN_VALUE);
      for (const count of new Set([1, Math.ceil(n / 3), n]))
        for (const first of new Set([0, n - count])) {
          const found = symmetricEigen(matrix, n, first, count).values;
          const worst = Math.max(...found.map((value, k) => Math.abs(value - values[first + k]!)));
          const [residual, angle] = eigenErrors(matrix, n, first, count);
          const of = `n ${n}, ${count} from ${first}`;
          assert.ok(worst <= 1e-13 * size, `${of}: eigenvalue ${worst} off`);
          assert.ok(residual < 1e-12 && angle < tolerance * n, `${of}: residual ${residual}, angle ${angle}`);
        }
    }
  });

test('a matrix that is tridiagonal, or falls apart into blocks, has its eigenvectors too', () => {
  const n = 24;
  const chain = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    chain[k * (n + 1)] = 2;
    // Three chains of eight with nothing between them: every eigenvalue is there three times.
    if (k % 8 < 7) chain[k * n + k + 1] = chain[(k + 1) * n + k] = -1;
  }
  const { values } = symmetricEigen(chain, n, 0, n);
  for (const [k, value] of values.entries()) {
    const closed = 2 + 2 * Math.cos((Math.PI * (Math.floor(k / 3) + 1)) / 9);
    assert.ok(Math.abs(value - closed) < tolerance, `eigenvalue ${k}: ${value}, expected ${closed}`);
  }
  const [residual, angle] = eigenErrors(chain, n, 0, n);
  assert.ok(residual < tolerance && angle < tolerance, `${residual}, ${angle}`);
});

/** The sum of the terms, row-major. */
function sumOf({ U, S, V }: SingularValueResult): number[] {
  return U.mmul(Matrix.diag([...S]))
    .mmul(V.transpose())
    .to1DArray();
}

for (const [rows, columns] of [
  [330, 220],
  [220, 330],
] as const)
  test(`both ends of the singular values of a large matrix, ${rows} x ${columns}`, async () => {
    const side = 220;
    const X = orthonormal(gaussian(side, rows, 2, 'left'));
    const Y = orthonormal(gaussian(side, columns, 2, 'right'));
    // From 1 down to 1/1000, as weights of language models have it.
    const S = Array.from({ length: side }, (_, k) => 1000 ** (-k / (side - 1)));
    const weight = await planted(X, S, Y);
    for (const [end, first] of [
      ['largest', 0],
      ['smallest', side - 9],
    ] as const) {
      const found = await extremeSingularValues(weight, 9, end);
      assert.equal([found.U.rows, found.U.columns, found.V.rows, found.V.columns], [rows, 9, columns, 9]);
      assert.ok(relativeError(found.S, S.slice(first, first + 9)) < 1e-9, `${end}: ${found.S}`);
      const kept = S.map((value, k) => (k >= first && k < first + 9 ? value : 0));
      const error = relativeError(sumOf(found), (await planted(X, kept, Y)).values);
      // Of W'W, sigma^2 is known to roundings of sigma_1^2: a million times worse at the small end, over gaps of 6 %.
      assert.ok(error < (end === 'largest' ? 1e-12 : 1e-8), `${end}: ${error} off`);
    }
  });

for (const [name, spectrum] of Object.entries({
  'that decays': (k: number) => 1 / (k + 1) ** 2,
  'that decays, negative too': (k: number) => (-1) ** k / (k + 1),
  'that is flat': (k: number) => 1 + k / 400,
  'with equal ones': (k: number) => (k < 4 ? 3 : 1 / (k + 1)),
  'with equal ones, decaying fast': (k: number) => (k < 4 ? 1 : 4 ** -k),
  'of rank two': (k: number) => (k < 2 ? 1 : 0),
  'of nothing': () => 0,
}))
  test(`the leading eigenvectors of a large matrix with a spectrum ${name}`, async () => {
    const n = 400;
    const Q = orthonormal(gaussian(n, n, 9, 'eigenvectors'));
    const values = Array.from({ length: n }, (_, k) => spectrum(k));
    const { values: matrix } = await planted(Q, values, Q);
    const found = leadingEigen(matrix, n, 6);
    const sorted = values.sort((a, b) => b - a).slice(0, 6);
    const worst = Math.max(...found.values.map((value, k) => Math.abs(value - sorted[k]!)));
    assert.ok(worst <= 1e-12, `eigenvalues ${found.values}, expected ${sorted}`);
    const A = Matrix.from1DArray(n, n, matrix);
    const X = new Matrix(found.vectors.map((vector) => [...vector])).transpose();
    assert.ok(
      A.mmul(X)
        .sub(X.mmul(Matrix.diag([...found.values])))
        .norm() < 1e-11,
    );
    assert.ok(X.transpose().mmul(X).sub(Matrix.eye(6)).norm() < 1e-11);
  });

test('the randomised decomposition comes nearer to the exact one with every iteration', async () => {
  const [rows, columns, rank] = [300, 240, 12];
  const S = Array.from({ length: columns }, (_, k) => 1 / (k + 1));
  const X = orthonormal(gaussian(columns, rows, 3, 'left'));
  const Y = orthonormal(gaussian(columns, columns, 3, 'right'));
  const weight = await planted(X, S, Y);
  const expected = (
    await planted(
      X,
      S.map((value, k) => (k < rank ? value : 0)),
      Y,
    )
  ).values;
  const errors: number[] = [];
  for (const iterations of [0, 2, 8, 32]) {
    const found = await randomisedSvd(weight, rank, iterations, randomStream(4, 'Omega'));
    assert.equal([found.U.columns, found.S.length, found.V.columns], [rank, rank, rank]);
    errors.push(relativeError(sumOf(found), expected));
  }
  assert.ok(errors[0]! > errors[1]! && errors[1]! > errors[2]! && errors[2]! > errors[3]!, `${errors}`);
  // (1/23 / (1/12))^65: the first direction outside the sample against the last one wanted.
  assert.ok(errors[3]! < 1e-10, `${errors}`);
});

test('the randomised decomposition of a matrix of low rank is exact', async () => {
  const weight = await product(gaussian(90, 4, 5, 'left'), gaussian(4, 70, 5, 'right'));
  for (const iterations of [0, 3]) {
    const found = await randomisedSvd(weight, 6, iterations, randomStream(6, 'Omega'));
    assert.ok(relativeError(sumOf(found), weight.values) < 1e-12);
    assert.ok(found.S.slice(4).every((value) => value < 1e-6 * found.S[0]!));
  }
});

test('the leading columns of Q and rows of R of a large matrix', async () => {
  const weight = gaussian(260, 230, 7, 'weight');
  const { Q, R } = await leadingQr(weight, 20);
  assert.ok(Q.transpose().mmul(Q).sub(Matrix.eye(20)).norm() < tolerance * 20);
  for (let row = 0; row < 20; row++)
    for (let column = 0; column < row; column++) assert.ok(Math.abs(R.get(row, column)) < 1e-12);
  const W = Matrix.from1DArray(260, 230, weight.values);
  const [start, whole] = [Q.mmul(R), W].map((matrix) => matrix.subMatrix(0, 259, 0, 19).to1DArray());
  assert.ok(relativeError(start!, whole!) < tolerance * 10);
  assert.ok(relativeError(R.to1DArray(), Q.transpose().mmul(W).to1DArray()) < tolerance);
});

test('rows times the inverse of a symmetric positive matrix', async () => {
  const n = 60;
  const root = gaussian(n, n, 8, 'root');
  const { values: matrix } = await product(root, root, { a: true });
  const right = gaussian(5, n, 8, 'right');
  const solved = solveSymmetric(matrix, n, right.values);
  const back = await product({ rows: 5, columns: n, values: solved }, { rows: n, columns: n, values: matrix });
  assert.ok(relativeError(back.values, right.values) < 1e-9);
  assert.throws(() => solveSymmetric(Float64Array.of(1, 2, 2, 1), 2, Float64Array.of(1, 1)), /positive eigenvalues/);
});

test.run();
