import type { Layout, LayoutAxis } from 'plotly.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Figure } from '../../analysis/figures/figure.ts';
import { optimumBySetting } from '../../analysis/figures/optimumBySetting.ts';
import { predictionAgainstOptimum } from '../../analysis/figures/predictionAgainstOptimum.ts';
import { sweepCurve } from '../../analysis/figures/sweepCurve.ts';
import { predict } from '../../analysis/rates/predictor.ts';
import { renderReport, reportFigures } from '../../analysis/report/report.ts';
import { claimTables, methodTable, powerTable } from '../../analysis/report/tables.ts';
import { faultsOf, figuresOf, ownPart } from '../cases/pages.ts';
import { grid, plantedProduct, plantedSweep } from '../cases/sweeps.ts';

interface Trace {
  readonly name: string;
  readonly x: number[];
  readonly y: number[];
  readonly xaxis?: string;
  readonly yaxis?: string;
  readonly showlegend?: boolean;
  readonly mode: string;
}

const tracesOf = (figure: Figure): Trace[] => figure.data as unknown as Trace[];
const inLegend = (figure: Figure): string[] =>
  tracesOf(figure)
    .filter(({ showlegend }) => showlegend !== false)
    .map(({ name }) => name);
const axisOf = (layout: Partial<Layout>, name: string): LayoutAxis =>
  layout[`${name[0]}axis${name.slice(1)}` as 'xaxis'] as LayoutAxis;

const methods = ['lora', 'pissa', 'olora'];

/** A sweep whose optima go as rank^-0.5 and batch^0.5. */
function swept(ranks: readonly number[], batches: readonly number[]) {
  const planted = plantedProduct(methods, { ranks, batches }, (i, rank, batch) => ({
    optimum: (4e-3 * 2 ** -i * batch ** 0.5) / rank ** 0.5,
    lambdaMax: 20 * 2 ** i * rank ** 0.5,
  }));
  const sweep = plantedSweep(planted, { rates: grid(2 ** -14, 2, 14) });
  return { sweep, prediction: predict(sweep) };
}

const { sweep, prediction } = swept([2, 8, 32], [4, 16]);

test('many curves stand in a panel for each of the settings, each configuration once, the methods in the legend', () => {
  const figure = sweepCurve(sweep, prediction.points);
  assert.equal(inLegend(figure), methods);
  const titles = figure.layout.annotations!.map(({ text }) => text);
  assert.equal(
    titles,
    prediction.equalSettings!.groups.map(({ name }) => `<b>${name}</b>`),
  );
  const curves = tracesOf(figure).filter(({ mode }) => mode === 'lines+markers');
  assert.is(curves.length, 18);
  for (const axis of new Set(curves.map(({ xaxis }) => xaxis)))
    assert.equal(
      curves.filter(({ xaxis }) => xaxis === axis).map(({ name }) => name),
      methods,
    );
});

test('panels lie apart, inside the figure, row by row, under one vertical scale', () => {
  for (const batches of [[4], [4, 16], [4, 16, 64]]) {
    const many = swept([1, 2, 8, 32], batches);
    const { data, layout } = sweepCurve(many.sweep, many.prediction.points);
    const axes = [...new Set((data as unknown as Trace[]).map(({ xaxis, yaxis }) => `${xaxis} ${yaxis}`))];
    assert.is(axes.length, 4 * batches.length);
    const boxes = axes.map((pair) => {
      const [x, y] = pair.split(' ').map((name) => axisOf(layout, name));
      return { x: x!.domain!, y: y!.domain!, range: y!.range };
    });
    for (const [i, one] of boxes.entries()) {
      assert.ok([...one.x, ...one.y].every((end) => end >= -1e-9 && end <= 1 + 1e-9));
      assert.equal(one.range, boxes[0]!.range);
      for (const other of boxes.slice(0, i))
        assert.ok(one.x[0]! >= other.x[1]! || one.x[1]! <= other.x[0]! || one.y[1]! < other.y[0]!, 'they overlap');
    }
  }
});

test('panels of other tasks have vertical scales of their own, which show all their scores', () => {
  const planted = [1, 50].flatMap((peak) =>
    methods.map((method) => ({
      ...{ method, configuration: `${method}, task ${peak}`, settings: { task: String(peak) } },
      ...{ optimum: 1e-3, peak },
    })),
  );
  const tasks = plantedSweep(planted, { rates: grid(1e-4, 2, 8) });
  const { layout } = sweepCurve(tasks, predict(tasks).points);
  const [one, other] = ['y', 'y2'].map((name) => axisOf(layout, name));
  assert.ok(one!.range![1] < 2 && other!.range![0] > 49);
  assert.is.not(other!.showticklabels, false);
});

