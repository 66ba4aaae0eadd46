import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sweepCurve } from '../../analysis/figures/sweepCurve.ts';
import { divergesAt, findOptimum } from '../../analysis/rates/optimum.ts';
import { predict } from '../../analysis/rates/predictor.ts';
import { regretAt } from '../../analysis/rates/regret.ts';
import { byLoss, ratePoints } from '../../analysis/rates/sweep.ts';
import { reportFigures } from '../../analysis/report/report.ts';
import { methodTable } from '../../analysis/report/tables.ts';
import { randomStream } from '../../compute/random.ts';
import { proportion } from '../../training/tasks/proportion.ts';
import { examinedSweep, grid } from '../cases/sweeps.ts';

// Accuracies are shares of few problems: they are noisy, they tie, and they stand at 0 and 1.

const rates = grid(1e-4, 2, 9);
const lora = [{ method: 'lora' }];
const parabola = (optimum: number) => (_: string, rate: number) => 2 + 0.07 * Math.log(rate / optimum) ** 2;

/** The optimum of one method with these shares, from the lowest rate on. */
const optimumOf = (shares: readonly (number | null)[], lossAt: number, seeds: readonly number[] = [0]) => {
  const share = (_: string, rate: number) => shares[rates.indexOf(rate)]!;
  const sweep = examinedSweep(lora, { rates: rates.slice(0, shares.length), share, loss: parabola(lossAt), seeds });
  return findOptimum(ratePoints(sweep.runs, 'lora'), 'higher')!.optimum;
};

for (const plateau of [0, 0.25, 1])
  for (const seeds of [[0], [0, 1]])
    test(`a share of ${plateau} at all rates: the lowest loss decides, and the interval is all, ${seeds.length} seeds`, () => {
      const found = optimumOf([plateau, plateau, plateau, plateau, plateau], rates[3]!, seeds);
      assert.is(found.learningRate, rates[3]);
      assert.equal([found.low, found.high], [rates[0], rates[4]]);
      assert.is(found.score, plateau);
      assert.not(found.atGridEdge);
    });

test('12.5 and 17 % of 200 may be the same, and training has broken at neither; a loss 0.4 higher has', () => {
  const shares = [0.1, 0.17, 0.125, 0.12, 0.02];
  const sweepOf = (loss: (rate: number) => number) => {
    const share = (_: string, rate: number) => shares[rates.indexOf(rate)]!;
    const sweep = examinedSweep(lora, { rates: rates.slice(0, 5), share, loss: (_, rate) => loss(rate) });
    return ratePoints(sweep.runs, 'lora');
  };
  // 4 of 200 are fewer than 34 whatever the chance.
  assert.is(
    divergesAt(
      sweepOf(() => 1),
      'higher',
    ),
    rates[4],
  );
  assert.is(
    divergesAt(
      sweepOf((rate) => (rate < rates[3]! ? 1 : 1.41)),
      'higher',
    ),
    rates[3],
  );
  assert.is(
    divergesAt(
      sweepOf((rate) => (rate < rates[3]! ? 1 : 1.39)),
      'higher',
    ),
    rates[4],
  );
  // Where more than half is solved of what the best rate solves, training has not broken, though there is no chance in it.
  const most = examinedSweep(lora, {
    rates: rates.slice(0, 3),
    share: (_, rate) => (rate > 3e-4 ? 0.4 : 0.82),
    loss: () => 1,
  });
  assert.is(divergesAt(ratePoints(most.runs, 'lora'), 'higher'), rates[2]);
  const alike = examinedSweep(lora, {
    rates: rates.slice(0, 3),
    share: (_, rate) => (rate > 3e-4 ? 0.42 : 0.82),
    loss: () => 1,
  });
  assert.is(divergesAt(ratePoints(alike.runs, 'lora'), 'higher'), null);
});

test('a plateau between two falls has its optimum in it, wherever the loss is lowest there', () => {
  const shares = [0, 0.1, 0.97, 1, 1, 1, 0.98, 0.3, 0];
  for (const at of [3, 4, 5]) {
    const { learningRate, low, high } = optimumOf(shares, rates[at]!);
    assert.ok(learningRate >= rates[3]! && learningRate <= rates[5]!, `${learningRate}`);
    assert.ok(low <= rates[3]! && high >= rates[5]!);
  }
});

