import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatPower, logAxis } from '../../analysis/figures/figure.ts';
import { lambdaMaxByMethod } from '../../analysis/figures/lambdaMaxByMethod.ts';
import { methodStyles } from '../../analysis/figures/methodStyle.ts';
import { predictionAgainstOptimum } from '../../analysis/figures/predictionAgainstOptimum.ts';
import { sweepCurve } from '../../analysis/figures/sweepCurve.ts';
import { predict } from '../../analysis/rates/predictor.ts';
import { adapterMethods } from '../../training/adapters/index.ts';
import { grid, plantedSweep } from '../cases/sweeps.ts';

type Trace = {
  name: string;
  mode: string;
  x: number[];
  y: number[];
  marker?: { color: string; symbol: string };
  error_y?: { array: number[]; visible?: boolean };
};

const methods = ['lora', 'pissa', 'milora', 'olora', 'init-ab'].map((method, i) => ({
  method,
  lambdaMax: 16 * 4 ** i,
  optimum: 0.02 / 2 ** i,
  divergesAt: 0.1 / 2 ** i,
}));
const rates = grid(1e-4, 2, 12);
const sweep = plantedSweep(methods, { rates, seeds: [0, 1], noise: 0.002 });
const prediction = predict(sweep);

test('sweepCurve: a line for each method through its mean scores, with their standard errors', () => {
  const traces = sweepCurve(sweep, prediction.points).data as unknown as Trace[];
  for (const { method, divergesAt } of methods) {
    const line = traces.find((trace) => trace.name === method && trace.mode === 'lines+markers')!;
    const finished = rates.filter((rate) => rate < divergesAt);
    assert.equal(line.x, finished);
    const scores = sweep.runs.filter((run) => run.method === method && run.learningRate === finished[3]);
    const [a, b] = scores.map((run) => run.score!) as [number, number];
    assert.ok(Math.abs(line.y[3]! - (a + b) / 2) < 1e-12);
    assert.ok(Math.abs(line.error_y!.array[3]! - Math.abs(a - b) / 2) < 1e-12);
  }
});

test('sweepCurve: the star is the optimum, and diverged rates stand as open markers inside the axis', () => {
  const { data, layout } = sweepCurve(sweep, prediction.points);
  const traces = data as unknown as Trace[];
  const [bottom, top] = layout.yaxis!.range as [number, number];
  for (const { method, optimum, divergesAt } of prediction.points) {
    const own = traces.filter((trace) => trace.name === method);
    const star = own.find((trace) => trace.marker!.symbol === 'star')!;
    assert.equal([star.x, star.y], [[optimum.learningRate], [optimum.score]]);
    const open = own.find((trace) => trace.marker!.color === 'white')!;
    assert.ok(open.x.includes(divergesAt!), `${method}: ${open.x}`);
    assert.ok(open.y.every((y) => y <= top && y > bottom));
  }
  assert.is(layout.xaxis!.type, 'log');
});

test('sweepCurve: one broken run of ten thousand does not set the scale', () => {
  const runs = sweep.runs.map((run) =>
    run.learningRate === rates.at(-1) ? { ...run, score: 1e4, status: 'finished' as const } : run,
  );
  const [, top] = sweepCurve({ ...sweep, runs }, prediction.points).layout.yaxis!.range as [number, number];
  assert.ok(top < 5, `axis up to ${top}`);
});

test('every method has the same colour and marker in all three figures', () => {
  const look = (trace: Trace): string => `${trace.marker!.color} ${trace.marker!.symbol}`;
  const spectra = methods.map(({ method, lambdaMax }) => ({
    configuration: method,
    method,
    lambdaMax: { value: lambdaMax, standardError: 0.1 },
    lambdaMin: { value: -1, standardError: null },
  }));
  const curve = sweepCurve(sweep, prediction.points).data as unknown as Trace[];
  const spectrum = lambdaMaxByMethod([...spectra].reverse()).data as unknown as Trace[];
  const against = predictionAgainstOptimum(prediction).data as unknown as Trace[];
  const looks = methods.map(({ method }) => {
    const own = [
      curve.find((trace) => trace.name === method)!,
      spectrum.find((trace) => trace.name === `${method} lambda_max`)!,
      against.find((trace) => trace.name === method)!,
    ].map(look);
    assert.is(new Set(own).size, 1, own.join('; '));
    return own[0]!;
  });
  assert.is(new Set(looks).size, methods.length);
});

