import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withCorrectedGradients } from '../../compute/differentiate/gradients.ts';
import { nodesOf } from '../../compute/graph/node.ts';
import {
  compile,
  constant,
  gradient,
  hessianVector,
  logSoftmax,
  print,
  record,
  type Signature,
  type TracedLoss,
  trace,
} from '../../compute/index.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { throwsClearly } from '../oracles/throws.ts';

type LossOfOne = (w: tf.Tensor1D, ids: tf.Tensor1D) => tf.Tensor;

const signature: Signature = {
  parameters: [{ name: 'w', shape: [3] }],
  inputs: [{ name: 'ids', shape: [2], dtype: 'int32' }],
  weights: [],
};

/** A loss of w [3] and whole numbers ids [2]. */
function lossOfOne(loss: LossOfOne): TracedLoss {
  return trace(signature, ({ parameters, inputs }) =>
    loss(parameters.get('w') as tf.Tensor1D, inputs.get('ids') as tf.Tensor1D),
  );
}

const thisFile = fileURLToPath(import.meta.url);

/** The line of this file where the loss of that name is, as a pattern for `file:line:`. */
function lineOf(name: string): RegExp {
  const lines = readFileSync(thisFile, 'utf8').split('\n');
  const line = lines.findIndex((text) => text.startsWith(`  ${name}: (w`) || text.startsWith(`  '${name}': (w`)) + 1;
  return new RegExp(`at ${thisFile.replaceAll(/[.\\]/g, '\\$&')}:${line}:`);
}

// What a trace borrows.

const squares: LossOfOne = (w) => tf.sum(tf.softmax(tf.square(w)));
const registered = [
  'Exp',
  'Sigmoid',
  'Tanh',
  'Softmax',
  'LogSoftmax',
  'Pow',
  'Maximum',
  'Minimum',
  'BatchMatMul',
  'Tile',
  'Erf',
  'Max',
  'Min',
  'Select',
  'Cast',
  'Greater',
  'Equal',
  'Cumsum',
  'GatherV2',
];

/** All of TensorFlow.js that a trace touches. */
function engineState() {
  const engine = tf.engine();
  const { numTensors, numDataBuffers, numBytes } = tf.memory();
  return {
    backend: tf.getBackend(),
    instance: tf.backend(),
    gradients: registered.map((kernel) => tf.getGradient(kernel)),
    customGrad: engine.customGrad,
    runKernel: engine.runKernel,
    memory: { numTensors, numDataBuffers, numBytes },
    depth: engine.state.gradientDepth,
    tape: engine.state.activeTape ?? null,
    scope: engine.state.activeScope ?? null,
  };
}

function assertSameEngine(before: ReturnType<typeof engineState>): void {
  const after = engineState();
  for (const [part, value] of Object.entries(before)) {
    const now = after[part as keyof typeof after];
    if (part === 'memory') assert.equal(now, value);
    else if (part === 'gradients')
      for (const [k, config] of before.gradients.entries()) assert.is(after.gradients[k], config);
    else assert.ok(now === value, `${part} is another one`);
  }
}

test.before(async () => {
  await tf.setBackend('cpu');
});

test('a trace leaves backend, gradients and memory of TensorFlow.js as it found them', () => {
  const before = engineState();
  const traced = lossOfOne(squares);
  gradient(traced);
  hessianVector(traced);
  assertSameEngine(before);
});

test('so it does inside tf.tidy, and inside the gradient of something else', () => {
  const before = engineState();
  tf.tidy(() => {
    const mine = tf.tensor([1, 2, 3]);
    hessianVector(lossOfOne(squares));
    assert.equal(Array.from(mine.dataSync()), [1, 2, 3]);
  });
  const x = tf.tensor([1, 2]);
  const slope = tf.grad((y) => {
    hessianVector(lossOfOne(squares));
    return tf.square(y);
  })(x);
  assert.equal(Array.from(slope.dataSync()), [2, 4]);
  tf.dispose([x, slope]);
  assertSameEngine(before);
});

