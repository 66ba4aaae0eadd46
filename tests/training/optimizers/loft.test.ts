import { inverse, Matrix } from 'ml-matrix';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { loft } from '../../../training/optimizers/loft.ts';
import { relativeError } from '../../oracles/relativeError.ts';

// A matrix of 5 x 7 as B A of rank 2, and a loss that is quadratic in it: half the squared distance to a target.
const [out, inputs, rank] = [5, 7, 2];
const specs = [
  { name: 'lora_A.weight', shape: [rank, inputs] },
  { name: 'lora_B.weight', shape: [out, rank] },
];

function random(name: string, rows: number, columns: number): Matrix {
  const stream = randomStream(11, name);
  return Matrix.from1DArray(
    rows,
    columns,
    Array.from({ length: rows * columns }, () => stream.normal()),
  );
}

const flat = (A: Matrix, B: Matrix) => Float64Array.from([...A.to1DArray(), ...B.to1DArray()]);
const factors = (point: Float64Array) => ({
  A: Matrix.from1DArray(rank, inputs, [...point.subarray(0, rank * inputs)]),
  B: Matrix.from1DArray(out, rank, [...point.subarray(rank * inputs)]),
});
const target = random('target', out, inputs);

function gradientAt(point: Float64Array): Float64Array {
  const { A, B } = factors(point);
  const full = Matrix.sub(B.mmul(A), target);
  return flat(B.transpose().mmul(full), full.mmul(A.transpose()));
}

/** The products B A after each of some steps. */
function products(start: Float64Array, steps: number): Float64Array[] {
  const optimizer = loft(specs);
  const point = start.slice();
  return Array.from({ length: steps }, () => {
    optimizer.step(point, gradientAt(point), 0.05);
    const { A, B } = factors(point);
    return Float64Array.from(B.mmul(A).to1DArray());
  });
}

test('the first step moves B alone, by the signs of the gradient that A lets through', () => {
  const [A, B] = [random('A', rank, inputs), random('B', out, rank)];
  const point = flat(A, B);
  loft(specs, { eps: 1e-12 }).step(point, gradientAt(point), 0.01);
  const S = inverse(Matrix.add(A.mmul(A.transpose()), Matrix.eye(rank).mul(1e-8)));
  const full = Matrix.sub(B.mmul(A), target);
  const signs = full
    .mmul(A.transpose())
    .mmul(S)
    .mmul(A)
    .apply(function (this: Matrix, i, j) {
      this.set(i, j, Math.sign(this.get(i, j)));
    });
  const expected = Matrix.sub(B, signs.mmul(A.transpose()).mmul(S).mul(0.01));
  const moved = factors(point);
  assert.equal(moved.A.to1DArray(), A.to1DArray());
  assert.ok(relativeError(moved.B.to1DArray(), expected.to1DArray()) < 1e-10);
});

test('factors are updated in turns', () => {
  const optimizer = loft(specs);
  const point = flat(random('A', rank, inputs), random('B', out, rank));
  for (const role of ['B', 'A', 'B', 'A'] as const) {
    const before = factors(point);
    optimizer.step(point, gradientAt(point), 0.01);
    const after = factors(point);
    for (const name of ['A', 'B'] as const)
      assert.is(relativeError(after[name].to1DArray(), before[name].to1DArray()) > 0, name === role, name);
  }
});

test('the product of the factors goes the same way however they are rotated', () => {
  const [A, B] = [random('A', rank, inputs), random('B', out, rank)];
  const [cosine, sine] = [Math.cos(0.7), Math.sin(0.7)];
  const turn = new Matrix([
    [cosine, -sine],
    [sine, cosine],
  ]);
  const plain = products(flat(A, B), 12);
  const turned = products(flat(turn.transpose().mmul(A), B.mmul(turn)), 12);
  for (const [step, product] of plain.entries()) {
    const error = relativeError(turned[step]!, product);
    assert.ok(error < 1e-9, `step ${step + 1}: ${error} off`);
  }
});

test('other tensors take the steps of adamw, with the decay of LoFT', () => {
  const optimizer = loft([...specs, { name: 'bias', shape: [2] }], { eps: 1e-8, weightDecay: 0.1 });
  const point = Float64Array.of(...flat(random('A', rank, inputs), random('B', out, rank)), 2, -3);
  optimizer.step(
    point,
    Float64Array.from(point, () => 0.5),
    0.01,
  );
  assert.ok(relativeError(point.subarray(-2), [2 * 0.9 - 0.01, -3 * 0.9 - 0.01]) < 1e-7);
});

test.run();
