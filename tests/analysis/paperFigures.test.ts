import { parse } from 'csv-parse/sync';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { csvOf } from '../../analysis/figures/drawing/csv.ts';
import { pictureOf } from '../../analysis/figures/drawing/picture.ts';
import { ratioDensity } from '../../analysis/figures/modules/ratioDensity.ts';
import { learningCurves } from '../../analysis/figures/runs/learningCurves.ts';
import { scoreBySetting } from '../../analysis/figures/scoreBySetting.ts';
import { scoreDots } from '../../analysis/figures/scoreDots.ts';
import { sweepCurve } from '../../analysis/figures/sweepCurve.ts';
import { predict } from '../../analysis/rates/predictor.ts';
import { answerOf, statusOf } from '../../analysis/rates/verdict/answer.ts';
import { everyFigure } from '../cases/figures.ts';
import { hostileText } from '../cases/pages.ts';
import { grid, plantedProduct, plantedSweep } from '../cases/sweeps.ts';

type Trace = { name: string; x: number[]; y: unknown[]; text: string[]; marker: { size: number[] } };

const rates = grid(1e-4, 2, 12);
const methods = [
  { method: 'lora', lambdaMax: 16, optimum: 1e-2, divergesAt: 0.1, peak: 2 },
  { method: 'pissa', lambdaMax: 160, optimum: 2.5e-3, divergesAt: 0.05, peak: 3 },
];
const sweep = plantedSweep(methods, { rates });
const prediction = predict(sweep);

test('scoreDots: the best of all has the largest dot, each row its best score, and crosses stand from where training broke', () => {
  const { data, title } = scoreDots(sweep, prediction.points);
  const [dots, broken, peaks] = data as unknown as [Trace, Trace, Trace];
  const largest = dots.marker.size.indexOf(Math.max(...dots.marker.size));
  assert.equal([dots.y[largest], dots.x[largest]], ['lora', peaks.x[peaks.y.indexOf('lora')]]);
  for (const { method, divergesAt } of methods) {
    assert.equal(
      broken.x.filter((_, i) => broken.y[i] === method),
      rates.filter((rate) => rate >= divergesAt),
    );
  }
  assert.match(peaks.text.join(), /^3\.0\d,2\.0\d$/);
  assert.match(title, /^The best score is 2\.0\d, of lora at about /);
});

test('scoreBySetting: every configuration stands at its setting with the best of its scores', () => {
  const planted = plantedProduct(['lora', 'pissa'], { ranks: [4, 8], batches: [8, 32] }, (i) => ({
    optimum: 0.01 / 2 ** i,
  }));
  const product = plantedSweep(planted, { rates });
  const { points, powers } = predict(product);
  const rows = parse(csvOf(scoreBySetting(product, points, powers)), { columns: true }) as Record<string, string>[];
  for (const { configuration, settings, optimum } of points) {
    const own = rows.filter(({ text, plot }) => text === configuration && plot === 'Rank');
    assert.is(own.length, 1, configuration);
    assert.is(own[0]!.rank, settings.rank);
    assert.ok(Math.abs(Number(own[0]!['best score (lower is better)']) - optimum.score) < 1e-8);
  }
});

test('ratioDensity: the area under each curve is 1 in decades, whatever the ratios', () => {
  const modules = [0.01, 0.5, 1, 1.1, 30, 31].map((ratio, i) => ({ name: `layers.${i}.q`, ratio }));
  for (const own of [modules, modules.slice(0, 1)]) {
    const [{ x, y }] = ratioDensity([{ method: 'pissa', modules: own }]).data as unknown as [
      { x: number[]; y: number[] },
    ];
    const area = x.slice(1).reduce((sum, value, i) => sum + ((y[i]! + y[i + 1]!) / 2) * Math.log10(value / x[i]!), 0);
    assert.ok(Math.abs(area - 1) < 0.02, String(area));
  }
});

test('learningCurves: a panel for each configuration, the rate nearest to the best told from the others', () => {
  const curves = methods.flatMap(({ method }) =>
    [1e-3, 1e-2, 0.2].map((learningRate) => ({
      ...{ configuration: method, learningRate, steps: [1, 2], losses: learningRate > 0.1 ? [4, null] : [4, 3] },
    })),
  );
  const { data, layout, title } = learningCurves(curves, prediction.points)!;
  const best = data.filter(({ name }) => name === 'nearest to the best rate') as unknown as { hovertemplate: string }[];
  assert.equal(
    best.map(({ hovertemplate }) => /^(\w+), rate (\S+)</.exec(hovertemplate)!.slice(1)),
    [
      ['lora', '1.00e-2'],
      ['pissa', '1.00e-3'],
    ],
  );
  assert.is(layout.annotations!.length, 2);
  assert.match(title, /2 of 6 runs/);
  assert.is(learningCurves([], prediction.points), null);
});

