import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { divergesAt, findOptimum } from '../../analysis/rates/optimum.ts';
import { regretAt } from '../../analysis/rates/regret.ts';
import { type RatePoint, ratePoints } from '../../analysis/rates/sweep.ts';
import { foldError } from '../../numerics/statistics.ts';
import { grid, plantedSweep } from '../cases/sweeps.ts';

function points(rates: readonly number[], scores: readonly (number | null)[]): RatePoint[] {
  return rates.map((learningRate, i) => {
    const score = scores[i]!;
    return { learningRate, scores: score === null ? [] : [score], diverged: score === null ? 1 : 0, mean: score };
  });
}

const rates = grid(1e-4, 2, 9);

for (const direction of ['lower', 'higher'] as const) {
  for (const optimum of [5e-4, 1.1e-3, 2.9e-3]) {
    test(`the vertex of a planted parabola at ${optimum} is found exactly, ${direction} is better`, () => {
      const sweep = plantedSweep([{ method: 'lora', optimum }], { rates, direction });
      const found = findOptimum(ratePoints(sweep.runs, 'lora'), direction)!.optimum;
      assert.ok(foldError(found.learningRate, optimum) < 1 + 1e-9, `${found.learningRate}`);
      assert.ok(found.low <= optimum && optimum <= found.high);
      assert.not(found.atGridEdge);
      assert.is(found.intervalFrom, 'grid');
    });
  }
}

test('over 60 noisy sweeps the vertex is unbiased and its bootstrap interval nearly always holds the truth', () => {
  const optimum = 1.3e-3;
  let covered = 0;
  let sum = 0;
  const trials = 60;
  for (let noiseSeed = 0; noiseSeed < trials; noiseSeed++) {
    const sweep = plantedSweep([{ method: 'lora', optimum }], { rates, seeds: [0, 1, 2], noise: 0.004, noiseSeed });
    const found = findOptimum(ratePoints(sweep.runs, 'lora'), 'lower', { resamples: 200 })!.optimum;
    assert.is(found.intervalFrom, 'seeds');
    if (found.low <= optimum && optimum <= found.high) covered++;
    sum += Math.log(found.learningRate / optimum);
  }
  assert.ok(Math.abs(sum / trials) < 0.05, `mean error of ln optimum ${sum / trials}`);
  assert.ok(covered >= 0.8 * trials, `${covered} of ${trials} intervals hold the truth`);
});

test('the interval repeats with the seed and widens with the noise', () => {
  const interval = (noise: number): number => {
    const sweep = plantedSweep([{ method: 'lora', optimum: 1e-3 }], { rates, seeds: [0, 1, 2], noise });
    const found = findOptimum(ratePoints(sweep.runs, 'lora'), 'lower', { seed: 4 })!.optimum;
    assert.equal(findOptimum(ratePoints(sweep.runs, 'lora'), 'lower', { seed: 4 })!.optimum, found);
    return found.high / found.low;
  };
  assert.ok(interval(0.01) > interval(0.001));
});

test('cliff points and diverged ones do not move the vertex', () => {
  const clean = [0.9, 0.4, 0.1, 0, 0.1, 0.4].map((fall) => 3 + 0.1 * fall);
  const found = (beyond: readonly (number | null)[]): number =>
    findOptimum(points(grid(1e-3, 2, 9), [...clean, ...beyond]), 'lower')!.optimum.learningRate;
  const undisturbed = found([]);
  assert.ok(Math.abs(undisturbed / 8e-3 - 1) < 1e-9);
  assert.is(found([5, 9, null]), undisturbed);
  assert.is(found([null, null, null]), undisturbed);
});

test('with the cliff right above the best rate the vertex stays inside the sound points', () => {
  const scores = [3.3, 3.2, 3.1, 3.0, null, null];
  const { optimum } = findOptimum(points(grid(1e-3, 2, 6), scores), 'lower')!;
  assert.ok(optimum.learningRate >= 2e-3 && optimum.learningRate <= 8e-3 * (1 + 1e-9), `${optimum.learningRate}`);
  assert.not(optimum.atGridEdge, 'diverged rates above bracket it');
  assert.is(divergesAt(points(grid(1e-3, 2, 6), scores), 'lower'), 1.6e-2);
});

