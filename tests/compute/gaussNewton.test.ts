import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Batch,
  compile,
  gaussNewtonVector,
  jacobianVector,
  type LossOfOutputs,
  linearise,
  logSoftmax,
  onnxBackend,
  type Point,
  type Program,
  record,
  type Signature,
  simplify,
  type TracedLoss,
  trace,
} from '../../compute/index.ts';
import { dot } from '../../numerics/vectors.ts';
import { randomPoint, randomSteps } from '../cases/randomGraphs.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { throwsClearly } from '../oracles/throws.ts';

const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

/** The network outputs of a traced loss by themselves, as a function of the parameters. */
async function outputsOf({ signature, steps }: TracedLoss, batch: Batch) {
  const graph = simplify(record(signature, (tensors) => new Map([['outputs', steps!.outputs(tensors)]])));
  const executable = await onnxBackend.compile(graph, { precision: 'float64', threads: 1 });
  return {
    at: async (parameters: Float64Array) => {
      const views = signature.parameters.map(
        ({ name }, k) => [name, parameters.subarray(16 * k, 16 * (k + 1))] as const,
      );
      return (await executable.run(new Map([...Object.entries(batch), ...views]))).get('outputs')!;
    },
    [Symbol.asyncDispose]: () => executable.release(),
  };
}

for (const seed of seeds)
  test(`J v of a random graph is the limit of central differences of its outputs, seed ${seed}`, async () => {
    const traced = randomSteps(seed, 16);
    await using program = compile(traced, { precision: 'float64', threads: 1 });
    const { point, batch, direction } = randomPoint(seed);
    await using outputs = await outputsOf(traced, batch);
    const product = await program.jacobianVector(point, batch, direction);
    const at = (step: number) => outputs.at(point.parameters.map((value, k) => value + step * direction[k]!));
    const [after, before] = [await at(1e-5), await at(-1e-5)];
    const difference = Float64Array.from(after, (value, k) => (value - before[k]!) / 2e-5);
    const error = relativeError(product, difference);
    assert.ok(error < 1e-7, `${error} off`);
  });

for (const seed of seeds)
  test(`G of a random graph is J' H J, symmetric and positive semidefinite, seed ${seed}`, async () => {
    const traced = randomSteps(seed, 16);
    await using program = compile(traced, { precision: 'float64', threads: 1 });
    const { point, batch, direction: v, other: u } = randomPoint(seed);
    const gu = await program.gaussNewtonVector(point, batch, u);
    const gv = await program.gaussNewtonVector(point, batch, v);
    const size = Math.sqrt(dot(u, u) * dot(gv, gv));
    assert.ok(Math.abs(dot(u, gv) - dot(v, gu)) < 1e-12 * size, `${dot(u, gv)} against ${dot(v, gu)}`);
    assert.ok(dot(v, gv) > -1e-14 * size && dot(u, gu) > -1e-14 * size, 'a negative curvature');

    // The loss is log sum exp z, row by row: its Hessian is diag(p) - p p' in each row.
    await using outputs = await outputsOf(traced, batch);
    const z = await outputs.at(point.parameters);
    const [ju, jv] = [await program.jacobianVector(point, batch, u), await program.jacobianVector(point, batch, v)];
    let expected = 0;
    for (let row = 0; row < 4; row++) {
      const part = <T extends { slice(start: number, end: number): T }>(x: T) => x.slice(4 * row, 4 * row + 4);
      const exponentials = Float64Array.from(part(Float64Array.from(z)), Math.exp);
      const total = exponentials.reduce((sum, value) => sum + value);
      const p = exponentials.map((value) => value / total);
      const [a, b] = [part(Float64Array.from(ju)), part(Float64Array.from(jv))];
      expected +=
        dot(
          p,
          a.map((value, k) => value * b[k]!),
        ) -
        dot(p, a) * dot(p, b);
    }
    assert.ok(Math.abs(dot(u, gv) - expected) < 1e-12 * size, `${dot(u, gv)} is not ${expected}`);
  });

for (const seed of seeds)
  test(`linearised, G has the same products, value and gradient, seed ${seed}`, async () => {
    await using program: Program = compile(randomSteps(seed, 16), { precision: 'float64', threads: 1 });
    const { point, batch, direction } = randomPoint(seed);
    await using linearised = await linearise(program, point, batch, 'gaussNewton');
    const { value, gradient } = await program.gradient(point, batch);
    const product = await program.gaussNewtonVector(point, batch, direction);
    assert.ok(relativeError(await linearised.apply(direction), product) < 1e-12);
    assert.ok(relativeError([linearised.value], [value]) < 1e-14);
    assert.ok(relativeError(linearised.gradient, gradient) < 1e-12);
    assert.is(linearised.curvature, 'gaussNewton');
    await linearised.release();
    await throwsClearly(
      () => linearised.apply(direction),
      /^linearised Gauss-Newton matrix: expected to be used before/,
    );
  });

