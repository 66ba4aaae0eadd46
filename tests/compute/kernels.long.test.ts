import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodesOfKernel } from '../../compute/graph/node.ts';
import { compile, linearise, type Program, type TracedLoss, viewTensors } from '../../compute/index.ts';
import { dot } from '../../numerics/vectors.ts';
import { compositions } from '../cases/compositions.ts';
import { kernels, lossOf, operationNames, randomLoss, randomPoint } from '../cases/randomGraphs.ts';
import { relativeError } from '../oracles/relativeError.ts';

/** Truncation of about h^2 and rounding of about 1e-16/h, both 1e-10: errors of 1e-7 have another cause. */
const step = 1e-5;
const differenceTolerance = 1e-7;
const symmetryTolerance = 1e-10;
const roundingTolerance = 1e-12;
const float32Tolerance = 1e-4;
/** TensorFlow.js computes in float32: a few dozen operations, each 6e-8 off. */
const eagerTolerance = 1e-5;

/** (f(p + h d) - f(p - h d)) / 2h */
async function centralDifference(
  f: (parameters: Float64Array) => Promise<ArrayLike<number>>,
  parameters: Float64Array,
  direction: Float64Array,
): Promise<Float64Array> {
  const at = (h: number) => f(parameters.map((value, k) => value + h * direction[k]!));
  const [after, before] = [await at(step), await at(-step)];
  return Float64Array.from(after, (value, k) => (value - before[k]!) / (2 * step));
}

function assertBelow(error: number, tolerance: number, subject: string): void {
  assert.ok(error < tolerance, `${subject}: ${error} off, allowed ${tolerance}`);
}

/** Every product of the loss against differences of the one below it, against its transpose, and against float32. */
async function assertDerivatives(traced: TracedLoss, seed: number): Promise<void> {
  await using program: Program = compile(traced, { precision: 'float64', threads: 1 });
  await using single: Program = compile(traced, { precision: 'float32', threads: 1 });
  const { point, batch, direction, other } = randomPoint(seed);

  const { value, gradient } = await program.gradient(point, batch);
  assert.is(value, await program.value(point, batch));
  const slope = await centralDifference(
    async (parameters) => [await program.value({ parameters }, batch)],
    point.parameters,
    direction,
  );
  assertBelow(relativeError([dot(gradient, direction)], slope), differenceTolerance, 'gradient');

  const product = await program.hessianVector(point, batch, direction);
  const bend = await centralDifference(
    async (parameters) => (await program.gradient({ parameters }, batch)).gradient,
    point.parameters,
    direction,
  );
  assertBelow(relativeError(product, bend), differenceTolerance, 'hessianVector');

  const [uHv, vHu] = [dot(other, product), dot(direction, await program.hessianVector(point, batch, other))];
  assertBelow(
    Math.abs(uHv - vHu) / Math.sqrt(dot(other, other) * dot(product, product)),
    symmetryTolerance,
    'symmetry',
  );

  await using linearised = await linearise(program, point, batch);
  assertBelow(relativeError(await linearised.apply(direction), product), roundingTolerance, 'linearise');
  assertBelow(relativeError(linearised.gradient, gradient), roundingTolerance, "linearise's gradient");

  const singlePoint = { parameters: Float32Array.from(point.parameters) };
  const inSingle = await single.hessianVector(singlePoint, batch, Float32Array.from(direction));
  assertBelow(relativeError(inSingle, product), float32Tolerance, 'float32');
}

for (const kernel of kernels)
  test(`${kernel} has right first and second derivatives`, async () => {
    const losses = [1, 2].map((seed) => lossOf([kernel, kernel], seed));
    assert.ok(
      losses.some(({ graph }) => nodesOfKernel(graph, kernel).length > 0),
      'it is in no graph',
    );
    for (const [k, loss] of losses.entries()) await assertDerivatives(loss, k + 1);
  });

for (const name of Object.keys(compositions) as (keyof typeof compositions)[])
  test(`${name}, recorded as its parts, has right first and second derivatives`, async () => {
    for (const seed of [1, 2, 3]) await assertDerivatives(lossOf([name, name], seed), seed);
  });

for (const name of operationNames.filter((name) => name !== 'LogSoftmax'))
  test(`${name} computes what TensorFlow.js itself does`, async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const { signature, loss } = lossOf([name, name], seed);
      const { point, batch } = randomPoint(seed);
      await using program = compile(lossOf([name, name], seed), { precision: 'float64', threads: 1 });
      const value = await program.value(point, batch);
      const eager = tf.tidy(() => {
        const values = viewTensors(point.parameters, signature.parameters);
        const parameters = new Map(
          [...values].map(([name, view]) => [name, tf.tensor(Float32Array.from(view), [4, 4])]),
        );
        const inputs = new Map<string, tf.Tensor>([
          ['x', tf.tensor(Float32Array.from(batch.x), [4, 4])],
          ['ids', tf.tensor(batch.ids, [4], 'int32')],
        ]);
        return loss({ parameters, inputs, weights: new Map() }).dataSync()[0]!;
      });
      assertBelow(relativeError([value], [eager]), eagerTolerance, `seed ${seed}`);
    }
  });

for (let seed = 1; seed <= 8; seed++)
  test(`a random mixture of kernels has right first and second derivatives, seed ${seed}`, () =>
    assertDerivatives(randomLoss(seed, 20), seed));

test.before(async () => {
  await tf.setBackend('cpu');
});

test.run();
