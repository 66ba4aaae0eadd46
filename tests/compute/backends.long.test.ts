import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Backend,
  compile,
  cpuBackend,
  type Executable,
  linearise,
  onnxBackend,
  randomStream,
  record,
  sizeOf,
  type TracedLoss,
  type TracedTensors,
  type Values,
  type WeightSource,
  type wasmBackend,
} from '../../compute/index.ts';
import { nativeFault, replayBackends } from '../cases/backends.ts';
import { kernels, lossOf, randomLoss, randomPoint, randomSteps } from '../cases/randomGraphs.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { throwsClearly } from '../oracles/throws.ts';

/** What a few dozen kernels in float32 differ by from float64. */
const float32Tolerance = 1e-4;

const backends = await replayBackends();
const fault = await nativeFault();

function closeOn(backend: Backend) {
  return (got: ArrayLike<number>, wanted: ArrayLike<number>, subject: string): void => {
    const error = relativeError(got, wanted);
    assert.ok(error < float32Tolerance, `${subject} on ${backend.name} is ${error} off`);
  };
}

/** Every product of a loss agrees with what ONNX Runtime computes in float64. */
async function assertAgrees(traced: TracedLoss, backend: (typeof backends)[number], seed: number): Promise<void> {
  await using expected = compile(traced, { precision: 'float64', threads: 1 });
  await using program = compile(traced, { backend });
  const { point, batch, direction } = randomPoint(seed);
  const single = { parameters: Float32Array.from(point.parameters) };
  const along = Float32Array.from(direction);
  const close = closeOn(backend);
  const { value, gradient } = await expected.gradient(point, batch);
  const product = await expected.hessianVector(point, batch, direction);
  close([await program.value(single, batch)], [value], 'value');
  close((await program.gradient(single, batch)).gradient, gradient, 'gradient');
  close(await program.hessianVector(single, batch, along), product, 'hessianVector');
  await using linearised = await linearise(program, single, batch);
  close(await linearised.apply(along), product, 'linearised product');
}

/** J v and G v agree with what ONNX Runtime computes in float64, whole and linearised. */
async function assertAgreesInSteps(traced: TracedLoss, backend: (typeof backends)[number], seed: number) {
  await using expected = compile(traced, { precision: 'float64', threads: 1 });
  await using program = compile(traced, { backend });
  const { point, batch, direction } = randomPoint(seed);
  const single = { parameters: Float32Array.from(point.parameters) };
  const along = Float32Array.from(direction);
  const close = closeOn(backend);
  const tangent = await expected.jacobianVector(point, batch, direction);
  close(await program.jacobianVector(single, batch, along), tangent, 'jacobianVector');
  const product = await expected.gaussNewtonVector(point, batch, direction);
  close(await program.gaussNewtonVector(single, batch, along), product, 'gaussNewtonVector');
  await using linearised = await linearise(program, single, batch, 'gaussNewton');
  close(await linearised.apply(along), product, 'linearised product');
}

for (const backend of backends) {
  for (let seed = 1; seed <= 4; seed++)
    test(`J v and G v of a random mixture on ${backend.name} agree with ONNX Runtime, seed ${seed}`, () =>
      assertAgreesInSteps(randomSteps(seed, 20), backend, seed));
  for (const kernel of kernels)
    test(`${kernel} on ${backend.name} agrees with ONNX Runtime`, () => assertAgrees(lossOf([kernel], 3), backend, 3));
  for (let seed = 1; seed <= 4; seed++)
    test(`a random mixture of kernels on ${backend.name} agrees with ONNX Runtime, seed ${seed}`, () =>
      assertAgrees(randomLoss(seed, 20), backend, seed));
}

/** y = w x and, in `shown`, x itself. */
const scaled = (): Parameters<typeof wasmBackend.compile>[0] =>
  record(
    {
      parameters: [],
      inputs: [{ name: 'x', shape: [2, 2], dtype: 'float32' }],
      weights: [{ name: 'w', shape: [2, 2] }],
    },
    ({ inputs, weights }) => {
      const x = inputs.get('x')!;
      return new Map([
        ['y', tf.add(tf.exp(tf.mul(x, weights.get('w')!)), tf.tensor2d([1, 2, 3, 4], [2, 2]))],
        ['shown', x],
      ]);
    },
  );

