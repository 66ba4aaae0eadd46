import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodesOf } from '../../compute/graph/node.ts';
import {
  compile,
  gradient,
  hessianVector,
  type LossOfOutputs,
  linearCrossEntropy,
  logSoftmax,
  randomStream,
  type Signature,
  sizeOf,
  trace,
} from '../../compute/index.ts';
import { positionLosses } from '../../training/models/causalLoss.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { throwsClearly } from '../oracles/throws.ts';

const [positions, hidden, vocabulary] = [7, 3, 11];
const signature = (matrixIsTrained: boolean): Signature => {
  const matrix = { name: 'matrix', shape: [vocabulary, hidden] };
  return {
    parameters: [{ name: 'w', shape: [hidden, hidden] }, ...(matrixIsTrained ? [matrix] : [])],
    inputs: [
      { name: 'x', shape: [positions, hidden], dtype: 'float32' },
      { name: 'targets', shape: [positions], dtype: 'int32' },
      { name: 'lossWeights', shape: [positions], dtype: 'float32' },
      ...(matrixIsTrained ? [] : [{ ...matrix, dtype: 'float32' } as const]),
    ],
    weights: [],
  };
};

type Losses = (hidden: tf.Tensor2D, matrix: tf.Tensor2D, targets: tf.Tensor) => tf.Tensor;
const byLogSoftmax: Losses = (h, matrix, targets) => {
  const logits = tf.matMul(h, matrix, false, true);
  return tf.neg(tf.sum(tf.mul(logSoftmax(logits), tf.oneHot(targets as tf.Tensor1D, vocabulary)), -1));
};

/** The weighted sum of losses of tanh(x w), with the output matrix among the parameters or in the batch. */
function programOf(losses: Losses, matrixIsTrained: boolean) {
  const outputs: LossOfOutputs['outputs'] = ({ parameters, inputs }) =>
    tf.tanh(tf.matMul(inputs.get('x') as tf.Tensor2D, parameters.get('w') as tf.Tensor2D));
  const weighted = (z: tf.Tensor, matrix: tf.Tensor, inputs: ReadonlyMap<string, tf.Tensor>) =>
    tf.sum(tf.mul(losses(z as tf.Tensor2D, matrix as tf.Tensor2D, inputs.get('targets')!), inputs.get('lossWeights')!));
  const traced = matrixIsTrained
    ? trace(signature(true), (tensors) => weighted(outputs(tensors), tensors.parameters.get('matrix')!, tensors.inputs))
    : trace(signature(false), { outputs, loss: (z, { inputs }) => weighted(z, inputs.get('matrix')!, inputs) });
  return compile(traced, { precision: 'float64', threads: 1 });
}

function drawn(matrixIsTrained: boolean, scale = 1) {
  const random = randomStream(3, 'cross-entropy');
  const draw = (length: number, factor = 1) => Float64Array.from({ length }, () => factor * random.normal());
  const size = hidden * hidden + (matrixIsTrained ? vocabulary * hidden : 0);
  return {
    point: { parameters: draw(size) },
    batch: {
      x: draw(positions * hidden),
      targets: Int32Array.from({ length: positions }, () => random.integer(vocabulary)),
      lossWeights: draw(positions),
      matrix: draw(vocabulary * hidden, scale),
    },
    direction: draw(size),
  };
}

for (const matrixIsTrained of [false, true])
  for (const chunk of [1, 3, positions, 100])
    test(`in chunks of ${chunk} it is the cross-entropy of whole logits, and so are its derivatives${matrixIsTrained ? ', the matrix trained' : ''}`, async () => {
      const { point, batch, direction } = drawn(matrixIsTrained);
      await using whole = programOf(byLogSoftmax, matrixIsTrained);
      await using chunked = programOf(
        (h, matrix, targets) => linearCrossEntropy(h, matrix, targets, { chunk }),
        matrixIsTrained,
      );
      const [expected, actual] = [await whole.gradient(point, batch), await chunked.gradient(point, batch)];
      assert.ok(relativeError([actual.value], [expected.value]) < 1e-12, `value ${actual.value}`);
      assert.ok(relativeError(actual.gradient, expected.gradient) < 1e-12, 'gradient');
      const product = await whole.hessianVector(point, batch, direction);
      assert.ok(relativeError(await chunked.hessianVector(point, batch, direction), product) < 1e-12, 'product');
      await using linearised = await chunked.linearise(point, batch);
      assert.ok(relativeError(await linearised.apply(direction), product) < 1e-12, 'linearised product');
      if (matrixIsTrained) return;
      const curved = await whole.gaussNewtonVector(point, batch, direction);
      assert.ok(relativeError(await chunked.gaussNewtonVector(point, batch, direction), curved) < 1e-12, 'G v');
    });

test('logits of thousands neither overflow nor lose the loss', async () => {
  const { point, batch } = drawn(false, 2000);
  await using whole = programOf(byLogSoftmax, false);
  await using chunked = programOf((h, matrix, targets) => linearCrossEntropy(h, matrix, targets, { chunk: 2 }), false);
  const expected = await whole.value(point, batch);
  assert.ok(Math.abs(expected) > 100 && relativeError([await chunked.value(point, batch)], [expected]) < 1e-12);
});

for (const chunk of [0, -1, 1.5, Number.NaN])
  test(`a chunk of ${chunk} is refused`, () =>
    throwsClearly(
      () => programOf((h, matrix, targets) => linearCrossEntropy(h, matrix, targets, { chunk }), false),
      /chunk of the cross-entropy: expected a whole number from 1/,
    ));

test('over a large vocabulary no part of the causal loss or its derivatives has the size of the logits', () => {
  const [rows, width, words] = [600, 8, 2 ** 16];
  const traced = trace(
    {
      parameters: [{ name: 'w', shape: [width, width] }],
      inputs: [
        { name: 'x', shape: [rows, width], dtype: 'float32' },
        { name: 'targets', shape: [rows], dtype: 'int32' },
      ],
      weights: [{ name: 'matrix', shape: [words, width] }],
    },
    ({ parameters, inputs, weights }) => {
      const h = tf.matMul(inputs.get('x') as tf.Tensor2D, parameters.get('w') as tf.Tensor2D) as tf.Tensor2D;
      return tf.sum(positionLosses(h, weights.get('matrix') as tf.Tensor2D, inputs.get('targets')!));
    },
  );
  for (const graph of [traced.graph, gradient(traced), hessianVector(traced)]) {
    const largest = Math.max(...nodesOf(graph).map(({ shape }) => sizeOf(shape)));
    assert.ok(largest <= 2 ** 23, `${largest} entries`);
    assert.ok(nodesOf(graph).length < 400, `${nodesOf(graph).length} nodes`);
  }
});

test.run();
