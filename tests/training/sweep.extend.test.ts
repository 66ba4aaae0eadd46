import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import {
  bracket,
  type Direction,
  gridFactor,
  halfSteps,
  nearBest,
  nextRates,
  type ScoredRate,
  usualLimits,
} from '../../study/search/extend.ts';
import { proportion } from '../../training/tasks/proportion.ts';

type Landscape = (learningRate: number) => number | null;

/** Tries the grid and then whatever the extension asks for. */
function extended(score: Landscape, grid: readonly number[], direction: Direction): ScoredRate[] {
  const at = (learningRate: number): ScoredRate => ({ learningRate, score: score(learningRate) });
  const points = grid.map(at);
  for (;;) {
    const rates = nextRates(points, direction, gridFactor(grid));
    if (rates.length === 0) return points;
    points.push(...rates.map(at));
  }
}

for (let seed = 0; seed < 40; seed++) {
  const random = randomStream(seed, 'parabolas');
  const optimum = 10 ** (-5 + 5 * random.uniform());
  const start = 10 ** (-5 + 4 * random.uniform());
  const factor = 2 + 2 * random.uniform();
  const sharpness = 0.02 + 0.2 * random.uniform();
  const direction = seed % 2 === 0 ? 'lower' : 'higher';
  const cliff = seed % 3 === 0 ? 3 * optimum : Number.POSITIVE_INFINITY;
  const parabola: Landscape = (rate) => {
    if (rate > cliff) return null;
    const loss = 2 + sharpness * Math.log(rate / optimum) ** 2;
    return direction === 'lower' ? loss : 10 - loss;
  };

  test(`an optimum at ${optimum.toExponential(1)} is bracketed from a grid at ${start.toExponential(1)}`, () => {
    const grid = [start, start * factor, start * factor ** 2];
    const points = extended(parabola, grid, direction);
    const { best, below, above } = bracket(points, direction);
    assert.ok(best !== null && below && above);
    // The best of rates a factor f apart lies within sqrt(f) of the vertex of a parabola, unless the cliff cuts it off.
    const off = Math.abs(Math.log(best.learningRate / optimum));
    assert.ok(off <= Math.log(factor) / 2 + 1e-3 || cliff < Number.POSITIVE_INFINITY, `off by ${Math.exp(off)}`);
    assert.ok(off <= Math.log(factor) + 1e-3);
    const worse = points.filter(({ score, learningRate }) => score !== null && learningRate < best.learningRate);
    assert.ok(worse.length >= 2);
  });
}

test('a bracketed grid is left alone', () => {
  const points = [3, 2.5, 2, 2.5, 3].map((score, index) => ({ learningRate: 1e-4 * 2 ** index, score }));
  assert.equal(nextRates(points, 'lower', 2), []);
  assert.equal(bracket(points, 'lower'), { best: points[2], below: true, above: true });
});

test('one diverged rate closes the upper side, one worse rate does not', () => {
  const points = (last: number | null): ScoredRate[] =>
    [3, 2.5, 2, last].map((score, index) => ({ learningRate: 1e-4 * 2 ** index, score }));
  assert.equal(nextRates(points(null), 'lower', 2), []);
  assert.equal(nextRates(points(2.5), 'lower', 2), [1.6e-3]);
});

test('a worse score within the margin closes nothing', () => {
  const points = [2.01, 2.005, 2, null].map((score, index) => ({ learningRate: 1e-4 * 2 ** index, score }));
  assert.equal(nextRates(points, 'lower', 2), [5e-5]);
});

test('where all rates diverge, the grid goes down until one does not', () => {
  const points = extended((rate) => (rate > 2e-6 ? null : 2 + Math.log(rate / 1e-6) ** 2), [1e-3, 2e-3], 'lower');
  assert.ok(points.every(({ learningRate }) => learningRate <= 2e-3));
  assert.is(bracket(points, 'lower').below, true);
});

/** Accuracies over 200 problems with the losses beside them, tried as {@link extended} tries. */
function examined(accuracy: Landscape, loss: Landscape | null, grid: readonly number[]): ScoredRate[] {
  const at = (learningRate: number): ScoredRate => {
    const solved = accuracy(learningRate);
    const share = solved === null ? null : proportion(Math.round(200 * solved), 200);
    return {
      learningRate,
      score: share?.value ?? null,
      ...{ low: share?.low ?? null, loss: loss?.(learningRate) ?? null },
    };
  };
  const points = grid.map(at);
  for (;;) {
    const rates = nextRates(points, 'higher', gridFactor(grid));
    if (rates.length === 0) return points;
    points.push(...rates.map(at));
  }
}
const lossFrom =
  (optimum: number): Landscape =>
  (rate) =>
    2 + 0.07 * Math.log(rate / optimum) ** 2;
const coarse = [6.25e-5, 2.5e-4, 1e-3, 4e-3];

