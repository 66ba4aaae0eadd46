import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rangeTest } from '../../../analysis/recommend/rangeTest.ts';

/** A loss that falls while the rate stays below `best`, and grows by a tenth a step above it. */
function fakeRun(best: number) {
  let loss = 3;
  return async (learningRate: number): Promise<number> => {
    const before = loss;
    loss *= learningRate < best ? 1 - Math.min(0.02, learningRate) : 1.1;
    return before;
  };
}

test('it ends near where the loss turns, as far above as the smoothing lags', async () => {
  const { learningRate, points } = await rangeTest(fakeRun(0.01));
  assert.ok(learningRate! > 0.01 && learningRate! < 0.03, `${learningRate}`);
  assert.is(points[0]!.learningRate, 1e-6);
});

test('it stops where the loss breaks, and takes no more steps than it was given', async () => {
  let taken = 0;
  const run = fakeRun(1e-3);
  const { points } = await rangeTest(async (rate) => {
    taken++;
    return run(rate);
  });
  assert.ok(taken < 80);
  assert.is(points.length, taken - 1);
  const calm = await rangeTest(fakeRun(10), { lowest: 1e-4, highest: 1e-2, steps: 30 });
  assert.is(calm.points.length, 30);
  assert.ok(Math.abs(calm.learningRate! / 1e-2 - 1) < 1e-9);
});

test('a loss that is never a number has no rate', async () => {
  const { learningRate, points } = await rangeTest(async () => Number.NaN);
  assert.is(learningRate, null);
  assert.equal(points, []);
});

test.run();
