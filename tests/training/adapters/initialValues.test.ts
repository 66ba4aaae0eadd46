import { Matrix, QrDecomposition } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { ArgumentError, LambdamaxError } from '../../../errors.ts';
import { lowRank } from '../../../training/adapters/forms/lowRank.ts';
import { adapterMethod, adapterMethods } from '../../../training/adapters/index.ts';
import type { AdapterMethod, InitialiseContext } from '../../../training/adapters/method.ts';
import { residualWeight } from '../../../training/adapters/residual.ts';
import type { LinearShape } from '../../../training/layout/form.ts';
import { relativeError } from '../../oracles/relativeError.ts';
import { throwsClearly } from '../../oracles/throws.ts';

// A decomposition of a well-scaled matrix of about 20 x 20 in float64 errs by some tens of roundings of 1.1e-16.
const decompositionTolerance = 1e-12;

const seeds = [1, 2, 3];
const shapes: LinearShape[] = [
  { out: 12, in: 12 },
  { out: 20, in: 9 },
  { out: 9, in: 20 },
];
const size = { rank: 3, alpha: 5 };
const scaling = 5 / 3;

function gaussian(rows: number, columns: number, seed: number, name: string): Matrix {
  const random = randomStream(seed, name);
  return Matrix.from1DArray(
    rows,
    columns,
    Array.from({ length: rows * columns }, () => random.normal()),
  );
}

/** U, S, V of our choosing: orthonormal columns from random matrices, singular values min(out, in), ..., 2, 1. */
function planted(shape: LinearShape, seed: number): { U: Matrix; S: number[]; V: Matrix } {
  const terms = Math.min(shape.out, shape.in);
  return {
    U: new QrDecomposition(gaussian(shape.out, terms, seed, 'left')).orthogonalMatrix,
    S: Array.from({ length: terms }, (_, term) => terms - term),
    V: new QrDecomposition(gaussian(shape.in, terms, seed, 'right')).orthogonalMatrix,
  };
}

/** The sum of some terms of U S V', row-major. */
function partOf({ U, S, V }: ReturnType<typeof planted>, first: number, end: number): Float64Array {
  const kept = S.map((value, term) => (term >= first && term < end ? value : 0));
  return Float64Array.from(U.mmul(Matrix.diag(kept)).mmul(V.transpose()).to1DArray());
}

function context(
  shape: LinearShape,
  weight: Float64Array,
  changes: Partial<InitialiseContext> = {},
): InitialiseContext {
  const module = changes.module ?? 'model.layers.0.self_attn.q_proj';
  return { module, shape, size, scaling, weight, random: randomStream(0, module), ...changes };
}

function randomWeight(shape: LinearShape, seed: number): Float64Array {
  return Float64Array.from(gaussian(shape.out, shape.in, seed, 'weight').to1DArray());
}

/** The variants of plain LoRA's form that start from weights and seed alone, and take any rank. */
const plain = adapterMethods.filter(
  ({ name, form, sample }) => form === lowRank && sample === undefined && name !== 'orthogonal',
);

async function factors(
  method: AdapterMethod,
  given: InitialiseContext,
): Promise<{ A: Matrix; B: Matrix; update: Float64Array }> {
  const { rank } = given.size;
  const tensors = await method.initialise(given);
  return {
    A: Matrix.from1DArray(rank, given.shape.in, tensors.get('lora_A.weight')!),
    B: Matrix.from1DArray(given.shape.out, rank, tensors.get('lora_B.weight')!),
    update: method.form.update(given.shape, tensors, given.size, given.weight),
  };
}

function distanceToIdentity(matrix: Matrix): number {
  return Matrix.sub(matrix, Matrix.eye(matrix.rows)).norm();
}

