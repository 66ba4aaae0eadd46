import { readdirSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FileCache } from '../../../compute/cache/fileCache.ts';
import { derivedGraph } from '../../../compute/derivedGraph.ts';
import {
  compile,
  constant,
  type Graph,
  type LossFunction,
  print,
  type TracedLoss,
  trace,
  type Vector,
  withoutGradient,
} from '../../../compute/index.ts';
import { withEnvironment } from '../../cases/environment.ts';
import { randomLoss, randomPoint } from '../../cases/randomGraphs.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';

const signature = {
  parameters: [{ name: 'w', shape: [3] }],
  inputs: [{ name: 'x', shape: [3], dtype: 'float32' as const }],
  weights: [],
};

const lossOf = (f: (w: tf.Tensor, x: tf.Tensor) => tf.Tensor): TracedLoss => {
  const loss: LossFunction = ({ parameters, inputs }) => tf.sum(f(parameters.get('w')!, inputs.get('x')!));
  return trace(signature, loss);
};

const withCache = <T>(body: (folder: string) => Promise<T>) =>
  inTemporaryFolder((folder) => withEnvironment({ LAMBDAMAX_CACHE: folder }, () => body(folder)));

/** Everything that a loss's program computes, from new sessions. */
async function computed(traced: TracedLoss): Promise<Vector[]> {
  const { point, batch, direction } = randomPoint(1);
  await using program = compile(traced, { precision: 'float64' });
  await using linearised = await program.linearise(point, batch);
  return [
    Float64Array.of(await program.value(point, batch), linearised.value),
    (await program.gradient(point, batch)).gradient,
    linearised.gradient,
    await program.hessianVector(point, batch, direction),
    await linearised.apply(direction),
  ];
}

test('values, gradients and products from the disk are those that were computed, bit for bit', () =>
  withCache(async (folder) => {
    for (let seed = 0; seed < 4; seed++) {
      const plain = await withEnvironment({ LAMBDAMAX_CACHE: 'off' }, () => computed(randomLoss(seed, 10)));
      const before = readdirSync(folder).length;
      assert.equal(await computed(randomLoss(seed, 10)), plain);
      const written = readdirSync(folder);
      assert.ok(written.length >= before + 3, `only ${written.length - before} files were written`);
      assert.equal(await computed(randomLoss(seed, 10)), plain);
      assert.equal(readdirSync(folder), written);
    }
  }));

test('a graph is derived once for one loss, and once for each that differs from it', () =>
  withCache(async () => {
    const never = (): Graph => {
      throw new Error('it was derived before');
    };
    const of = (factor: number) => lossOf((w, x) => tf.mul(tf.mul(w, x), constant(factor)));
    const known = derivedGraph(of(0.1), 'some', () => of(0.1).graph);
    assert.is(print(derivedGraph(of(0.1), 'some', never)), print(known));
    const others = [
      [of(0.1 + 2 ** -56), 'some'],
      [of(0.1), 'other'],
      [lossOf((w, x) => tf.mul(tf.mul(x, w), constant(0.1))), 'some'],
    ] as const;
    for (const [traced, name] of others) {
      let derived = 0;
      derivedGraph(traced, name, () => {
        derived += 1;
        return traced.graph;
      });
      assert.is(derived, 1);
    }
  }));

test('losses that differ in what they hide from derivatives alone are never taken for one another', () =>
  withCache(async (folder) => {
    // Both are exp(w x) + sin(w x), and record the same nodes.
    const hidden = (w: tf.Tensor, x: tf.Tensor) => withoutGradient(() => tf.mul(w, x));
    const one = lossOf((w, x) => tf.add(tf.exp(hidden(w, x)), tf.sin(tf.mul(w, x))));
    const other = lossOf((w, x) => tf.add(tf.exp(tf.mul(w, x)), tf.sin(hidden(w, x))));
    assert.is(print(one.recording), print(other.recording));
    const gradientOf = async (traced: TracedLoss) => {
      await using program = compile(traced, { precision: 'float64' });
      const batch = { x: Float64Array.of(1, 1, 1) };
      return (await program.gradient({ parameters: Float64Array.of(0, 1, 2) }, batch)).gradient;
    };
    const close = (values: Vector, f: (w: number) => number) =>
      values.forEach((value, w) => {
        assert.ok(Math.abs(value - f(w)) < 1e-12, `${value}`);
      });
    close(await gradientOf(one), Math.cos);
    close(await gradientOf(other), Math.exp);
    assert.equal(readdirSync(folder), [], 'nothing of theirs is kept');
  }));

test('a file that holds something else under the right key is made anew', () =>
  withCache(async (folder) => {
    const expected = await computed(randomLoss(3, 8));
    const cache = new FileCache(folder, 1e9);
    for (const [index, key] of readdirSync(folder).entries())
      cache.write(key, new Uint8Array(Buffer.from(index % 2 === 0 ? 'no graph of any kind' : '{"nodes":[]}')));
    assert.equal(await computed(randomLoss(3, 8)), expected);
  }));

test('nothing is written while the cache is off', () =>
  inTemporaryFolder((folder) =>
    withEnvironment({ LAMBDAMAX_CACHE: 'off', XDG_CACHE_HOME: folder }, async () => {
      await computed(randomLoss(0, 5));
      assert.equal(readdirSync(folder), []);
    }),
  ));

test.run();