test('so it does when the traced function throws, whenever it is called', () => {
  const before = engineState();
  // Called once for the value, then within one gradient, then within a gradient of a gradient.
  for (const fatal of [1, 2, 3, 4]) {
    let calls = 0;
    const loss: LossOfOne = (w) => {
      const value = squares(w, w);
      calls += 1;
      if (calls === fatal) throw new RangeError('mine');
      return value;
    };
    assert.throws(
      () => {
        const traced = lossOfOne(loss);
        gradient(traced);
        hessianVector(traced);
      },
      (error: unknown) => error instanceof RangeError,
    );
    assertSameEngine(before);
  }
});

test('so it does when one trace runs inside another', async () => {
  const before = engineState();
  const outer = lossOfOne((w) => {
    hessianVector(lossOfOne(squares));
    return tf.sum(tf.exp(w));
  });
  assertSameEngine(before);
  await using program = compile(outer, { precision: 'float64' });
  assert.is(await program.value({ parameters: new Float64Array(3) }, { ids: new Int32Array(2) }), 3);
});

test("a user's own tensor takes part as a constant, and stays where it was", async () => {
  const mine = tf.tensor1d([1, 2, 3]);
  const before = engineState();
  const traced = lossOfOne((w) => tf.sum(tf.mul(tf.square(w), mine)));
  await using program = compile(traced, { precision: 'float64' });
  const product = await program.hessianVector(
    { parameters: new Float64Array(3) },
    { ids: new Int32Array(2) },
    Float64Array.of(1, 1, 1),
  );
  assert.equal(Array.from(product), [2, 4, 6]);
  assertSameEngine(before);
  assert.equal(Array.from(await mine.data()), [1, 2, 3]);
  const doubled = tf.mul(mine, 2);
  assert.equal(Array.from(await doubled.data()), [2, 4, 6]);
  tf.dispose([mine, doubled]);
});

test("TensorFlow.js's gradients are TensorFlow.js's own again after a trace", () => {
  hessianVector(lossOfOne(squares));
  const x = tf.tensor1d([0.5]);
  // Its exponential still loses the second derivative: what the correction is for.
  assert.throws(() => tf.grad((y) => tf.grad((z) => tf.exp(z))(y))(x), /Cannot compute gradient/);
  x.dispose();
});

test('while derivatives are recorded no gradient saves an output, which the tape would lose', () => {
  withCorrectedGradients(() => {
    for (const kernel of registered) assert.is(tf.getGradient(kernel)!.outputsToSave, undefined, kernel);
  });
});

// What it refuses.

/** A line each, since the line is what the error has to tell. */
const refused = {
  cumprod: (w) => tf.sum(tf.cumprod(w)),
  topk: (w) => tf.sum(tf.topk(w, 2).values),
  unique: (w) => tf.sum(tf.unique(w).values),
  whereAsync: (w) => tf.mul(w, [tf.whereAsync(tf.greater(w, 0))].length),
  booleanMaskAsync: (w) => tf.mul(w, [tf.booleanMaskAsync(w, tf.greater(w, 0))].length),
  'a gather in batches': (w, ids) => tf.gather(tf.stack([w, w]), tf.reshape(ids, [2, 1]), 1, 1),
  'padding with ones': (w) => tf.sum(tf.pad1d(w, [1, 0], 1)),
  'a one-hot of twos': (w, ids) => tf.mul(w, tf.oneHot(ids, 3, 2)),
  dataSync: (w) => tf.mul(w, tf.square(w).dataSync()[0]!),
  arraySync: (w) => tf.mul(w, tf.sum(w).arraySync() as number),
  'a shape that depends on data': (w) => tf.slice(w, 0, tf.sum(w).dataSync()[0]!),
  'a value as text': (w) => tf.mul(w, Number(w.toString())),
  'tf.customGrad': (w) => tf.sum(tf.customGrad((x) => ({ value: x as tf.Tensor, gradFunc: (dy) => dy }))(w)),
  text: (w) => tf.mul(w, tf.tensor(['a', 'b', 'c'])),
  'a constant of another size': (w) => tf.mul(w, constant([1, 2], [3])),
} satisfies Record<string, LossOfOne>;