for (const shape of shapes)
  for (const seed of seeds) {
    const of = `[${shape.out}, ${shape.in}], seed ${seed}`;

    test(`pissa's s B A is the planted top of the spectrum, ${of}`, async () => {
      const svd = planted(shape, seed);
      const { A, B, update } = await factors(adapterMethod('pissa'), context(shape, partOf(svd, 0, Infinity)));
      assert.ok(relativeError(update, partOf(svd, 0, size.rank)) < decompositionTolerance);
      const shares = Matrix.diag(svd.S.slice(0, size.rank).map((value) => value / scaling)).to1DArray();
      assert.ok(relativeError(A.mmul(A.transpose()).to1DArray(), shares) < decompositionTolerance);
      assert.ok(relativeError(B.transpose().mmul(B).to1DArray(), shares) < decompositionTolerance);
    });

    test(`milora's s B A is the planted bottom of the spectrum, orthogonal to pissa's, ${of}`, async () => {
      const svd = planted(shape, seed);
      const given = context(shape, partOf(svd, 0, Infinity));
      const minor = await factors(adapterMethod('milora'), given);
      assert.ok(relativeError(minor.update, partOf(svd, svd.S.length - size.rank, Infinity)) < decompositionTolerance);
      const principal = await factors(adapterMethod('pissa'), given);
      assert.ok(principal.B.transpose().mmul(minor.B).norm() < decompositionTolerance * 10);
      assert.ok(principal.A.mmul(minor.A.transpose()).norm() < decompositionTolerance * 10);
    });

    test(`olora's B is orthonormal, its A trapezoidal, and B A starts with W's own columns, ${of}`, async () => {
      const weight = randomWeight(shape, seed);
      const { A, B } = await factors(adapterMethod('olora'), context(shape, weight));
      assert.ok(distanceToIdentity(B.transpose().mmul(B)) < decompositionTolerance);
      for (let row = 0; row < size.rank; row++)
        for (let column = 0; column < row; column++) assert.ok(Math.abs(A.get(row, column)) < decompositionTolerance);
      // Both are projections on the same columns: B B' W = B A.
      const W = Matrix.from1DArray(shape.out, shape.in, weight);
      const starts = [B.mmul(A), W].map((matrix) => matrix.subMatrix(0, shape.out - 1, 0, size.rank - 1).to1DArray());
      assert.ok(relativeError(starts[0]!, starts[1]!) < decompositionTolerance);
      const projected = B.mmul(B.transpose()).mmul(W);
      assert.ok(relativeError(B.mmul(A).to1DArray(), projected.to1DArray()) < decompositionTolerance);
    });

    for (const method of plain)
      test(`${method.name} leaves the function unchanged at step 0, ${of}`, async () => {
        const weight = randomWeight(shape, seed);
        const { update } = await factors(method, context(shape, weight));
        if (method.keepsFunctionBy === 'zeroUpdate') {
          assert.ok(update.every((value) => value === 0));
        } else {
          assert.ok(update.some((value) => value !== 0));
          const sum = residualWeight(weight, shape, update).map((value, index) => value + update[index]!);
          assert.ok(relativeError(sum, weight) < 1e-14);
        }
      });
  }

test('at full rank pissa, milora and olora hold the whole weight', async () => {
  for (const shape of shapes) {
    const rank = Math.min(shape.out, shape.in);
    const weight = randomWeight(shape, 4);
    for (const name of ['pissa', 'milora', 'olora']) {
      const { update } = await factors(
        adapterMethod(name),
        context(shape, weight, { size: { rank, alpha: rank }, scaling: 1 }),
      );
      assert.ok(relativeError(update, weight) < decompositionTolerance, `${name} [${shape.out}, ${shape.in}]`);
    }
  }
});

test('a weight of rank one, and a zero weight, have finite factors', async () => {
  for (const shape of shapes) {
    const svd = planted(shape, 5);
    for (const name of ['pissa', 'olora']) {
      const weight = partOf(svd, 0, 1);
      const { update } = await factors(adapterMethod(name), context(shape, weight));
      const expected = name === 'olora' ? weight.map((value) => value * scaling) : weight;
      assert.ok(relativeError(update, expected) < decompositionTolerance, name);
    }
    for (const name of ['pissa', 'milora', 'olora']) {
      const { A, B, update } = await factors(
        adapterMethod(name),
        context(shape, new Float64Array(shape.out * shape.in)),
      );
      assert.ok([...A.to1DArray(), ...B.to1DArray()].every(Number.isFinite), name);
      assert.ok(
        update.every((value) => value === 0),
        name,
      );
    }
  }
});

test('orthogonal has A and B of the size that PEFT gives them, and B A = 0 to rounding', async () => {
  const shape = { out: 300, in: 400 };
  const given = context(shape, new Float64Array(0), { size: { rank: 64, alpha: 64 }, scaling: 1 });
  const { A, B, update } = await factors(adapterMethod('orthogonal'), given);
  // Entries are sums of 32 products of a Gaussian of deviation 1/10 and an entry of Q, of mean square 1/64.
  const deviation = Math.sqrt(32 / 64) / 10;
  for (const matrix of [A, B]) {
    const meanSquare = matrix.norm() ** 2 / (matrix.rows * matrix.columns);
    assert.ok(Math.abs(meanSquare / deviation ** 2 - 1) < 0.1, `${meanSquare}`);
  }
  assert.ok(update.every((value) => Math.abs(value) < decompositionTolerance));
  const odd = context(shape, new Float64Array(0), { size: { rank: 3, alpha: 3 } });
  await throwsClearly(async () => adapterMethod('orthogonal').initialise(odd), /`rank` for .*q_proj.*even number/);
});

