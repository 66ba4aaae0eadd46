import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Batch, compile, linearise, type Point, type Program, trace } from '../../compute/index.ts';
import { recompute } from '../../compute/linearise.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { throwsClearly } from '../oracles/throws.ts';

/** sum_t (tanh(table[ids_t] . w) - y_t)^2, with a frozen table that a point may replace. */
function program(precision: 'float32' | 'float64' = 'float64'): Program {
  const traced = trace(
    {
      parameters: [{ name: 'w', shape: [3, 1] }],
      inputs: [
        { name: 'ids', shape: [4], dtype: 'int32' },
        { name: 'y', shape: [4, 1], dtype: 'float32' },
      ],
      weights: [{ name: 'table', shape: [5, 3] }],
    },
    ({ parameters, inputs, weights }) => {
      const x = tf.gather(weights.get('table')!, inputs.get('ids') as tf.Tensor1D);
      const predicted = tf.tanh(tf.matMul(x, parameters.get('w') as tf.Tensor2D));
      return tf.sum(tf.square(tf.sub(predicted, inputs.get('y')!)));
    },
  );
  return compile(traced, { precision, replaceable: ['table'], threads: 1 });
}

const weights = new Map([['table', Float64Array.from({ length: 15 }, (_, k) => Math.sin(k))]]);
const point: Point = { parameters: Float64Array.of(0.1, -0.2, 0.3), weights };
const batch: Batch = { ids: Int32Array.of(0, 4, 2, 2), y: Float64Array.of(0.5, -0.5, 0.25, 1) };
const direction = Float64Array.of(1, 2, -1);

// What it takes.

interface Mistake {
  readonly what: string;
  readonly at?: Partial<Point>;
  readonly on?: Partial<Batch>;
  readonly message: RegExp;
}

const mistakes: readonly Mistake[] = [
  {
    what: 'too few parameters',
    at: { parameters: new Float64Array(2) },
    message: /^parameters: expected 3 values, got 2$/,
  },
  {
    what: 'parameters in another precision',
    at: { parameters: new Float32Array(3) },
    message: /^parameters: expected values in float64, got Float32Array$/,
  },
  { what: 'a missing weight', at: { weights: new Map() }, message: /^input table: expected a value for it$/ },
  {
    what: 'a weight of another length',
    at: { weights: new Map([['table', new Float64Array(14)]]) },
    message: /^input table: expected 15 values for shape \[5,3\], got 14$/,
  },
  {
    what: 'a weight in another precision',
    at: { weights: new Map([['table', new Float32Array(15)]]) },
    message: /^input table: expected Float64Array, got Float32Array$/,
  },
  {
    what: 'a weight that was not compiled as replaceable',
    at: { weights: new Map([...weights, ['bias', new Float64Array(1)]]) },
    message: /^weight bias of the point: expected a weight that was compiled as replaceable, got \["table"\]$/,
  },
  {
    what: 'an input under another name',
    on: { ids: undefined as never, indices: new Int32Array(4) },
    message: /^batch input ids: expected a value for it$/,
  },
  {
    what: 'an input of another length',
    on: { y: new Float64Array(3) },
    message: /^input y: expected 4 values for shape \[4,1\], got 3$/,
  },
  {
    what: 'fractions for whole numbers',
    on: { ids: new Float64Array(4) },
    message: /^input ids: expected Int32Array, got Float64Array$/,
  },
  {
    what: 'an index outside its table',
    on: { ids: Int32Array.of(0, 1, 2, 5) },
    message: /^compiled graph: expected .*indices within their table, got .*5/,
  },
];

for (const { what, at, on, message } of mistakes)
  test(`refused: ${what}`, async () => {
    await using compiled = program();
    const run = () => [{ ...point, ...at }, { ...batch, ...on } as Batch] as const;
    await throwsClearly(() => compiled.value(...run()), message);
    await throwsClearly(() => compiled.gradient(...run()), message);
    await throwsClearly(() => compiled.hessianVector(...run(), direction), message);
    await throwsClearly(() => linearise(compiled, ...run()), message);
    assert.ok(Number.isFinite(await compiled.value(point, batch)), 'it works afterwards');
  });

test('a direction of another length or precision is refused', async () => {
  await using compiled = program();
  await using linearised = await linearise(compiled, point, batch);
  for (const apply of [
    (v: Float32Array | Float64Array) => compiled.hessianVector(point, batch, v),
    (v: Float32Array | Float64Array) => linearised.apply(v),
  ]) {
    await throwsClearly(() => apply(new Float64Array(4)), /^direction: expected 3 values, got 4$/);
    await throwsClearly(() => apply(new Float32Array(3)), /^direction: expected values in float64, got Float32Array$/);
  }
});

test('fractions of a batch may come in either precision', async () => {
  await using compiled = program();
  const single = { ...batch, y: Float32Array.from(batch.y!) };
  assert.is(await compiled.value(point, single), await compiled.value(point, batch));
});

test('parameters may have the names that a compiler would like to have for itself', async () => {
  const names = ['n0', 'n1', 't0', 't1', 'c0', 'c1', 'value', 'kept 3', 'out: value', 'weight n0'];
  const traced = trace(
    { parameters: names.map((name) => ({ name, shape: [2] })), inputs: [], weights: [] },
    ({ parameters }) => tf.exp(tf.mean(tf.concat([...parameters.values()]))),
  );
  await using compiled = compile(traced, { precision: 'float64' });
  const parameters = Float64Array.from({ length: compiled.size }, (_, k) => k / 10);
  await using linearised = await linearise(compiled, { parameters }, {});
  const mean = parameters.reduce((sum, value) => sum + value, 0) / compiled.size;
  assert.ok(relativeError([linearised.value], [Math.exp(mean)]) < 1e-14);
  // The Hessian of exp(mean) is exp(mean) 1 1' / n^2.
  const product = await linearised.apply(new Float64Array(compiled.size).fill(1));
  assert.ok(
    relativeError(
      product,
      parameters.map(() => Math.exp(mean) / compiled.size),
    ) < 1e-14,
  );
});