test('configurations of one method share its colour and differ in their dash; unknown methods get a look', () => {
  const styles = methodStyles([
    { configuration: 'r8', method: 'lora' },
    { configuration: 'r32', method: 'lora' },
    { configuration: 'mine', method: 'my-own' },
  ]);
  assert.is(styles.get('r8')!.color, styles.get('r32')!.color);
  assert.is.not(styles.get('r8')!.dash, styles.get('r32')!.dash);
  assert.match(styles.get('mine')!.color, /^#/);
});

test('many configurations of the one method there is differ in colour or dash, every two of them', () => {
  const many = Array.from({ length: 30 }, (_, i) => ({ configuration: `lora ${i}`, method: 'lora' }));
  const looks = [...methodStyles(many).values()].map(({ color, dash }) => `${color} ${dash}`);
  assert.is(new Set(looks).size, 30);
});

test('lambdaMaxByMethod: the values stand as measured, |lambda_min| only where it is negative', () => {
  const spectra = [
    {
      configuration: 'a',
      method: 'a',
      lambdaMax: { value: 3, standardError: 0.5 },
      lambdaMin: { value: -7, standardError: null },
    },
    {
      configuration: 'b',
      method: 'b',
      lambdaMax: { value: 9, standardError: null },
      lambdaMin: { value: 0.5, standardError: null },
    },
    { configuration: 'c', method: 'c', lambdaMax: { value: 5, standardError: null }, lambdaMin: null },
  ];
  const { data, layout } = lambdaMaxByMethod(spectra);
  const seen = (data as unknown as Trace[]).map((trace) => [trace.name, trace.x[0]]);
  assert.equal(seen, [
    ['a |lambda_min|', 7],
    ['a lambda_max', 3],
    ['c lambda_max', 5],
    ['b lambda_max', 9],
  ]);
  assert.is(layout.xaxis!.type, 'log');
});

test('predictionAgainstOptimum: each method at (2/lambda_max, optimum), the diagonal in sight, the slope named', () => {
  const { data, layout } = predictionAgainstOptimum(prediction);
  const traces = data as unknown as Trace[];
  for (const { method, optimum, lambdaMax } of prediction.points) {
    const own = traces.find((trace) => trace.name === method)!;
    assert.equal([own.x, own.y], [[2 / lambdaMax!], [optimum.learningRate]]);
  }
  const diagonal = traces.find((trace) => trace.name === 'predicted = measured')!;
  assert.equal(diagonal.x, diagonal.y);
  const { slope } = prediction.predictors.find((one) => one.name === 'two-over-lambda')!;
  assert.ok(traces.some((trace) => trace.name.endsWith(`slope ${slope!.toFixed(2)}`)));
  assert.equal([layout.xaxis!.type, layout.yaxis!.type], ['log', 'log']);
});

test('a log axis shows all its values, with between two and ten ticks over one decade or twelve', () => {
  for (const values of [[1e-3], [1e-3, 2e-3], [1e-4, 1e-2], [1e-6, 1e6], []]) {
    const { range, tickvals, ticktext } = logAxis('rate', values);
    for (const value of values) assert.ok(Math.log10(value) > range[0] && Math.log10(value) < range[1]);
    assert.is(tickvals!.length, ticktext!.length);
    assert.ok(values.length < 2 || (tickvals!.length >= 2 && tickvals!.length <= 10), `${ticktext}`);
  }
});

test('powers of ten are written with superscripts, numbers near one as they are', () => {
  assert.equal([1e-3, 2e-5, 0.5, 20, 3e4, 1e10].map(formatPower), ['10⁻³', '2·10⁻⁵', '0.5', '20', '3·10⁴', '10¹⁰']);
});

test('every method of ours looks like no other, also one that has no entry', () => {
  const names = [...adapterMethods.map(({ name }) => name), 'loft', 'lora+'];
  const looks = methodStyles(names.map((method) => ({ configuration: method, method })));
  assert.is(new Set([...looks.values()].map(({ color, symbol }) => `${color} ${symbol}`)).size, names.length);
});

test.run();