test('a peak between two falls to nothing is known to the rates on either side, however many seeds agree on it', () => {
  const found = optimumOf([0, 0, 0.01, 0.9, 0.02, 0, null], rates[3]!, [0, 1, 2]);
  assert.equal([found.learningRate, found.low, found.high], [rates[3], rates[2], rates[4]]);
  assert.equal([found.intervalFrom, found.pointsUsed], ['grid', 1]);
});

test('a higher share is better whatever its loss', () => {
  assert.is(optimumOf([0.1, 0.4, 0.1, 0, 0.5], rates[1]!).learningRate, rates[4]);
});

test('shares near 1 are surer, and draw the parabola to them', () => {
  const fine = grid(1e-4, 1.5, 5);
  const vertexOf = (shares: readonly number[]) => {
    const share = (_: string, rate: number) => shares[fine.indexOf(rate)]!;
    const points = ratePoints(examinedSweep(lora, { rates: fine, share, loss: parabola(fine[2]!) }).runs, 'lora');
    const unweighed = points.map(({ interval: _, ...point }) => point);
    return [points, unweighed].map((each) => findOptimum(each, 'higher')!.optimum.learningRate) as [number, number];
  };
  const shares = [0.955, 0.97, 1, 0.995, 0.96];
  const [[weighed, equal], [mirrored]] = [vertexOf(shares), vertexOf(shares.toReversed())];
  assert.ok(Math.abs((weighed * mirrored) / fine[2]! ** 2 - 1) < 1e-9, 'a mirrored curve has a mirrored optimum');
  assert.ok(weighed > 1.01 * equal && weighed < fine[3]!, `${weighed} and ${equal}`);
});

test('over 60 noisy examinations the optimum is unbiased, and within a grid step of the truth', () => {
  const optimum = 1.3e-3;
  const random = randomStream(3, 'examinations');
  const errors = Array.from({ length: 60 }, () => {
    const share = (_: string, rate: number): number => {
      const truth = 0.8 - 0.08 * Math.log(rate / optimum) ** 2;
      return Array.from({ length: 200 }, () => Number(random.uniform() < truth)).reduce((a, b) => a + b, 0) / 200;
    };
    const sweep = examinedSweep(lora, { rates, share, loss: parabola(optimum), seeds: [0, 1] });
    return Math.log(findOptimum(ratePoints(sweep.runs, 'lora'), 'higher')!.optimum.learningRate / optimum);
  });
  const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
  assert.ok(Math.abs(mean) < 0.08, `mean error of ln optimum ${mean}`);
  assert.ok(
    errors.filter((error) => Math.abs(error) <= Math.log(2)).length >= 57,
    `${errors.map((e) => e.toFixed(2))}`,
  );
});

test('the interval of a mean over seeds is the mean of theirs: they answer the same problems', () => {
  const share = (_: string, __: number, seed: number) => [0.5, 0.7][seed]!;
  const sweep = examinedSweep(lora, { rates: [1e-3], share, loss: (_, __, seed) => 1 + seed, seeds: [0, 1] });
  const [point] = ratePoints(sweep.runs, 'lora');
  const [a, b] = [proportion(100, 200), proportion(140, 200)];
  assert.equal(point!.interval, [(a.low + b.low) / 2, (a.high + b.high) / 2]);
  assert.is(point!.loss, 1.5);
});

