import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withCorrectedGradients } from '../../compute/differentiate/gradients.ts';
import { nodesOf } from '../../compute/graph/node.ts';
import {
  compile,
  constant,
  type Graph,
  gradient,
  type LossFunction,
  onnxBackend,
  print,
  randomStream,
  record,
  type Signature,
  sizeOf,
  trace,
} from '../../compute/index.ts';
import { compositionOf } from '../../compute/trace/compositions.ts';
import { recordedKernels } from '../../compute/trace/kernels.ts';
import { relativeError } from '../oracles/relativeError.ts';

const roundingTolerance = 1e-14;

/** What TensorFlow.js code makes of x and y, in float64. */
async function valuesOf(
  f: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor,
  x: { readonly values: readonly number[]; readonly shape?: readonly number[] },
  y: typeof x = x,
): Promise<number[]> {
  const inputs = Object.entries({ x, y }).map(([name, { values, shape = [values.length] }]) => ({
    name,
    shape,
    dtype: 'float32' as const,
  }));
  const graph = record(
    { parameters: [], inputs, weights: [] },
    (tensors) => new Map([['result', f(tensors.inputs.get('x')!, tensors.inputs.get('y')!)]]),
  );
  const executable = await onnxBackend.compile(graph, { precision: 'float64', threads: 1 });
  const results = await executable.run(
    new Map([
      ['x', Float64Array.from(x.values)],
      ['y', Float64Array.from(y.values)],
    ]),
  );
  await executable.release();
  return Array.from(results.get('result')!);
}

/** The graph of what TensorFlow.js code makes of x [2, 3]. */
function recordOfMatrix(f: (x: tf.Tensor) => tf.Tensor): Graph {
  const inputs = [{ name: 'x', shape: [2, 3], dtype: 'float32' as const }];
  return record({ parameters: [], inputs, weights: [] }, (tensors) => new Map([['y', f(tensors.inputs.get('x')!)]]));
}

/** Gradient and Hessian row sums of a loss of w, in float64. */
async function derivativesAt(w: readonly number[], loss: (w: tf.Tensor) => tf.Tensor) {
  const signature: Signature = { parameters: [{ name: 'w', shape: [w.length] }], inputs: [], weights: [] };
  const wrapped: LossFunction = ({ parameters }) => loss(parameters.get('w')!);
  await using program = compile(trace(signature, wrapped), { precision: 'float64', threads: 1 });
  const point = { parameters: Float64Array.from(w) };
  return {
    gradient: Array.from((await program.gradient(point, {})).gradient),
    bend: Array.from(await program.hessianVector(point, {}, new Float64Array(w.length).fill(1))),
  };
}

// Numbers.

/** x and erf(x) of the C library. */
const erfValues: readonly (readonly [number, number])[] = [
  [1e-10, 1.1283791670955126e-10],
  [0.1, 0.1124629160182849],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [1.5, 0.9661051464753108],
  [2, 0.9953222650189527],
  [3, 0.9999779095030014],
  [4, 0.9999999845827421],
  [5.5, 0.9999999999999927],
  [6, 1],
  [1e3, 1],
  [Number.POSITIVE_INFINITY, 1],
];

test('erf in float64 is right to the last digits', async () => {
  const arguments_ = erfValues.flatMap(([x]) => [x, -x]);
  const expected = erfValues.flatMap(([, y]) => [y, -y]);
  const actual = await valuesOf((x) => tf.erf(x), { values: arguments_ });
  for (const [k, value] of actual.entries())
    assert.ok(relativeError([value], [expected[k]!]) < 1e-15, `erf(${arguments_[k]}) = ${value}`);
  assert.equal(await valuesOf((x) => tf.erf(x), { values: [0] }), [0]);
});