const refusals: Record<keyof typeof refused, RegExp> = {
  cumprod: /^TensorFlow\.js kernel Cumprod at .*: expected one of Abs, .*Einsum, .*; write the expression with/,
  topk: /kernel TopK at /,
  unique: /kernel Unique at /,
  whereAsync: /^reading the value of Greater at .*; make the choice with tensor operations/,
  booleanMaskAsync: /^reading the value of Greater at /,
  'a gather in batches': /kernel GatherV2 at .*: expected no batch dimensions;/,
  'padding with ones': /kernel PadV2 at .*: expected padding with 0;/,
  'a one-hot of twos': /kernel OneHot at .*: expected the values 1 and 0;/,
  dataSync: /^reading the value of Square at .*; make the choice with tensor operations/,
  arraySync: /^reading the value of Sum at /,
  'a shape that depends on data': /^reading the value of Sum at /,
  'a value as text': /^reading the value of Placeholder at /,
  'tf.customGrad': /^a custom gradient at .*; use plain tf\.\* operations/,
  text: /^a tensor at .*: expected dtype float32, int32 or bool, got string/,
  'a constant of another size': /^constant at .*: expected 3 values for shape \[3\], got 2/,
};

for (const [what, loss] of Object.entries(refused))
  test(`refused, with the line of the model: ${what}`, () =>
    throwsClearly(() => lossOfOne(loss), refusals[what as keyof typeof refused], lineOf(what)));

interface BadLoss {
  readonly what: string;
  readonly loss: LossOfOne;
  readonly message: RegExp;
}

const badLosses: readonly BadLoss[] = [
  {
    what: 'a vector',
    loss: (w) => w,
    message: /the traced loss: expected a scalar tensor of dtype float32, got float32 \[3\]/,
  },
  { what: 'a whole number', loss: (_, ids) => tf.sum(ids), message: /expected a scalar .*got int32 \[\]/ },
  { what: 'nothing', loss: () => undefined as unknown as tf.Tensor, message: /expected a scalar .*got undefined/ },
  {
    what: 'a promise',
    loss: (async (w: tf.Tensor) => tf.sum(w)) as unknown as LossOfOne,
    message: /expected a scalar .*Promise/,
  },
  { what: 'a constant', loss: () => tf.scalar(1), message: /parameter w: expected a loss that depends on it; use it/ },
  {
    what: 'a product with zero',
    loss: (w) => tf.sum(tf.mul(w, 0)),
    message: /parameter w: expected a loss that depends/,
  },
];

for (const { what, loss, message } of badLosses)
  test(`a loss that returns ${what} is refused`, () => throwsClearly(() => lossOfOne(loss), message));

test('a parameter that is not used is named', () =>
  throwsClearly(
    () =>
      trace(
        {
          parameters: [
            { name: 'used', shape: [2] },
            { name: 'idle', shape: [2] },
          ],
          inputs: [],
          weights: [],
        },
        ({ parameters }) => tf.sum(parameters.get('used')!),
      ),
    /parameter idle: expected a loss that depends on it/,
  ));

test('a name that is declared twice is refused', () =>
  throwsClearly(
    () =>
      trace({ ...signature, weights: [{ name: 'w', shape: [1] }] }, ({ parameters }) => tf.sum(parameters.get('w')!)),
    /tensor w: expected to be declared once/,
  ));

test('a derivative that is lost is an error, never a zero', async () => {
  // A clone of the value by hand is what a gradient that saves its output amounts to: the tape does not know it.
  const cut = (x: tf.Tensor): tf.Tensor => {
    const { dataId, shape, dtype } = x;
    return tf.engine().makeTensorFromDataId(dataId, shape, dtype, tf.backend());
  };
  const first = lossOfOne((w) => tf.sum(cut(tf.square(w))));
  await throwsClearly(() => gradient(first), /parameter w: expected a loss with a derivative with respect to it/);
  await throwsClearly(() => hessianVector(first), /parameter w: expected a loss with a derivative/);
  const second = lossOfOne((w) => tf.sum(tf.mul(w, cut(tf.square(w)))));
  await throwsClearly(() => hessianVector(second), /parameter w: expected operations with a second derivative/);
});

// What it means.

