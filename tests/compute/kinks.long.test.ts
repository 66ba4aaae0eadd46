import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile, trace } from '../../compute/index.ts';

/** A function of one scalar or two, and where it has a kink, an end of its domain, a tie, or overflows on the way. */
interface Kink {
  readonly f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
  readonly at: readonly (readonly [number, number?])[];
  /** Points at which the second derivative is infinite or does not exist either. */
  readonly steepAt?: readonly (readonly [number, number?])[];
  /** First derivatives by point, where TensorFlow.js has none or a wrong one. */
  readonly right?: Readonly<Record<string, readonly number[]>>;
}

const kinks: Readonly<Record<string, Kink>> = {
  relu: { f: (a) => tf.relu(a), at: [[0], [-0], [1], [-1]] },
  relu6: { f: (a) => tf.relu6(a), at: [[0], [6], [3], [-1], [7]] },
  leakyRelu: { f: (a) => tf.leakyRelu(a, 0.2), at: [[0], [1], [-1]] },
  elu: { f: (a) => tf.elu(a), at: [[0], [200], [-200]] },
  selu: { f: (a) => tf.selu(a), at: [[0], [200], [-200]] },
  prelu: {
    f: (a, b) => tf.prelu(a, b),
    at: [
      [0, 0.5],
      [1, 0.5],
      [-1, 0.5],
    ],
  },
  abs: { f: (a) => tf.abs(a), at: [[0], [1], [-1]] },
  'abs of a difference': {
    f: (a, b) => tf.abs(tf.sub(a, b)),
    at: [
      [1, 1],
      [2, 1],
    ],
  },
  sign: { f: (a) => tf.sign(a), at: [[0], [1], [-1]] },
  step: { f: (a) => tf.step(a, 0.3), at: [[0], [1], [-1]] },
  floor: { f: (a) => tf.floor(a), at: [[0], [0.5], [-0.5], [1]] },
  ceil: { f: (a) => tf.ceil(a), at: [[0], [0.5], [1]] },
  round: { f: (a) => tf.round(a), at: [[0.5], [1.5], [2.5], [-0.5]] },
  mod: {
    f: (a, b) => tf.mod(a, b),
    at: [
      [3, 2],
      [4, 2],
      [-3, 2],
      [0, 2],
      [-4, -2],
    ],
  },
  sqrt: { f: (a) => tf.sqrt(a), at: [[1]], steepAt: [[0], [-1]] },
  rsqrt: { f: (a) => tf.rsqrt(a), at: [[1]], steepAt: [[0], [-1]] },
  log: { f: (a) => tf.log(a), at: [[1]], steepAt: [[0]] },
  log1p: { f: (a) => tf.log1p(a), at: [[0]], steepAt: [[-1]] },
  expm1: { f: (a) => tf.expm1(a), at: [[0], [-200]] },
  reciprocal: { f: (a) => tf.reciprocal(a), at: [[2]], steepAt: [[0]] },
  div: {
    f: (a, b) => tf.div(a, b),
    at: [
      [0, 1],
      [1, 2],
    ],
    steepAt: [
      [1, 0],
      [0, 0],
    ],
  },
  softplus: { f: (a) => tf.softplus(a), at: [[0], [200], [-200]] },
  logSigmoid: { f: (a) => tf.logSigmoid(a), at: [[0], [200], [-200]] },
  sigmoid: { f: (a) => tf.sigmoid(a), at: [[0], [200], [-200]] },
  tanh: { f: (a) => tf.tanh(a), at: [[0], [200], [-200]] },
  erf: { f: (a) => tf.erf(a), at: [[0], [10], [-10]] },
  clipByValue: { f: (a) => tf.clipByValue(a, -1, 2), at: [[-1], [2], [-2], [3], [0]] },
  maximum: {
    f: (a, b) => tf.maximum(a, b),
    at: [
      [1, 1],
      [0, 0],
      [1, 2],
    ],
  },
  minimum: {
    f: (a, b) => tf.minimum(a, b),
    at: [
      [1, 1],
      [0, 0],
      [2, 1],
    ],
  },
  // TensorFlow.js gives the whole gradient to each of those that are equally large: twice what there is.
  max: {
    f: (a, b) => tf.max(tf.stack([a, b])),
    at: [
      [1, 1],
      [2, 1],
    ],
    right: { '1,1': [0.5, 0.5] },
  },
  min: {
    f: (a, b) => tf.min(tf.stack([a, b])),
    at: [
      [1, 1],
      [2, 1],
    ],
    right: { '1,1': [0.5, 0.5] },
  },
  pow: {
    f: (a, b) => tf.pow(a, b),
    at: [
      [0, 1],
      [0, 2],
      [0, 3],
      [-1, 2],
      [-2, 3],
      [2, 0],
      [-1, 0],
      [1, 1],
      [0, 0],
    ],
    steepAt: [
      [0, 0.5],
      [0, -1],
      [-1, 0.5],
    ],
    // a^0 is 1 for every a; TensorFlow.js multiplies zero with infinity.
    right: { '0,0': [0, 0] },
  },
  'a square': { f: (a) => tf.pow(a, 2), at: [[0], [-1]] },
  'a cube': { f: (a) => tf.pow(a, 3), at: [[0], [-2]] },
  'a power of zero': { f: (a) => tf.add(tf.pow(a, 0), tf.square(a)), at: [[0], [-1]], right: { '0': [0] } },
  prod: {
    f: (a, b) => tf.prod(tf.stack([a, b])),
    at: [
      [0, 0],
      [0, 2],
      [1, 2],
    ],
  },
  cumsum: {
    f: (a, b) => tf.sum(tf.cumsum(tf.stack([a, b]))),
    at: [
      [0, 0],
      [1, 2],
    ],
  },
  squaredDifference: { f: (a, b) => tf.squaredDifference(a, b), at: [[1, 1]] },
  'where, decided elsewhere': {
    f: (a, b) => tf.where(tf.tensor1d([true, false], 'bool'), tf.stack([a, tf.sqrt(a)]), tf.stack([b, tf.square(b)])),
    at: [
      [1, 2],
      [4, 0],
    ],
  },
  // TensorFlow.js has no gradient for comparisons.
  'where, decided by the values': {
    f: (a, b) => tf.where(tf.greater(a, b), a, b),
    at: [
      [1, 1],
      [2, 1],
    ],
    right: { '1,1': [0, 1], '2,1': [1, 0] },
  },
  'where, with the root of a safe value': {
    f: (a) => tf.where(tf.greater(a, 0), tf.sqrt(tf.where(tf.greater(a, 0), a, 1)), 0),
    at: [[0], [-1], [4]],
    right: { '0': [0], '-1': [0], '4': [0.25] },
  },
  'norm at zero of one entry': { f: (a) => tf.norm(a, 1), at: [[0], [1]] },
  logSumExp: {
    f: (a, b) => tf.logSumExp(tf.stack([a, b])),
    at: [
      [0, 0],
      [500, 0],
      [1, Number.NEGATIVE_INFINITY],
    ],
  },
  softmax: {
    f: (a, b) => tf.sum(tf.mul(tf.softmax(tf.stack([a, b])), tf.tensor1d([1, 0]))),
    at: [
      [0, 0],
      [500, 0],
      [1, Number.NEGATIVE_INFINITY],
    ],
  },
  logSoftmax: {
    f: (a, b) => tf.sum(tf.mul(tf.logSoftmax(tf.stack([a, b])), tf.tensor1d([1, 0]))),
    at: [
      [0, 0],
      [500, 0],
    ],
  },
  'the hinge loss': { f: (a) => tf.losses.hingeLoss(tf.scalar(1), a) as tf.Tensor, at: [[1], [0], [2]] },
  'the Huber loss': { f: (a) => tf.losses.huberLoss(tf.scalar(0), a) as tf.Tensor, at: [[1], [-1], [0]] },
  'the sigmoid cross-entropy': {
    f: (a) => tf.losses.sigmoidCrossEntropy(tf.scalar(1), a) as tf.Tensor,
    at: [[0], [200], [-200]],
  },
};

