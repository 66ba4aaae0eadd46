import { Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import {
  extremeSingularValues,
  type SingularEnd,
  type SingularValueResult,
  singularValues,
  weightMatrix,
} from '../../../numerics/dense/decompositions.ts';
import { leadingSubspace } from '../../../numerics/dense/leadingSubspace.ts';
import { orthonormal } from '../../../numerics/dense/orthonormal.ts';
import { type DenseMatrix, product } from '../../../numerics/dense/products.ts';
import { relativeError } from '../../oracles/relativeError.ts';

// Allowed errors relative to the largest singular value: some hundreds of roundings of 1.1e-16.
const tolerance = 1e-13;
// Where values of 1e-7 sigma_1 are among the wanted, residuals of 1e-14 sigma_1^2 in W'W are 1e-14 sigma_1 / sigma in W; in
// values, their squares count.
const steep = { residual: 1e-7, value: 1e-10 };

function gaussian(rows: number, columns: number, seed: number, name: string): DenseMatrix {
  const random = randomStream(seed, name);
  return { rows, columns, values: Float64Array.from({ length: rows * columns }, () => random.normal()) };
}

/** A matrix with these singular values between random vectors. */
async function planted(rows: number, columns: number, values: readonly number[], seed: number): Promise<DenseMatrix> {
  const [X, Y] = [rows, columns].map((size, index) =>
    orthonormal(gaussian(values.length, size, seed, `side ${index}`)),
  );
  const scaled = X!.values.map((entry, index) => entry * values[Math.floor(index / rows)]!);
  return product({ ...X!, values: scaled }, Y!, { a: true });
}

/** The sum of the terms, row-major. */
function sumOf({ U, S, V }: SingularValueResult): number[] {
  return U.mmul(Matrix.diag([...S]))
    .mmul(V.transpose())
    .to1DArray();
}

/** How far the columns are from orthonormal. */
function skewness(matrix: Matrix): number {
  return matrix.transpose().mmul(matrix).sub(Matrix.eye(matrix.columns)).norm();
}

/** |W V - U S| and |W'U - V S|, relative to |W|. */
function residuals(weight: DenseMatrix, { U, S, V }: SingularValueResult): number[] {
  const W = Matrix.from1DArray(weight.rows, weight.columns, weight.values);
  const size = W.norm() || 1;
  const D = Matrix.diag([...S]);
  return [W.mmul(V).sub(U.mmul(D)).norm() / size, W.transpose().mmul(U).sub(V.mmul(D)).norm() / size];
}

const spectra: Readonly<Record<string, (k: number, side: number) => number>> = {
  'of a language model, from 1 down to 1/1000': (k, side) => 1000 ** (-k / (side - 1)),
  'that is nearly flat': (k, side) => 1 - k / (4 * side),
  'that falls off at once': (k) => 10 ** -k,
  'over sixteen orders of magnitude': (k, side) => 10 ** ((-16 * k) / side),
  'of four equal ones': (k) => (k < 4 ? 1 : 0.5 / k),
  'of equal ones where the wanted end': (k) => (k < 5 ? 2 : k < 11 ? 1 : 0.3 / k),
  'that is one value': () => 1,
  'of rank three': (k) => (k < 3 ? 3 - k : 0),
  zero: () => 0,
};

const shapes = [
  [420, 260],
  [260, 420],
  [290, 290],
] as const;

for (const [name, spectrum] of Object.entries(spectra))
  test(`the leading singular values and vectors of a spectrum ${name}`, async () => {
    for (const [seed, [rows, columns]] of shapes.entries()) {
      const scale = [1e-20, 1e20, 1][seed]!;
      const side = Math.min(rows, columns);
      const values = Array.from({ length: side }, (_, k) => scale * spectrum(k, side));
      const weight = await planted(rows, columns, values, seed);
      const found = await extremeSingularValues(weight, 8, 'largest');
      const of = `${rows} x ${columns}, scale ${scale}`;
      assert.equal([found.U.rows, found.U.columns, found.V.rows, found.V.columns], [rows, 8, columns, 8], of);
      const worst = Math.max(...found.S.map((value, k) => Math.abs(value - values[k]!)));
      const isSteep = values[7]! < 1e-5 * values[0]!;
      assert.ok(worst <= (isSteep ? steep.value : tolerance) * values[0]!, `${of}: ${found.S}`);
      assert.ok(
        found.S.every((value, k) => k === 0 || value <= found.S[k - 1]!),
        `${of}: ${found.S}`,
      );
      assert.ok(skewness(found.U) < 1e-12 && skewness(found.V) < 1e-12, `${of}: vectors are not orthonormal`);
      const [less, more] = residuals(weight, found).sort((a, b) => a - b);
      assert.ok(less! < tolerance && more! < (isSteep ? steep.residual : 1e-12), `${of}: residuals ${less}, ${more}`);
    }
  });

for (const end of ['largest', 'smallest'] as const satisfies SingularEnd[])
  test(`the ${end} singular values of Gaussian matrices are those of their whole decomposition`, async () => {
    for (const [seed, [rows, columns]] of shapes.entries()) {
      const weight = gaussian(rows, columns, seed, 'weight');
      const side = Math.min(rows, columns);
      const whole = singularValues(weight);
      const first = end === 'largest' ? 0 : side - 8;
      const part = (matrix: Matrix) => matrix.subMatrix(0, matrix.rows - 1, first, first + 7);
      const found = await extremeSingularValues(weight, 8, end);
      const worst = Math.max(...found.S.map((value, k) => Math.abs(value - whole.S[first + k]!)));
      assert.ok(worst < 1e-12 * whole.S[0]!, `${rows} x ${columns}: ${worst}`);
      const expected = sumOf({ U: part(whole.U), S: whole.S.slice(first, first + 8), V: part(whole.V) });
      const error = relativeError(sumOf(found), expected);
      // W'W is known to roundings of sigma_1^2, and the least gaps of sigma^2 are a hundred-thousandth of that.
      assert.ok(error < 1e-9, `${rows} x ${columns}: ${error}`);
      assert.ok(skewness(found.U) < 1e-12 && skewness(found.V) < 1e-12);
    }
  });

/**
 * W_ij = 1 / (1 + |i - j| / 7) + ((31 i^2 + 17 j^2 + 7 i j) mod 101) / 101, 400 x 300, and what `numpy.linalg.svd` says of it:
 * singular values, and four entries of the sum of the first and the last eight terms.
 */
const numpy = {
  weight: {
    rows: 400,
    columns: 300,
    values: Float64Array.from({ length: 400 * 300 }, (_, index) => {
      const [i, j] = [Math.floor(index / 300), index % 300];
      return 1 / (1 + Math.abs(i - j) / 7) + ((31 * i * i + 17 * j * j + 7 * i * j) % 101) / 101;
    }),
  },
  entries: [
    [0, 0],
    [17, 250],
    [399, 299],
    [123, 45],
  ],
  largest: {
    S: [
      213.05479206906534, 25.640308556066778, 20.07584552834219, 19.376297949156317, 17.36059871733617,
      17.014241876220506, 16.671322060584952, 16.495419438278116,
    ],
    sum: [0.5297068877842421, 0.6260533281858504, 0.8165468526931902, 0.6245657090218983],
  },
  smallest: {
    S: [
      0.07099824481827459, 0.07095809052393588, 0.07088454847291129, 0.07082084303786591, 0.07079482492595128,
      0.07077486382916372, 0.0707446563843974, 0.07072910227005434,
    ],
    sum: [5.120839226212801e-6, -0.00013405403552806786, 6.894233872642106e-8, -0.00014072033489948],
  },
} as const;

for (const end of ['largest', 'smallest'] as const)
  test(`the ${end} singular values and terms are those of NumPy`, async () => {
    const found = await extremeSingularValues(numpy.weight, 8, end);
    const { S, sum } = numpy[end];
    const worst = Math.max(...found.S.map((value, k) => Math.abs(value - S[k]!)));
    assert.ok(worst < tolerance * numpy.largest.S[0], `${found.S}`);
    const terms = Matrix.from1DArray(400, 300, sumOf(found));
    for (const [k, [row, column]] of numpy.entries.entries()) {
      const error = Math.abs(terms.get(row, column) - sum[k]!) / S[0]!;
      // At the small end, roundings of sigma_1^2 over gaps of sigma^2 that are 1e-10 of it.
      assert.ok(error < (end === 'largest' ? tolerance : 1e-6), `entry ${row}, ${column}: ${error}`);
    }
  });

test('a matrix too large for its Gram matrix to pay has its leading singular values too', async () => {
  for (const [rows, columns] of [
    [900, 820],
    [820, 900],
  ] as const) {
    const S = Array.from({ length: 60 }, (_, k) => 1 / (k + 1));
    const weight = await planted(rows, columns, S, 5);
    const found = await extremeSingularValues(weight, 12, 'largest');
    const worst = Math.max(...found.S.map((value, k) => Math.abs(value - S[k]!)));
    assert.ok(worst < tolerance, `${found.S}`);
    assert.ok(skewness(found.U) < 1e-12 && skewness(found.V) < 1e-12);
  }
});

test('a subspace whose values are all but equal to those outside is not looked for to the end', async () => {
  const n = 200;
  const values = Float64Array.from({ length: n }, (_, k) => 1 - 1e-7 * k);
  let products = 0;
  const found = await leadingSubspace(
    async ({ rows, columns, values: block }) => {
      products++;
      return { rows, columns, values: block.map((entry, index) => values[Math.floor(index / columns)]! * entry) };
    },
    n,
    8,
  );
  assert.is(found, undefined);
  assert.ok(products * 16 < 10 * n, `${products} products`);
});

test('the same bits come out each time', async () => {
  const weight = gaussian(420, 260, 7, 'weight');
  const [first, second] = [
    await extremeSingularValues(weight, 8, 'largest'),
    await extremeSingularValues(weight, 8, 'largest'),
  ];
  assert.equal(
    [first.S, first.U.to1DArray(), first.V.to1DArray()],
    [second.S, second.U.to1DArray(), second.V.to1DArray()],
  );
});

test('a weight that is not finite is refused by its place', () => {
  const shape = { out: 300, in: 400 };
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const values = new Float64Array(300 * 400);
    values[7 * 400 + 9] = bad;
    assert.throws(() => weightMatrix('layer', values, shape), `finite values, got ${bad} in row 7, column 9`);
  }
});

test.run();