/** A checkpoint of one weight, 1 2 3 4 in bfloat16, and how often it was asked for. */
async function checkpointIn(folder: string): Promise<WeightSource> {
  const file = join(folder, 'w.bin');
  await writeFile(file, new Uint8Array(Uint16Array.of(0, 0x3f80, 0x4000, 0x4040, 0x4080).buffer));
  return { locate: () => ({ file, offset: 2, bytes: 8, dtype: 'BF16', shape: [2, 2] }) };
}

const fed = (...x: number[]): Values => new Map([['x', Float32Array.from(x)]]);
const expectedValues = [Math.E + 1, Math.E ** 2 + 2, Math.E ** 3 + 3, Math.E ** 4 + 4];

for (const backend of backends) {
  test(`a thousand runs on ${backend.name} leave no tensor behind, and release leaves none at all`, () =>
    inTemporaryFolder(async (folder) => {
      const weights = await checkpointIn(folder);
      const before = tf.memory().numTensors;
      const executable = await backend.compile(scaled(), { precision: 'float32', weights });
      const held = tf.memory();
      assert.is(held.numTensors, before + 2, 'the weight and the constant');
      for (let run = 0; run < 1000; run++) await executable.run(fed(1, 1, 1, 1));
      assert.is(tf.memory().numTensors, held.numTensors);
      assert.is(tf.memory().numDataBuffers, held.numDataBuffers);
      await executable.release();
      await executable.release();
      assert.is(tf.memory().numTensors, before);
      await throwsClearly(() => executable.run(fed(1, 1, 1, 1)), /compiled graph: expected to be used before/);
    }));

  test(`graphs of one checkpoint share its weights on ${backend.name}`, () =>
    inTemporaryFolder(async (folder) => {
      const weights = await checkpointIn(folder);
      const before = tf.memory().numTensors;
      const [first, second] = [
        await backend.compile(scaled(), { precision: 'float32', weights }),
        await backend.compile(scaled(), { precision: 'float32', weights }),
      ];
      assert.is(tf.memory().numTensors, before + 3, 'one weight and two constants');
      await first.release();
      const results = await second.run(fed(1, 1, 1, 1));
      assert.ok(relativeError(results.get('y')!, expectedValues) < float32Tolerance);
      await second.release();
      assert.is(tf.memory().numTensors, before);
    }));

  test(`results of ${backend.name} are the caller's own`, () =>
    inTemporaryFolder(async (folder) => {
      const executable = await backend.compile(scaled(), {
        precision: 'float32',
        weights: await checkpointIn(folder),
      });
      const feeds = fed(1, 1, 1, 1);
      for (const values of (await executable.run(feeds)).values()) values.fill(7);
      assert.equal(Array.from(feeds.get('x')!), [1, 1, 1, 1]);
      const again = await executable.run(feeds);
      assert.ok(relativeError(again.get('y')!, expectedValues) < float32Tolerance);
      await executable.release();
    }));

  test(`the user's own backend stays current beside ${backend.name}, also after an error`, async () => {
    await tf.setBackend('cpu');
    const current = tf.backend();
    const mine = tf.tensor1d([1, 2]);
    const executable = await backend.compile(rowsOf(), { precision: 'float32' });
    await executable.run(rowFeeds(0, 3));
    await executable.run(rowFeeds(9)).catch(() => {});
    assert.is(tf.getBackend(), 'cpu');
    assert.is(tf.backend(), current);
    assert.equal(Array.from(tf.mul(mine, 2).dataSync()), [2, 4]);
    await executable.release();
    tf.disposeVariables();
    mine.dispose();
  });

  test(`an index outside its table is an error on ${backend.name}, and nothing is left of the run`, async () => {
    const executable: Executable = await backend.compile(rowsOf(), { precision: 'float32' });
    const before = tf.memory().numTensors;
    await throwsClearly(() => executable.run(rowFeeds(0, 4)), /compiled graph: expected values that its operations/);
    assert.is(tf.memory().numTensors, before);
    await executable.release();
  });

  test(`what ${backend.name} is fed must be there and fit`, async () => {
    const executable = await backend.compile(rowsOf(), { precision: 'float32' });
    const table = new Float32Array(8);
    const ids = Int32Array.of(0, 1);
    await throwsClearly(() => executable.run(new Map([['table', table]])), /input ids: expected a value for it/);
    await throwsClearly(
      () =>
        executable.run(
          new Map<string, Float32Array | Int32Array>([
            ['table', table.subarray(1)],
            ['ids', ids],
          ]),
        ),
      /input table: expected 8 values for shape \[4,2\], got 7/,
    );
    await throwsClearly(
      () =>
        executable.run(
          new Map<string, Float32Array | Float64Array | Int32Array>([
            ['table', new Float64Array(8)],
            ['ids', ids],
          ]),
        ),
      /input table: expected Float32Array, got Float64Array/,
    );
    await executable.release();
  });

  test(`${backend.name} refuses float64, and says what computes in it`, () =>
    throwsClearly(
      () => backend.compile(rowsOf(), { precision: 'float64' }),
      new RegExp(`backend ${backend.name}: expected precision float32.*got float64; use the backend onnx`),
    ));
}