test('softplus neither overflows nor loses large values', async () => {
  const values = [-1e4, -40, 0, 40, 1e4];
  const expected = values.map((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
  const actual = await valuesOf((x) => tf.softplus(x), { values });
  for (const [k, value] of actual.entries()) assert.ok(Math.abs(value - expected[k]!) <= roundingTolerance);
});

/** The sum that an equation of einsum says, term by term. */
function sumOfProducts(equation: string, tensors: readonly { values: readonly number[]; shape: readonly number[] }[]) {
  const [left, result] = equation.split('->') as [string, string];
  const terms = left.split(',');
  const extents = new Map(
    terms.flatMap((term, k) => [...term].map((x, axis) => [x, tensors[k]!.shape[axis]!] as const)),
  );
  const letters = [...extents.keys()];
  const sums = new Array<number>(sizeOf([...result].map((letter) => extents.get(letter)!))).fill(0);
  for (let at = 0; at < sizeOf([...extents.values()]); at++) {
    let rest = at;
    const index = new Map(
      letters.map((letter) => {
        const extent = extents.get(letter)!;
        const value = rest % extent;
        rest = (rest - value) / extent;
        return [letter, value];
      }),
    );
    const offset = (term: string) => [...term].reduce((sum, x) => sum * extents.get(x)! + index.get(x)!, 0);
    sums[offset(result)]! += terms.reduce((product, term, k) => product * tensors[k]!.values[offset(term)]!, 1);
  }
  return sums;
}

const equations: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ['bqhd,bkhd->bhqk', [2, 3, 4, 5], [2, 6, 4, 5]],
  ['bhqk,bkhd->bqhd', [2, 4, 3, 6], [2, 6, 4, 5]],
  ['bqhd,khd->qbhk', [2, 3, 4, 5], [6, 4, 5]],
  ['ji,kj->ki', [3, 4], [5, 3]],
  ['bi,bj->bij', [2, 3], [2, 4]],
  ['i,j->ji', [3], [4]],
  ['ij,ij->', [3, 4], [3, 4]],
  // TensorFlow.js itself gets these two wrong: letters that one operand alone has, and the result lacks.
  ['ij,kl->', [2, 3], [4, 5]],
  ['ij,kj->k', [3, 4], [5, 4]],
];

for (const [equation, ...shapes] of equations)
  test(`einsum ${equation} is the sum that it says`, async () => {
    const { normal } = randomStream(1, equation);
    const [x, y] = shapes.map((shape) => ({ shape, values: Array.from({ length: sizeOf(shape) }, normal) }));
    const actual = await valuesOf((a, b) => tf.einsum(equation, a, b), x!, y!);
    assert.ok(relativeError(actual, sumOfProducts(equation, [x!, y!])) < roundingTolerance);
  });

test('einsum that does not fit is an error that says so', () =>
  assert.throws(
    () => recordOfMatrix((x) => tf.einsum('ij,jk->ik', x, x)),
    /Expected dimension 3 at axis 0 of input shaped \[2,3\]/,
  ));

test('attention by einsum is recorded as batched products, without a transpose that a product could do', () => {
  const shape = [2, 3, 4, 5];
  const inputs = ['q', 'k'].map((name) => ({ name, shape, dtype: 'float32' as const }));
  const graph = record({ parameters: [], inputs, weights: [] }, ({ inputs: tensors }) => {
    const scores = tf.einsum('bhqd,bhkd->bhqk', tensors.get('q')!, tensors.get('k')!);
    return new Map([['scores', scores]]);
  });
  assert.equal(
    nodesOf(graph).map(({ kernel }) => kernel),
    ['Placeholder', 'Placeholder', 'Reshape', 'Reshape', 'BatchMatMul', 'Reshape'],
  );
});

test('axes may be counted from the end', () => {
  const printed = (f: (x: tf.Tensor) => tf.Tensor) => print(recordOfMatrix(f));
  // TensorFlow.js's own cumsum knows no negative axis.
  assert.is(
    printed((x) => tf.cumsum(x, -1)),
    printed((x) => tf.cumsum(x, 1)),
  );
  assert.is(
    printed((x) => tf.reverse(x, -2)),
    printed((x) => tf.reverse(x, 0)),
  );
  assert.is(
    printed((x) => tf.max(x, -1)),
    printed((x) => tf.max(x, 1)),
  );
  assert.is(
    printed((x) => tf.gather(x, [1, 0], -1)),
    printed((x) => tf.gather(x, [1, 0], 1)),
  );
});

test('whole numbers and truth values are counted, chosen and averaged as TensorFlow.js does', async () => {
  const x = { values: [3.7, -2.2, 2, 0] };
  const whole = (f: (ids: tf.Tensor) => tf.Tensor) => valuesOf((y) => tf.cast(f(tf.cast(y, 'int32')), 'float32'), x);
  assert.equal(await whole((y) => y), [3, -2, 2, 0]);
  assert.equal(await whole((y) => tf.mean(y)), [0.75]);
  assert.equal(await whole((y) => tf.max(y)), [3]);
  assert.equal(await whole((y) => tf.cumsum(y, 0, true)), [0, 3, 1, 3]);
  assert.equal(await whole((y) => tf.round(y)), [3, -2, 2, 0]);
  assert.equal(await whole((y) => tf.clipByValue(y, 0, 2)), [2, 0, 2, 0]);
  assert.equal(await whole((y) => tf.prod(tf.slice(y, 0, 3))), [-12]);
  assert.equal(await whole((y) => tf.exp(tf.slice(y, 3, 1))), [1]);
  const truth = (f: (isPositive: tf.Tensor) => tf.Tensor) => whole((y) => f(tf.greater(y, 0)));
  assert.equal(await truth((y) => tf.sum(y)), [2]);
  assert.equal(await truth((y) => tf.reverse(y)), [0, 1, 0, 1]);
  assert.equal(await truth((y) => tf.where(y, tf.logicalNot(y), tf.reverse(y))), [0, 1, 0, 1]);
  assert.equal(await truth((y) => tf.logicalXor(y, tf.equal(y, tf.reverse(y)))), [1, 0, 1, 0]);
});

test('what is not a number stays one', async () => {
  for (const f of [tf.erf, tf.softplus, tf.relu, tf.abs, tf.sign, tf.elu, (x: tf.Tensor) => tf.max(x)])
    assert.ok(Number.isNaN((await valuesOf(f, { values: [Number.NaN] }))[0]));
});

test('every kernel that is recorded has a derivative, but for those without an input', () => {
  const without = withCorrectedGradients(() =>
    recordedKernels.filter((kernel) => compositionOf(kernel) === undefined && tf.getGradient(kernel) === undefined),
  );
  assert.equal(without, ['Fill', 'LinSpace', 'Range']);
});

// What a derivative is where there is none, or where it would go wrong.

test('entries that are equally large share the gradient of the largest', async () => {
  const { gradient: slope, bend } = await derivativesAt([3, 1, 3, 2], (w) => tf.max(w));
  assert.equal(slope, [0.5, 0, 0.5, 0]);
  assert.equal(bend, [0, 0, 0, 0]);
  assert.equal((await derivativesAt([3, 1, 3, 1], (w) => tf.min(w))).gradient, [0, 0.5, 0, 0.5]);
});

test('at a kink the derivative is the one from the left, and a bound of clipByValue passes it', async () => {
  const slopes = async (loss: (w: tf.Tensor) => tf.Tensor) =>
    (await derivativesAt([-1, 0, 1], (w) => tf.sum(loss(w)))).gradient;
  assert.equal(await slopes(tf.relu), [0, 0, 1]);
  assert.equal(await slopes(tf.abs), [-1, -1, 1]);
  assert.equal(await slopes((w) => tf.leakyRelu(w, 0.25)), [0.25, 0.25, 1]);
  assert.equal(await slopes((w) => tf.clipByValue(w, -1, 0)), [1, 1, 0]);
});

test('the cross-entropy of a sigmoid is smooth at 0, though made of pieces that are not', async () => {
  const { gradient: slope, bend } = await derivativesAt([0], (w) => tf.losses.sigmoidCrossEntropy([1], w));
  assert.equal(slope, [-0.5]);
  assert.equal(bend, [0.25]);
});

test('what changes in steps has the derivative zero', async () => {
  const stepwise: Record<string, (w: tf.Tensor) => tf.Tensor> = {
    greater: (w) => tf.cast(tf.greater(w, 0.5), 'float32'),
    equal: (w) => tf.cast(tf.equal(w, tf.max(w)), 'float32'),
    sign: tf.sign,
    floor: tf.floor,
    round: tf.round,
    step: (w) => tf.step(w),
    'a cast to whole numbers': (w) => tf.cast(tf.cast(tf.mul(w, 2.5), 'int32'), 'float32'),
    'a cast to truth values': (w) => tf.cast(tf.cast(w, 'bool'), 'float32'),
  };
  for (const [name, f] of Object.entries(stepwise)) {
    // d/dw of f(w) w^2 is 2 w f(w), its second derivative 2 f(w): f itself adds nothing.
    const values = await valuesOf(f, { values: [0.25, 2] });
    const { gradient: slope, bend } = await derivativesAt([0.25, 2], (w) => tf.sum(tf.mul(f(w), tf.square(w))));
    assert.equal(slope, [0.5 * values[0]!, 4 * values[1]!], name);
    assert.equal(bend, [2 * values[0]!, 2 * values[1]!], name);
  }
});

test('what a zero gradient would be multiplied with is not computed', () => {
  const matrix = { name: 'w', shape: [4, 4] };
  const loss: LossFunction = ({ parameters }) => {
    const w = parameters.get('w')!;
    const gate = tf.cast(tf.greater(tf.max(tf.cumsum(tf.matMul(w, w)), 0), 0.5), 'float32');
    return tf.sum(tf.mul(w, gate));
  };
  const graph = gradient(trace({ parameters: [matrix], inputs: [], weights: [] }, loss));
  assert.is(nodesOf(graph).filter(({ kernel }) => kernel === 'BatchMatMul').length, 1);
});

test('a product has right derivatives where factors are zero', async () => {
  // d/dw_k of prod w is the product of the others; the Hessian holds the products of all but two.
  const one = await derivativesAt([2, 0, 3], (w) => tf.prod(w));
  assert.equal(one, { gradient: [0, 6, 0], bend: [3, 5, 2] });
  const two = await derivativesAt([2, 0, 0], (w) => tf.prod(w));
  assert.equal(two, { gradient: [0, 0, 0], bend: [0, 2, 2] });
});

test('an exponential that overflows in the branch not taken does no harm', async () => {
  for (const f of [tf.elu, tf.selu])
    for (const values of Object.values(await derivativesAt([1e4], (w) => tf.sum(f(w)))))
      assert.ok(values.every(Number.isFinite));
});

test('a choice lets no infinity through from the branch not taken', async () => {
  const { gradient: slope } = await derivativesAt([0, 2], (w) =>
    tf.sum(tf.where(tf.greater(w, 0), tf.log(tf.maximum(w, 0.5)), w)),
  );
  assert.equal(slope, [1, 0.5]);
});

test("the gradient of cross-entropy needs no lambdamax, and the labels' is right too", async () => {
  const logits = [0.3, -1.2, 2];
  const sum = logits.reduce((total, z) => total + Math.exp(z), 0);
  const softmax = logits.map((z) => Math.exp(z) / sum);
  const byLogits = await derivativesAt(logits, (w) => tf.losses.softmaxCrossEntropy([0, 1, 0], w));
  assert.ok(relativeError(byLogits.gradient, [softmax[0]!, softmax[1]! - 1, softmax[2]!]) < roundingTolerance);
  const byLabels = await derivativesAt([0.2, 0.5, 0.3], (w) => tf.losses.softmaxCrossEntropy(w, constant(logits, [3])));
  assert.ok(
    relativeError(
      byLabels.gradient,
      softmax.map((p) => -Math.log(p)),
    ) < roundingTolerance,
  );
});

test('tf.logSoftmax is one kernel', () => {
  assert.equal(
    nodesOf(recordOfMatrix((x) => tf.logSoftmax(x))).map(({ kernel }) => kernel),
    ['Placeholder', 'LogSoftmax'],
  );
});

test.run();