test('a loss of several uses of the same parameter, and one with no second derivative, have right products', async () => {
  await using linear = compile(
    lossOfOne((w) => tf.sum(tf.mul(w, constant([1, 2, 3], [3])))),
    { precision: 'float64' },
  );
  const point = { parameters: Float64Array.of(0.1, 0.2, 0.3) };
  const batch = { ids: new Int32Array(2) };
  const direction = Float64Array.of(1, -1, 2);
  assert.equal(Array.from(await linear.hessianVector(point, batch, direction)), [0, 0, 0]);
  await using linearised = await linear.linearise(point, batch);
  assert.equal(Array.from(linearised.gradient), [1, 2, 3]);
  assert.equal(Array.from(await linearised.apply(direction)), [0, 0, 0]);

  // (sum w)^2 + sum w^2 has the Hessian 2 (1 1' + I).
  await using square = compile(
    lossOfOne((w) => tf.add(tf.square(tf.sum(w)), tf.sum(tf.mul(w, w)))),
    { precision: 'float64' },
  );
  const product = await square.hessianVector(point, batch, direction);
  assert.ok(relativeError(product, [6, 2, 8]) < 1e-15);
});

test('constant keeps all digits of a float64, where TensorFlow.js keeps those of a float32', async () => {
  const slopeOf = async (loss: LossOfOne) => {
    await using program = compile(lossOfOne(loss), { precision: 'float64' });
    return await program.value({ parameters: Float64Array.of(1, 0, 0) }, { ids: new Int32Array(2) });
  };
  assert.is(await slopeOf((w) => tf.sum(tf.mul(w, constant(0.1)))), 0.1);
  assert.is(await slopeOf((w) => tf.sum(tf.mul(w, constant([1 / 3, 1 / 7, 1 / 9], [3])))), 1 / 3);
  assert.is(await slopeOf((w) => tf.sum(tf.mul(w, 0.1))), Math.fround(0.1));
  const outside = constant([0.1, 0.2], [2]);
  assert.equal(Array.from(outside.dataSync()), [Math.fround(0.1), Math.fround(0.2)]);
  outside.dispose();
});

test('logSoftmax is log(softmax)', async () => {
  await using program = compile(
    lossOfOne((w) => tf.sum(tf.mul(logSoftmax(w), constant([1, 2, 3], [3])))),
    { precision: 'float64' },
  );
  const logits = [0.3, -1.2, 2];
  const logSum = Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0));
  const expected = logits.reduce((sum, z, k) => sum + (k + 1) * (z - logSum), 0);
  const value = await program.value({ parameters: Float64Array.from(logits) }, { ids: new Int32Array(2) });
  assert.ok(relativeError([value], [expected]) < 1e-15);
});

test('indices outside a one-hot row or outside all segments count nowhere, as in TensorFlow.js', async () => {
  await using program = compile(
    lossOfOne((w, ids) => {
      const hot = tf.sum(tf.mul(tf.cast(tf.oneHot(ids, 3), 'float32'), w));
      const sums = tf.unsortedSegmentSum(tf.slice(w, [0], [2]), ids, 2);
      return tf.add(hot, tf.sum(tf.mul(sums, constant([10, 100], [2]))));
    }),
    { precision: 'float64' },
  );
  const valueAt = (...ids: [number, number]) =>
    program.value({ parameters: Float64Array.of(1, 2, 4) }, { ids: Int32Array.from(ids) });
  assert.is(await valueAt(0, 1), 1 + 2 + 10 + 200);
  assert.is(await valueAt(-1, 0), 1 + 20);
  assert.is(await valueAt(-100, 3), 0);
});

test('the gradient of a tile grows neither with its repetitions nor with its rank', () => {
  const size = (repetitions: number) =>
    nodesOf(
      gradient(lossOfOne((w) => tf.sum(tf.square(tf.tile(tf.reshape(w, [1, 3, 1, 1, 1]), [2, repetitions, 1, 1, 1]))))),
    ).length;
  assert.is(size(2), size(200));
});

test('recording the same function twice gives the same graph', () => {
  const traced = lossOfOne(squares);
  assert.is(print(hessianVector(traced)), print(hessianVector(traced)));
  const graph = record(signature, ({ inputs }) => new Map([['same', inputs.get('ids')!]]));
  assert.is(print(graph), '%0 = Placeholder() name="ids" : int32[2]\nreturn same = %0');
});

test.run();