const signature: Signature = {
  parameters: [{ name: 'w', shape: [3] }],
  inputs: [{ name: 'y', shape: [3], dtype: 'float32' }],
  weights: [],
};
const point: Point = { parameters: Float64Array.of(0.3, -0.2, 0.5) };
const batch: Batch = { y: Float64Array.of(1, 2, 3) };
const direction = Float64Array.of(1, -1, 2);

/** A loss of w [3] and y [3] by way of outputs. */
function lossOf(outputs: (w: tf.Tensor) => tf.Tensor, loss: (z: tf.Tensor, y: tf.Tensor) => tf.Tensor): TracedLoss {
  const steps: LossOfOutputs = {
    outputs: ({ parameters }) => outputs(parameters.get('w')!),
    loss: (z, { inputs }) => loss(z, inputs.get('y')!),
  };
  return trace(signature, steps);
}

test('the products of a curve fit are those of its closed form', async () => {
  // z = exp(w), loss = sum (z - y)^2: J = diag(exp w), G = 2 diag(exp 2w), and H has the residuals besides.
  const traced = lossOf(
    (w) => tf.exp(w),
    (z, y) => tf.sum(tf.square(tf.sub(z, y))),
  );
  await using program = compile(traced, { precision: 'float64', threads: 1 });
  const w = Array.from(point.parameters);
  const tangent = w.map((value, k) => Math.exp(value) * direction[k]!);
  assert.ok(relativeError(await program.jacobianVector(point, batch, direction), tangent) < 1e-15);
  const curved = w.map((value, k) => 2 * Math.exp(value) * tangent[k]!);
  assert.ok(relativeError(await program.gaussNewtonVector(point, batch, direction), curved) < 1e-15);
  const bent = w.map((value, k) => curved[k]! + 2 * (Math.exp(value) - (k + 1)) * tangent[k]!);
  assert.ok(relativeError(await program.hessianVector(point, batch, direction), bent) < 1e-14);
});

test('with outputs that are linear in the parameters G is the Hessian; with a loss linear in them it is zero', async () => {
  await using linearModel = compile(
    lossOf(
      (w) => tf.mul(w, 3),
      (z, y) => tf.neg(tf.sum(tf.mul(logSoftmax(z), y))),
    ),
    { precision: 'float64', threads: 1 },
  );
  const product = await linearModel.hessianVector(point, batch, direction);
  assert.ok(relativeError(await linearModel.gaussNewtonVector(point, batch, direction), product) < 1e-14);

  await using linearLoss = compile(
    lossOf(
      (w) => tf.exp(w),
      (z, y) => tf.sum(tf.mul(z, y)),
    ),
    { precision: 'float64', threads: 1 },
  );
  assert.equal(Array.from(await linearLoss.gaussNewtonVector(point, batch, direction)), [0, 0, 0]);
  await using linearised = await linearLoss.linearise(point, batch, 'gaussNewton');
  assert.equal(Array.from(await linearised.apply(direction)), [0, 0, 0]);
  assert.ok((await linearLoss.hessianVector(point, batch, direction)).every((entry) => entry !== 0));
});

test('J and G of a loss that does not say what its outputs are, are refused', async () => {
  const plain = trace(signature, ({ parameters, inputs }) =>
    tf.sum(tf.square(tf.sub(parameters.get('w')!, inputs.get('y')!))),
  );
  const message =
    /^the traced loss: expected outputs, and a loss of them, .*got one function; trace\(signature, \{ outputs/;
  await throwsClearly(() => jacobianVector(plain), message);
  await throwsClearly(() => gaussNewtonVector(plain), message);
  await using program = compile(plain, { precision: 'float64', threads: 1 });
  await throwsClearly(() => program.jacobianVector(point, batch, direction), message);
  await throwsClearly(() => program.gaussNewtonVector(point, batch, direction), message);
  await throwsClearly(() => program.linearise(point, batch, 'gaussNewton'), message);
  assert.ok(Number.isFinite(await program.value(point, batch)), 'it works afterwards');
});

test('a derivative that is lost on either step is an error, never a zero', async () => {
  const cut = (x: tf.Tensor): tf.Tensor => {
    const { dataId, shape, dtype } = x;
    return tf.engine().makeTensorFromDataId(dataId, shape, dtype, tf.backend());
  };
  const inOutputs = lossOf(
    (w) => cut(tf.square(w)),
    (z) => tf.sum(z),
  );
  await throwsClearly(() => jacobianVector(inOutputs), /parameter w: expected a loss with a derivative/);
  const inLoss = lossOf(
    (w) => tf.square(w),
    (z) => tf.sum(tf.mul(z, cut(z))),
  );
  await throwsClearly(
    () => gaussNewtonVector(inLoss),
    /parameter the network outputs: expected operations with a second derivative/,
  );
});

test.run();
