import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Backend, compile, linearise, onnxBackend, recompute, trace } from '../../compute/index.ts';
import { randomLoss, randomPoint, randomSteps } from '../cases/randomGraphs.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { throwsClearly } from '../oracles/throws.ts';

/** ONNX Runtime, with the number of its graphs that are compiled and not released. */
function countingBackend(): { readonly backend: Backend; readonly counts: { compiled: number; alive: number } } {
  const counts = { compiled: 0, alive: 0 };
  const backend: Backend = {
    name: 'counting',
    async compile(graph, options) {
      const executable = await onnxBackend.compile(graph, options);
      counts.compiled++;
      counts.alive++;
      return {
        run: (feeds) => executable.run(feeds),
        async release() {
          counts.alive--;
          await executable.release();
        },
      };
    },
  };
  return { backend, counts };
}

const ways = { linearise, recompute };

for (const [way, prepare] of Object.entries(ways))
  for (const curvature of ['hessian', 'gaussNewton'] as const)
    for (let seed = 1; seed <= 3; seed++)
      test(`a block's product is the whole's, cut to it, for a direction that is zero elsewhere: ${way}, ${curvature}, seed ${seed}`, async () => {
        const traced = curvature === 'hessian' ? randomLoss(seed, 20) : randomSteps(seed, 20);
        await using program = compile(traced, { precision: 'float64', threads: 1 });
        const { point, batch, direction } = randomPoint(seed);
        await using whole = await prepare(program, point, batch, curvature);
        for (const [name, start] of [
          ['first', 0],
          ['second', 16],
        ] as const) {
          const own = direction.subarray(start, start + 16);
          const embedded = new Float64Array(32);
          embedded.set(own, start);
          const expected = (await whole.apply(embedded)).subarray(start, start + 16);
          const block = await whole.block([name]);
          assert.equal(
            block.parameters.map((spec) => spec.name),
            [name],
          );
          assert.ok(relativeError(await block.apply(own), expected) < 1e-11);
          await block.release();
        }
        const turned = await whole.block(['second', 'first']);
        const swapped = (v: Float64Array) => Float64Array.of(...v.subarray(16), ...v.subarray(0, 16));
        const expected = swapped(Float64Array.from(await whole.apply(direction)));
        assert.ok(relativeError(await turned.apply(swapped(direction)), expected) < 1e-11);
        await turned.release();
      });

test('batches share what is compiled for a block, and the last one to release it frees it', async () => {
  const { backend, counts } = countingBackend();
  await using program = compile(randomLoss(1, 10), { precision: 'float64', threads: 1, backend });
  const points = [1, 2].map(randomPoint);
  const batches = await Promise.all(points.map(({ point, batch }) => program.linearise(point, batch)));
  const before = { ...counts };
  const blocks = await Promise.all(batches.map((linearised) => linearised.block(['first'])));
  assert.equal([counts.compiled, counts.alive], [before.compiled + 1, before.alive + 1]);
  await blocks[0]!.release();
  assert.ok((await blocks[1]!.apply(new Float64Array(16).fill(1))).every(Number.isFinite));
  await blocks[1]!.release();
  assert.is(counts.alive, before.alive);
  await batches[0]!.block(['first']);
  assert.is(counts.compiled, before.compiled + 2);
  await program.release();
  assert.is(counts.alive, 0);
});

test('a block without curvature has products that are zero', async () => {
  // L = sum a + sum b^2.
  const parameters = ['a', 'b'].map((name) => ({ name, shape: [2] }));
  const traced = trace({ parameters, inputs: [], weights: [] }, ({ parameters }) =>
    tf.add(tf.sum(parameters.get('a')!), tf.sum(tf.square(parameters.get('b')!))),
  );
  await using program = compile(traced, { precision: 'float64', threads: 1 });
  for (const prepare of Object.values(ways)) {
    await using whole = await prepare(program, { parameters: Float64Array.of(1, 2, 3, 4) }, {});
    const blocks = await Promise.all(['a', 'b'].map((name) => whole.block([name])));
    const products = await Promise.all(blocks.map((block) => block.apply(Float64Array.of(5, 7))));
    assert.equal(
      products.map((product) => Array.from(product)),
      [
        [0, 0],
        [10, 14],
      ],
    );
  }
});

test('a block of nothing, of what is not there or is there twice is refused, and so are directions of the whole', async () => {
  await using program = compile(randomLoss(1, 10), { precision: 'float64', threads: 1 });
  const { point, batch, direction } = randomPoint(1);
  const whole = await program.linearise(point, batch);
  await throwsClearly(
    () => whole.block([]),
    /^block of a curvature: expected names of parameters, each once, got none/,
  );
  await throwsClearly(() => whole.block(['first', 'third']), /got third/);
  await throwsClearly(() => whole.block(['first', 'first']), /got first/);
  const block = await whole.block(['first']);
  await throwsClearly(() => block.apply(direction), /^direction: expected 16 values, got 32/);
  await throwsClearly(() => block.apply(new Float32Array(16)), /^direction: expected values in float64/);
  await whole.release();
  await throwsClearly(() => block.apply(new Float64Array(16)), /^linearised Hessian: expected to be used before it is/);
  await throwsClearly(() => whole.block(['first']), /^linearised Hessian: expected to be used before it is released/);
});

test.run();