// What comes back.

test('NaN and infinity are values, not errors', async () => {
  await using compiled = program();
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const on = { ...batch, y: Float64Array.of(value, 0, 0, 0) };
    assert.not(Number.isFinite(await compiled.value(point, on)));
    assert.not(Number.isFinite((await compiled.gradient(point, on)).value));
    const product = await compiled.hessianVector(point, on, direction);
    assert.ok(product.some((entry) => !Number.isFinite(entry)));
  }
  const broken = { ...point, parameters: Float64Array.of(Number.NaN, 0, 0) };
  await using linearised = await linearise(compiled, broken, batch);
  assert.ok(Number.isNaN(linearised.value));
  assert.ok((await linearised.apply(direction)).every(Number.isNaN));
});

test('what came back is its own memory: later runs and the caller change nothing', async () => {
  // y a^2 b: the product takes y, a and b as they are, and the caller trains them in place.
  const traced = trace(
    {
      parameters: ['a', 'b'].map((name) => ({ name, shape: [] })),
      inputs: [{ name: 'y', shape: [], dtype: 'float32' }],
      weights: [],
    },
    ({ parameters, inputs }) => tf.mul(tf.mul(inputs.get('y')!, tf.square(parameters.get('a')!)), parameters.get('b')!),
  );
  await using compiled = compile(traced, { precision: 'float64' });
  const [parameters, y] = [Float64Array.of(2, 3), Float64Array.of(5)];
  await using linearised = await linearise(compiled, { parameters }, { y });
  const { gradient } = await compiled.gradient({ parameters }, { y });
  const first = await linearised.apply(Float64Array.of(1, 1));
  parameters.fill(7);
  y.fill(7);
  const second = await linearised.apply(Float64Array.of(1, 1));
  await compiled.gradient({ parameters }, { y });
  // H = y [2b 2a; 2a 0] at a = 2, b = 3, y = 5.
  for (const product of [first, second]) assert.equal(Array.from(product), [50, 20]);
  for (const values of [gradient, linearised.gradient]) assert.equal(Array.from(values), [60, 20]);
});

test('products may run at the same time', async () => {
  await using compiled = program();
  await using linearised = await linearise(compiled, point, batch);
  const directions = Array.from({ length: 20 }, (_, k) => Float64Array.of(k, 1, -k));
  const together = await Promise.all(directions.map((v) => linearised.apply(v)));
  for (const [k, v] of directions.entries()) assert.equal(together[k], await linearised.apply(v));
});

test('applyAll gives the products of all directions, in their order', async () => {
  await using compiled = program();
  const directions = Array.from({ length: 3 }, (_, k) => Float64Array.of(k, 1, -k));
  for (const prepare of [linearise, recompute]) {
    await using linearised = await prepare(compiled, point, batch);
    const products = await linearised.applyAll(directions);
    assert.is(products.length, 3);
    for (const [k, v] of directions.entries()) assert.equal(products[k], await linearised.apply(v));
    assert.equal(await linearised.applyAll([]), []);
    const short = new Float64Array(2);
    await throwsClearly(() => linearised.applyAll([...directions, short]), /^direction: expected 3 values, got 2$/);
  }
});

// How long it lasts.

test('releasing twice is harmless, and what is released is not used again', async () => {
  const compiled = program();
  const linearised = await linearise(compiled, point, batch);
  await linearised.apply(direction);
  await linearised.release();
  await linearised.release();
  await throwsClearly(
    () => linearised.apply(direction),
    /^linearised Hessian: expected to be used before it is released$/,
  );
  assert.ok(Number.isFinite(await compiled.value(point, batch)), 'the program lives on');

  const other = await linearise(compiled, point, batch);
  await compiled.release();
  await compiled.release();
  await throwsClearly(() => compiled.value(point, batch), /^program: expected to be used before it is released$/);
  await throwsClearly(() => linearise(compiled, point, batch), /^program: expected to be used before/);
  await throwsClearly(() => other.apply(direction), /^program: expected to be used before it is released$/);
});

test('thousands of products need no more memory than the first ones, and no tensors of TensorFlow.js', async () => {
  const size = 1000;
  const traced = trace({ parameters: [{ name: 'w', shape: [size] }], inputs: [], weights: [] }, ({ parameters }) =>
    tf.sum(tf.square(tf.sin(parameters.get('w')!))),
  );
  await using compiled = compile(traced, { precision: 'float64', threads: 1 });
  const { numTensors } = tf.memory();
  await using linearised = await linearise(compiled, { parameters: new Float64Array(size).fill(0.5) }, {});
  const v = new Float64Array(size).fill(1);
  const growths: number[] = [];
  for (let window = 0; window < 5; window++) {
    const before = process.memoryUsage().rss;
    for (let k = 0; k < 2000; k++) await linearised.apply(v);
    growths.push(process.memoryUsage().rss - before);
  }
  // One vector left behind by each product would be 16 MB in every window; the garbage collector rests in some.
  assert.ok(Math.min(...growths) < 4e6, `bytes more: ${growths}`);
  assert.is(tf.memory().numTensors, numTensors);
});

test.run();