/** Rows of a table [4, 2], chosen by two ids. */
function rowsOf() {
  return record(
    {
      parameters: [],
      inputs: [
        { name: 'table', shape: [4, 2], dtype: 'float32' },
        { name: 'ids', shape: [2], dtype: 'int32' },
      ],
      weights: [],
    },
    ({ inputs }: TracedTensors) =>
      new Map([['rows', tf.square(tf.gather(inputs.get('table')!, inputs.get('ids') as tf.Tensor1D))]]),
  );
}

function rowFeeds(...ids: number[]): Values {
  return new Map<string, Float32Array | Int32Array>([
    ['table', Float32Array.from({ length: 8 }, (_, index) => index)],
    ['ids', Int32Array.from({ length: 2 }, (_, index) => ids[index] ?? ids[0]!)],
  ]);
}

// Large enough for the way round that WebAssembly takes.
for (const batch of [[], [3], [2, 3], [1, 2]])
  for (const transposeA of [false, true])
    for (const transposeB of [false, true])
      test(`products of [${batch}] matrices, transposed ${transposeA}, ${transposeB}, agree with ONNX Runtime`, async () => {
        const left = [...batch, ...(transposeA ? [48, 80] : [80, 48])];
        const right = [...batch, ...(transposeB ? [64, 48] : [48, 64])];
        const inputs = [
          { name: 'a', shape: left, dtype: 'float32' },
          { name: 'b', shape: right, dtype: 'float32' },
        ] as const;
        const graph = record(
          { parameters: [], inputs, weights: [] },
          (tensors) =>
            new Map([['y', tf.matMul(tensors.inputs.get('a')!, tensors.inputs.get('b')!, transposeA, transposeB)]]),
        );
        const random = randomStream(1, 'matrices');
        const numbers = (shape: readonly number[]) => Float32Array.from({ length: sizeOf(shape) }, random.normal);
        const feeds = new Map([
          ['a', numbers(left)],
          ['b', numbers(right)],
        ]);
        const on = async (backend: Backend) => {
          const executable = await backend.compile(graph, { precision: 'float32', threads: 1 });
          const { y } = Object.fromEntries(await executable.run(feeds));
          await executable.release();
          return y!;
        };
        const expected = await on(onnxBackend);
        for (const backend of backends) assert.ok(relativeError(await on(backend), expected) < 1e-5, backend.name);
      });

test('a kernel that a backend lacks is named, with the backend', async () => {
  const [square] = tf.getKernelsForBackend('cpu').filter(({ kernelName }) => kernelName === 'Square');
  const executable = await cpuBackend.compile(rowsOf(), { precision: 'float32' });
  tf.unregisterKernel('Square', 'cpu');
  try {
    await throwsClearly(
      () => executable.run(rowFeeds(0)),
      /kernel Square: expected to be one that TensorFlow\.js has on its backend cpu; use the backend onnx/,
    );
  } finally {
    tf.registerKernel(square!);
  }
  assert.equal(Array.from((await executable.run(rowFeeds(1))).get('rows')!), [4, 9, 4, 9]);
  await executable.release();
});

test('loading WebAssembly adds no listener for uncaught errors of the process', () => {
  const added = (event: string) => process.listeners(event as 'uncaughtException').map(String);
  for (const event of ['uncaughtException', 'unhandledRejection'])
    assert.not.ok(added(event).some((code) => code.includes('ExitStatus') || code.includes('throw reason')));
});

if (fault !== undefined)
  test('without its native binding, tensorflow says how to build it', () => {
    assert.match(fault.message, /^backend tensorflow: expected .*native binding.*, got @tensorflow\/tfjs-node-gpu: /);
    assert.match(fault.remedy!, /lambdamax setup tensorflow --wheel FILE\.whl/);
  });

test.run();