test('rates too small for the scale carry no mark of divergence, those that broke all do', () => {
  // Far to the left of the best rate the loss is far off the scale, and no run diverged there.
  const flat = plantedSweep([{ method: 'lora', optimum: 1e-1, divergesAt: 0.3 }], { rates: grid(1e-5, 4, 9) });
  const { data, layout } = sweepCurve(flat, predict(flat).points);
  const open = data.at(-1) as unknown as Trace;
  const [, top] = layout.yaxis!.range as [number, number];
  const line = data[0] as unknown as Trace;
  assert.ok(
    line.y.some((score) => (score as number) > top),
    'some score is off the scale',
  );
  assert.equal(
    open.x,
    grid(1e-5, 4, 9).filter((rate) => rate >= 0.3),
  );
});

test('csvOf: every figure is a table that a reader of CSV takes, with as many columns in each row', () => {
  for (const [name, figure] of Object.entries(everyFigure())) {
    const rows = parse(csvOf(figure)) as string[][];
    assert.ok(rows.length > 1 && rows[0]!.length > 1, name);
  }
});

test('csvOf: numbers are those of the figure, with the ends of their error bars, and text is kept as it is', () => {
  const named = plantedSweep([{ method: `${hostileText}, "a"`, optimum: 1e-2 }], { rates, seeds: [0, 1], noise: 0.1 });
  const figure = sweepCurve(named, predict(named).points);
  const rows = parse(csvOf(figure), { columns: true }) as Record<string, string>[];
  const line = figure.data[0] as unknown as Trace & { error_y: { array: number[] } };
  rows.slice(0, line.x.length).forEach((row, i) => {
    assert.is(row.series, `${hostileText}, "a"`);
    assert.ok(Math.abs(Number(row['learning rate']) / line.x[i]! - 1) < 1e-9);
    const high = (line.y[i] as number) + line.error_y.array[i]!;
    assert.ok(Math.abs(Number(row['score (lower is better), high']) - high) < 1e-8);
  });
});

test('csvOf: each end of an error bar is its own, where one is longer than the other', () => {
  const bars = { type: 'data', symmetric: false, array: [2, 0], arrayminus: [0.5, 0] } as const;
  const figure = {
    title: 'One bar',
    data: [{ type: 'scatter', name: 'a', x: [1, 2], y: [10, 20], error_y: bars } as const],
    layout: { xaxis: { title: { text: 'x' } }, yaxis: { title: { text: 'y' } } },
  };
  const [row] = parse(csvOf(figure as unknown as Parameters<typeof csvOf>[0]), { columns: true }) as Record<
    string,
    string
  >[];
  assert.equal([row!['y, low'], row!.y, row!['y, high']], ['9.5', '10', '12']);
});

test('pictureOf: the same figure gives the same bytes, of each kind', async () => {
  const { prediction: figure } = everyFigure() as Record<'prediction', Parameters<typeof pictureOf>[0]>;
  for (const format of ['svg', 'pdf', 'png', 'csv'] as const) {
    const [one, other] = await Promise.all(
      [0, 1].map(() => pictureOf(figure, format, { width: 3.3, fontSize: 8, hasTitle: true })),
    );
    assert.equal(Buffer.from(one!), Buffer.from(other!), format);
  }
});

test('the answer begins with the best rates and how far they lie apart, and says so far of a study that still runs', () => {
  assert.match(
    answerOf(prediction),
    /^The best learning rates are .*e-2 for lora and .*e-3 for pissa: [34]\.\d-fold apart\. /,
  );
  assert.is(statusOf(prediction), null);
  const progress = { done: 24, planned: 40, unfinished: ['pissa'] };
  const open = predict({ ...sweep, progress });
  assert.match(answerOf(open), /^So far the best learning rates are /);
  assert.match(
    statusOf(open)!,
    /^This study is not finished: 24 of 40 runs are done\. Some runs are missing of pissa\./,
  );
});

test.run();