test('regret and the spread of peaks are in percentage points', () => {
  const sweep = examinedSweep([{ method: 'lora' }, { method: 'pissa' }], {
    rates: grid(1e-3, 2, 5),
    share: (method, rate) => (method === 'lora' ? 0.9 : 0.8) - 0.1 * Math.abs(Math.log2(rate / 4e-3)),
    loss: parabola(4e-3),
  });
  const points = ratePoints(sweep.runs, 'lora');
  assert.ok(Math.abs(regretAt(points, 'higher', 2e-3, true)!.regret - 10) < 1e-9);
  const { peakSpread, verdict, isShare } = predict(sweep);
  assert.ok(isShare && Math.abs(peakSpread.value - 10) < 1e-9);
  assert.match(verdict, 'are 10.00 points apart');
  const diverging = {
    ...sweep,
    runs: sweep.runs.map((run) => (run.learningRate > 1e-2 ? { ...run, score: null } : run)),
  };
  assert.ok(Math.abs(regretAt(ratePoints(diverging.runs, 'lora'), 'higher', 1.6e-2, true)!.regret - 90) < 1e-9);
});

test('a verdict says of whom nothing is known but the loss', () => {
  const share = (method: string) => (method === 'lora' ? 0 : 0.3);
  const methods = [{ method: 'lora' }, { method: 'pissa' }];
  const { verdict } = predict(examinedSweep(methods, { rates, share, loss: parabola(rates[3]!) }));
  assert.match(verdict, 'Nothing was solved at any rate, so that the loss alone decides: lora.');
});

const studied = examinedSweep(
  [
    { method: 'lora', lambdaMax: 16 },
    { method: 'pissa', lambdaMax: 200 },
  ],
  {
    rates,
    // Accuracy is best at twice the rate at which the loss is.
    share: (method, rate) => {
      const optimum = method === 'lora' ? 6.4e-3 : 1.6e-3;
      return rate > 2e-2 ? null : Math.max(0, 0.9 - 0.15 * Math.log(rate / optimum) ** 2);
    },
    loss: (method, rate) => parabola(method === 'lora' ? 3.2e-3 : 0.8e-3)('', rate),
    seeds: [0, 1],
  },
);

test('a figure of shares has its axis in %, their intervals, and those that diverged below 0', () => {
  const { points } = predict(studied);
  const { data, layout } = sweepCurve(studied, points);
  assert.is((layout.yaxis as { tickformat?: string }).tickformat, '.0%');
  const [bottom, top] = layout.yaxis!.range as [number, number];
  assert.ok(bottom < 0 && top > 0.9 && top <= 1.1);
  for (const { method } of points) {
    const line = (data as { name?: string; mode?: string }[]).find(
      ({ name, mode }) => name === method && mode === 'lines+markers',
    ) as unknown as {
      y: number[];
      error_y: { array: number[]; arrayminus: number[] };
    };
    for (const [index, { mean, interval }] of ratePoints(studied.runs, method).entries()) {
      if (mean === null) continue;
      const [low, high] = interval!;
      assert.is(line.y[index], mean);
      assert.ok(Math.abs(line.error_y.array[index]! - (high - mean)) < 1e-12);
      assert.ok(Math.abs(line.error_y.arrayminus[index]! - (mean - low)) < 1e-12);
    }
  }
});

test('a report of accuracies has the losses beside them, and their own optima', () => {
  const prediction = predict(studied);
  const input = { title: 'a', command: 'b', plan: {}, sweep: studied, prediction, spectra: [], versions: {} };
  const figures = reportFigures(input);
  assert.equal(Object.keys(figures), ['sweep-curve', 'score-dots', 'loss-curve', 'prediction']);
  const byLosses = predict(byLoss(studied)!);
  for (const [index, { optimum }] of prediction.points.entries())
    assert.ok(Math.abs(optimum.learningRate / byLosses.points[index]!.optimum.learningRate - 2) < 0.1);
  const { header, rows } = methodTable(prediction);
  const column = header.indexOf('Best accuracy');
  assert.is(header[column + 1], 'Loss there');
  const { value, low, high } = proportion(180, 200);
  const [shown, from, to] = [value, low, high].map((part) => (100 * part).toFixed(1));
  assert.is(rows[0]![column], `${shown} % (${from} to ${to})`);
  const someWithout = {
    ...studied,
    runs: studied.runs.map((run, index) => (index === 3 ? { ...run, loss: null } : run)),
  };
  assert.not('loss-curve' in reportFigures({ ...input, sweep: someWithout, prediction: predict(someWithout) }));
});

test.run();