for (const [name, tensors] of [
  ['lora', ['lora_A.weight']],
  ['init-ab', ['lora_A.weight', 'lora_B.weight']],
] as const)
  test(`${name} draws uniformly in +-1/sqrt(in)`, async () => {
    const shape = { out: 300, in: 400 };
    const given = context(shape, new Float64Array(0), { size: { rank: 64, alpha: 64 }, scaling: 1 });
    for (const tensor of tensors) {
      const values = (await adapterMethod(name).initialise(given)).get(tensor)!;
      const count = values.length;
      const inUnits = values.map((value) => value * Math.sqrt(shape.in));
      const moment = (power: number): number => inUnits.reduce((sum, value) => sum + value ** power, 0) / count;
      assert.ok(inUnits.every((value) => value >= -1 && value <= 1));
      // Five standard errors; the variances of u, u^2, u^4 for u uniform in +-1 are 1/3, 4/45, 16/225.
      assert.ok(Math.abs(moment(1)) < 5 * Math.sqrt(1 / 3 / count), `${tensor} mean ${moment(1)}`);
      assert.ok(Math.abs(moment(2) - 1 / 3) < 5 * Math.sqrt(4 / 45 / count), `${tensor} second moment ${moment(2)}`);
      assert.ok(Math.abs(moment(4) - 1 / 5) < 5 * Math.sqrt(16 / 225 / count), `${tensor} fourth moment ${moment(4)}`);
    }
  });

test('the values depend on the seed and the module alone, and differ between modules', async () => {
  const shape = { out: 40, in: 50 };
  const draw = async (seed: number, module: string): Promise<Float64Array> => {
    const given = context(shape, new Float64Array(0), { module, random: randomStream(seed, module) });
    return (await adapterMethod('lora').initialise(given)).get('lora_A.weight')!;
  };
  const alone = await draw(0, 'layers.1.v_proj');
  await draw(0, 'layers.0.q_proj');
  assert.equal(await draw(0, 'layers.1.v_proj'), alone);
  for (const other of [await draw(1, 'layers.1.v_proj'), await draw(0, 'layers.0.q_proj')]) {
    const correlation =
      alone.reduce((sum, value, index) => sum + value * other[index]!, 0) /
      (Math.hypot(...alone) * Math.hypot(...other));
    assert.ok(Math.abs(correlation) < 5 / Math.sqrt(alone.length), `correlation ${correlation}`);
  }
});

test("init-ab's A and B are not the same numbers", async () => {
  const { A, B } = await factors(adapterMethod('init-ab'), context({ out: 12, in: 12 }, new Float64Array(144)));
  const shared = new Set(A.to1DArray());
  assert.not.ok(B.to1DArray().some((value) => shared.has(value)));
});

for (const method of plain)
  test(`${method.name} takes ranks from 1 to min(out, in) and names the module for others`, async () => {
    for (const shape of shapes) {
      const weight = randomWeight(shape, 6);
      const limit = Math.min(shape.out, shape.in);
      const attempt = async (rank: number) =>
        method.initialise(
          context(shape, weight, { size: { rank, alpha: 1 }, scaling: 1, module: 'layers.7.mlp.up_proj' }),
        );
      for (const rank of [1, limit]) assert.is((await attempt(rank)).get('lora_B.weight')!.length, shape.out * rank);
      for (const rank of [0, -1, limit + 1, 1.5, Number.NaN])
        await attempt(rank).then(
          () => assert.unreachable(`rank ${rank} was taken`),
          (error: unknown) => {
            assert.instance(error, LambdamaxError);
            assert.match((error as LambdamaxError).message, '`rank` for layers.7.mlp.up_proj: expected a whole');
            assert.match((error as LambdamaxError).message, `1 to ${limit}, got ${rank}`);
          },
        );
    }
  });

test('a damaged weight is refused by the name of its module and its place', async () => {
  const shape = { out: 4, in: 5 };
  const damaged = randomWeight(shape, 7);
  damaged[7] = Number.NaN;
  for (const name of ['pissa', 'milora', 'olora']) {
    const { initialise } = adapterMethod(name);
    await throwsClearly(
      async () => initialise(context(shape, damaged, { module: 'layers.3.o_proj' })),
      /the weight of layers\.3\.o_proj: expected finite values, got NaN in row 1, column 2/,
    );
    await throwsClearly(
      async () => initialise(context(shape, damaged.subarray(1))),
      /expected 4 x 5 = 20 values, got 19/,
    );
  }
  assert.throws(() => residualWeight(damaged, shape, damaged.subarray(1)), /the update: expected 4 x 5 = 20 values/);
});

test('the methods are listed by name, and an unknown one is answered with the list', async () => {
  const names = adapterMethods.map((method) => method.name);
  assert.equal(names, [...names].sort());
  assert.is(new Set(names).size, names.length);
  for (const method of adapterMethods) assert.is(adapterMethod(method.name).name, method.name);
  for (const wrong of ['PiSSA', '', 'toString', 'lora '])
    assert.throws(
      () => adapterMethod(wrong),
      (error: unknown) =>
        error instanceof ArgumentError &&
        error.message === `method: expected one of ${names.join(', ')}, or ./FILE.ts, got ${wrong}`,
    );
});

test.run();