for (const [what, plateau] of [
  ['nothing is solved', 0],
  ['guessing solves a quarter', 0.25],
  ['all is solved', 1],
] as const)
  test(`where ${what} at any rate, the loss beside it decides`, () => {
    const points = examined(() => plateau, lossFrom(1.1e-2), coarse);
    const { best, below, above } = bracket(points, 'higher');
    assert.is(best!.learningRate, 1.6e-2);
    assert.ok(below && above);
    assert.ok(points.length <= 8, `${points.length} rates`);
  });

test('without a loss beside it, a plateau ends at the limits', () => {
  const points = examined(() => 0, null, coarse);
  assert.ok(points.length <= usualLimits.mostRates);
  const { below, above } = bracket(points, 'higher');
  assert.equal([below, above], [false, false]);
});

for (let seed = 0; seed < 20; seed++)
  test(`a plateau of accuracy with noise is bracketed on both sides of it, seed ${seed}`, () => {
    const random = randomStream(seed, 'plateaus');
    const centre = 10 ** (-4 + 3 * random.uniform());
    const width = 1 + 2 * random.uniform();
    const top = 0.3 + 0.7 * random.uniform();
    const accuracy: Landscape = (rate) => {
      const outside = Math.max(0, Math.abs(Math.log(rate / centre)) - width);
      const share = top * Math.exp(-(outside ** 2));
      return (
        Array.from({ length: 200 }, () => (random.uniform() < share ? 1 : 0)).reduce<number>((a, b) => a + b, 0) / 200
      );
    };
    // As is usual, the loss is best at a lower rate than the accuracy.
    const points = examined(accuracy, lossFrom(centre / 2), coarse);
    const { best, below, above } = bracket(points, 'higher');
    assert.ok(below && above);
    const off = Math.abs(Math.log(best!.learningRate / centre));
    assert.ok(off <= width + Math.log(gridFactor(coarse)), `off by ${Math.exp(off)}`);
  });

test('of equal accuracies the lower loss is the best, and a higher accuracy whatever its loss', () => {
  const point = (learningRate: number, score: number, loss: number): ScoredRate => ({
    learningRate,
    score,
    loss,
    low: 0,
  });
  const tied = [point(1e-4, 0.5, 2), point(2e-4, 0.5, 1), point(4e-4, 0.5, 3)];
  assert.is(bracket(tied, 'higher').best!.learningRate, 2e-4);
  assert.is(bracket([...tied, point(8e-4, 0.6, 9)], 'higher').best!.learningRate, 8e-4);
});

test('an accuracy within the interval of the best closes nothing, one below it does', () => {
  const { value: best, low } = proportion(120, 200);
  const points = (worse: number): ScoredRate[] =>
    [worse, worse, best, null].map((score, index) => ({ learningRate: 1e-4 * 2 ** index, score, low }));
  assert.equal(nextRates(points(low + 0.005), 'higher', 2), [5e-5]);
  assert.equal(nextRates(points(low - 0.005), 'higher', 2), []);
});

test('a landscape without an optimum ends at the limits', () => {
  for (const landscape of [() => 2, (rate: number) => Math.log(rate), () => null, (rate: number) => -Math.log(rate)]) {
    const points = extended(landscape, [1e-3, 2e-3], 'lower');
    assert.ok(points.length <= usualLimits.mostRates);
    assert.ok(points.every(({ learningRate }) => learningRate >= usualLimits.lowest));
    assert.ok(points.every(({ learningRate }) => learningRate <= usualLimits.highest));
    assert.is(new Set(points.map(({ learningRate }) => learningRate)).size, points.length);
  }
  assert.equal(nextRates([], 'lower', 2), []);
});

test('half steps lie between the best rate and its neighbours', () => {
  const points = [3, 2, 2.5].map((score, index) => ({ learningRate: 1e-4 * 4 ** index, score }));
  assert.equal(halfSteps(points, 'lower'), [2e-4, 8e-4]);
  assert.equal(halfSteps(points, 'higher'), [2e-4]);
  assert.equal(halfSteps([{ learningRate: 1e-3, score: null }], 'lower'), []);
  const fine = points.map(({ score }, index) => ({ learningRate: 1e-4 * 1.1 ** index, score }));
  assert.equal(halfSteps(fine, 'lower'), []);
});

test('rates near the best are its neighbours on the grid, whatever the order of the points', () => {
  const points = [3, 2, 2.5, 4].map((score, index) => ({ learningRate: 1e-4 * 2 ** index, score })).reverse();
  assert.equal(nearBest(points, 'lower', 1), [1e-4, 2e-4, 4e-4]);
  assert.equal(nearBest(points, 'lower', 0), [2e-4]);
  assert.equal(nearBest(points, 'lower', 9), [1e-4, 2e-4, 4e-4, 8e-4]);
});

test('a grid continues by its own factor, but in no steps too small to matter', () => {
  assert.ok(Math.abs(gridFactor([1e-5, 1e-4, 1e-3]) - 10) < 1e-9);
  assert.is(gridFactor([1e-3]), 2);
  assert.is(gridFactor([1e-3, 1.01e-3]), Math.SQRT2);
});

test.run();