test('a few configurations, and many of one method, stand in one plot', () => {
  const few = swept([2, 8], [4]);
  assert.is(sweepCurve(few.sweep, few.prediction.points).layout.annotations, undefined);
  const planted = plantedProduct(['lora'], { ranks: grid(1, 2, 10), batches: [4] }, () => ({ optimum: 1e-3 }));
  const one = plantedSweep(planted, { rates: grid(1e-4, 2, 8) });
  assert.is(sweepCurve(one, predict(one).points).layout.annotations, undefined);
});

test('optimum-by-setting has a panel for each numeric setting with its power, and a line for each method in it', () => {
  const figure = optimumBySetting(prediction.points, prediction.powers);
  assert.equal(
    figure.layout.annotations!.map(({ text }) => text),
    ['<b>Rank^-0.50 (-0.64 to -0.36)</b>', '<b>Batch^0.50 (0.26 to 0.74)</b>'],
  );
  assert.equal(inLegend(figure), methods);
  const [byRank, byBatch] = ['x1', 'x2'].map((axis) =>
    tracesOf(figure).filter(({ xaxis }) => (xaxis === 'x' ? 'x1' : xaxis) === axis),
  );
  assert.equal([byRank!.length, byBatch!.length], [6, 9]);
  for (const { x, y } of [...byRank!, ...byBatch!]) {
    const slope = Math.log(y.at(-1)! / y[0]!) / Math.log(x.at(-1)! / x[0]!);
    assert.ok(Math.abs(Math.abs(slope) - 0.5) < 1e-6, `slope ${slope}`);
  }
  const shown = prediction.points.map(({ optimum }) => Math.log10(optimum.learningRate));
  const [low, high] = figure.layout.yaxis!.range as [number, number];
  assert.ok(shown.every((value) => low <= value && value <= high));
});

test('prediction against optimum: every configuration stands there, and each method once in the legend', () => {
  const figure = predictionAgainstOptimum(prediction);
  assert.equal(
    inLegend(figure).filter((name) => methods.includes(name)),
    methods,
  );
  assert.is(tracesOf(figure).filter(({ name }) => methods.includes(name)).length, 18);
});

test('the page has the claims at equal settings first, a column for each setting, and the powers', () => {
  const input = { title: 'A study', command: '', plan: {}, sweep, prediction, spectra: [], versions: {} };
  assert.equal(Object.keys(reportFigures(input)), [
    'sweep-curve',
    'score-dots',
    'optimum-by-setting',
    'score-by-setting',
    'prediction',
  ]);
  const html = renderReport(input);
  assert.equal(faultsOf(html), []);
  assert.equal(Object.keys(figuresOf(html)), Object.keys(reportFigures(input)));
  const own = ownPart(html);
  const at = own.indexOf('At equal settings: 6 groups of 3 methods');
  assert.ok(at > 0 && at < own.indexOf('Over all 18 configurations</h3>'));
  const { header, rows } = methodTable(prediction);
  assert.equal(header.slice(0, 4), ['Configuration', 'Rank', 'Batch', 'Optimum']);
  assert.equal(rows[1]!.slice(0, 3), ['pissa, rank 2, batch 4', '2', '4']);
  assert.match(rows[1]![header.indexOf('× LoRA’s rate')]!, /^0\.5 /);
  assert.is(rows[0]![header.indexOf('× LoRA’s rate')], '1');
  assert.equal(
    powerTable(prediction).rows.map(([setting, power]) => [setting, power]),
    [
      ['rank', '-0.50'],
      ['batch', '0.50'],
    ],
  );
  assert.equal(
    claimTables(prediction).map(({ table }) => table.rows.length),
    [4, 3],
  );
});

test('a sweep at one setting has one table of claims, without a heading, and nothing about settings', () => {
  const planted = methods.map((method, i) => ({ method, optimum: 1e-3, lambdaMax: 2 ** i }));
  const single = predict(plantedSweep(planted, { rates: grid(1e-4, 2, 8) }));
  assert.equal(
    claimTables(single).map(({ heading, table }) => [heading, table.rows.length]),
    [['', 4]],
  );
  assert.equal(methodTable(single).header.slice(0, 2), ['Configuration', 'Optimum']);
});

test.run();