test('a curve still falling at its last rate is at the edge of the grid, at either end', () => {
  const falling = points(grid(1e-3, 2, 5), [3.4, 3.3, 3.2, 3.1, 3.0]);
  const rising = points(grid(1e-3, 2, 5), [3.0, 3.1, 3.2, 3.3, 3.35]);
  for (const curve of [falling, rising]) assert.ok(findOptimum(curve, 'lower')!.optimum.atGridEdge);
  assert.ok(findOptimum(falling, 'lower')!.optimum.learningRate <= 1.6e-2 * (1 + 1e-9));
});

test('one or two rates, and a plateau, still have a best one; a sweep that diverged throughout has none', () => {
  assert.is(findOptimum(points([1e-3], [3]), 'lower')!.optimum.learningRate, 1e-3);
  const two = findOptimum(points([1e-3, 2e-3], [3, 2.9]), 'lower')!.optimum;
  assert.ok(Math.abs(two.learningRate / 2e-3 - 1) < 1e-12 && two.atGridEdge);
  const flat = findOptimum(points(grid(1e-3, 2, 5), [3, 3, 3, 3, 3]), 'lower')!.optimum;
  assert.ok(flat.learningRate >= 1e-3 && flat.learningRate <= 1.6e-2);
  assert.is(findOptimum(points([1e-3, 2e-3], [null, null]), 'lower'), null);
});

test('a rate where one seed of two diverged counts as diverged', () => {
  const run = { configuration: 'a', method: 'a', status: 'finished' } as const;
  const [point] = ratePoints(
    [
      { ...run, learningRate: 1e-3, seed: 0, score: 2 },
      { ...run, learningRate: 1e-3, seed: 1, score: Number.NaN },
    ],
    'a',
  );
  assert.is(point!.mean, null);
  assert.equal([point!.scores, point!.diverged], [[2], 1]);
});

test('training breaks at the smallest rate off the cliff above the optimum: 0.4 nats, or a quarter of the accuracy', () => {
  assert.is(divergesAt(points([1, 2, 4, 8, 16], [3.9, 3.2, 3, 3.3, 3.41]), 'lower'), 16);
  assert.is(divergesAt(points([1, 2, 4, 8, 16], [9, 3.2, 3, 3.3, 3.39]), 'lower'), null);
  assert.is(divergesAt(points([1, 2, 4, 8], [10, 60, 46, 44]), 'higher'), 8);
});

test('regret: 0 at the best rate, straight lines in log rate between, the edge value outside', () => {
  const curve = points([1e-3, 4e-3, 1.6e-2, 6.4e-2], [2.2, 2, 2.4, null]);
  assert.equal(regretAt(curve, 'lower', 4e-3), { regret: 0, extrapolated: false });
  assert.ok(Math.abs(regretAt(curve, 'lower', 2e-3)!.regret - 5) < 1e-9, 'half of 10 %');
  assert.ok(Math.abs(regretAt(curve, 'lower', 8e-3)!.regret - 10) < 1e-9, 'half of 20 %');
  assert.ok(Math.abs(regretAt(curve, 'lower', 3.2e-2)!.regret - 60) < 1e-9, 'half way from 20 % to everything');
  assert.ok(Math.abs(regretAt(curve, 'lower', 1e-5)!.regret - 10) < 1e-9);
  assert.equal(regretAt(curve, 'lower', 1), { regret: 100, extrapolated: true });
});

test('regret of an accuracy is in points, and a diverged rate gives up all of them', () => {
  const curve = points([1e-3, 4e-3, 1.6e-2], [40, 50, null]);
  assert.ok(Math.abs(regretAt(curve, 'higher', 2e-3)!.regret - 5) < 1e-9);
  assert.equal(regretAt(curve, 'higher', 1), { regret: 50, extrapolated: true });
});

test('a broken loss of ten million costs no more than divergence does', () => {
  assert.is(regretAt(points([1, 2, 4], [3, 2, 1e7]), 'lower', 4)!.regret, 100);
});

test.run();