/** Both compute in float32, by other formulas. */
const tolerance = 2e-6;

function isClose(ours: number, theirs: number): boolean {
  return Object.is(ours, theirs) || ours === theirs || Math.abs(ours - theirs) <= tolerance * (1 + Math.abs(theirs));
}

/** f at the point, or NaN where TensorFlow.js has no gradient. */
function inTensorflow({ f }: Kink, point: readonly number[]): { value: number; gradient: readonly number[] } {
  const xs = point.map((entry) => tf.scalar(entry));
  const loss = (...[a, b]: tf.Tensor[]) => tf.sum(f(a!, b ?? a!)) as tf.Scalar;
  return tf.tidy(() => {
    try {
      const { value, grads } = tf.valueAndGrads(loss)(xs);
      return { value: value.dataSync()[0]!, gradient: grads.map((grad) => grad.dataSync()[0]!) };
    } catch {
      return { value: loss(...xs).dataSync()[0]!, gradient: point.map(() => Number.NaN) };
    }
  });
}

for (const [name, kink] of Object.entries(kinks))
  test(`${name} has TensorFlow.js's values and derivatives at its kinks, and finite second ones`, async () => {
    const both = kink.at[0]!.length === 2;
    const parameters = (both ? ['a', 'b'] : ['a']).map((parameter) => ({ name: parameter, shape: [] }));
    const traced = trace({ parameters, inputs: [], weights: [] }, ({ parameters: given }) =>
      tf.sum(kink.f(given.get('a')!, given.get(both ? 'b' : 'a')!)),
    );
    await using program = compile(traced, { threads: 1 });
    for (const at of [...kink.at, ...(kink.steepAt ?? [])]) {
      const point = at as readonly number[];
      const theirs = inTensorflow(kink, point);
      const right = kink.right?.[point.join()] ?? theirs.gradient;
      const vector = { parameters: Float32Array.from(point) };
      const { value, gradient } = await program.gradient(vector, {});
      assert.ok(isClose(value, theirs.value), `value at ${point}: ${value}, TensorFlow.js ${theirs.value}`);
      for (const [index, entry] of gradient.entries())
        assert.ok(isClose(entry, right[index]!), `derivatives at ${point}: ${gradient}, not ${right}`);
      if (kink.at.includes(at)) {
        const product = await program.hessianVector(vector, {}, new Float32Array(point.length).fill(1));
        assert.ok(product.every(Number.isFinite), `second derivatives at ${point}: ${product}`);
      }
    }
  });

test('second derivatives of a power are those of the polynomial where the base is zero', async () => {
  const signature = {
    parameters: [
      { name: 'a', shape: [] },
      { name: 'b', shape: [] },
    ],
    inputs: [],
    weights: [],
  };
  const traced = trace(signature, ({ parameters }) => tf.pow(parameters.get('a')!, parameters.get('b')!));
  await using program = compile(traced, { precision: 'float64', threads: 1 });
  for (const [exponent, second] of [
    [1, 0],
    [2, 2],
    [3, 0],
    [4, 0],
  ] as const) {
    const [alongBase] = await program.hessianVector(
      { parameters: Float64Array.of(0, exponent) },
      {},
      Float64Array.of(1, 0),
    );
    assert.is(alongBase, second, `the second derivative of a^${exponent}`);
  }
});

test.before(async () => {
  await tf.setBackend('cpu');
});

test.run();
