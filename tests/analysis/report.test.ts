import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { predict } from '../../analysis/rates/predictor.ts';
import { scriptSafe } from '../../analysis/report/page.ts';
import { renderReport } from '../../analysis/report/report.ts';
import type { ReportInput } from '../../analysis/report/reportInput.ts';
import { faultsOf, figuresOf, hostileText, ownPart } from '../cases/pages.ts';
import { grid, plantedSweep } from '../cases/sweeps.ts';

function report(names: readonly string[], changes: Partial<ReportInput> = {}): ReportInput {
  const methods = names.map((method, i) => ({ method, lambdaMax: 16 * 2 ** i, optimum: 0.02 / 2 ** i }));
  const sweep = plantedSweep(methods, { rates: grid(1e-4, 2, 12), seeds: [0, 1], noise: 0.002 });
  return {
    title: 'A study',
    command: 'npx lambdamax study',
    plan: { Model: 'fixtures/base' },
    sweep,
    prediction: predict(sweep),
    spectra: methods.map(({ method, lambdaMax }) => ({
      configuration: method,
      method,
      lambdaMax: { value: lambdaMax, residualBound: 1e-3, standardError: 0.4 },
      lambdaMin: { value: -4.5, residualBound: 1e-3, standardError: null },
      thresholds: { gradientDescent: 2 / lambdaMax, adam: null },
      tokens: 1234,
      batches: 4,
      products: 17,
      outcome: 'converged',
    })),
    versions: { lambdamax: '0.1.0' },
    ...changes,
  };
}

const names = ['lora', 'pissa', 'milora', 'olora', 'init-ab'];

test('one page with the verdict, four figures, all tables and the command, and nothing to fetch', () => {
  const input = report(names);
  const html = renderReport(input);
  const own = ownPart(html);
  assert.ok(own.includes(input.prediction.verdict.slice(0, 60)));
  assert.equal(Object.keys(figuresOf(html)), ['sweep-curve', 'score-dots', 'lambda-max', 'prediction']);
  for (const name of names) assert.ok(own.includes(`<th scope="row">${name}</th>`));
  for (const one of input.prediction.predictors) assert.ok(own.includes(one.name));
  assert.ok(own.includes('one-constant (baseline)'));
  assert.ok(own.includes('9 predictors were tried'));
  assert.ok(own.includes('npx lambdamax study') && own.includes('fixtures/base') && own.includes('0.1.0'));
  assert.equal(faultsOf(html), []);
  assert.ok(html.length > 5e5 && html.length < 1.6e6, `plotly.js is inside, compressed: ${html.length} bytes`);
});

test('text from the user is escaped wherever it stands', () => {
  const html = renderReport(
    report([hostileText, 'lora'], {
      title: hostileText,
      command: hostileText,
      plan: { [hostileText]: hostileText },
      versions: { [hostileText]: hostileText },
      generatedAt: hostileText,
    }),
  );
  assert.equal(faultsOf(html), []);
  assert.ok(figuresOf(html)['sweep-curve']!.data.some((trace) => trace.name.startsWith('&lt;/script&gt;')));
});

test('embedded JSON says the same after it is made safe', () => {
  const value = { text: `${hostileText}\u2028\u2029` };
  const safe = scriptSafe(JSON.stringify(value));
  assert.not(/[<>&\u2028\u2029]/.test(safe));
  assert.equal(JSON.parse(safe), value);
});

test('without curvature the page leaves out what it cannot say', () => {
  const sweep = plantedSweep([{ method: 'lora', optimum: 1e-3 }], { rates: grid(1e-4, 2, 8) });
  const html = renderReport(report(names, { sweep, prediction: predict(sweep), spectra: [] }));
  assert.equal(Object.keys(figuresOf(html)), ['sweep-curve', 'score-dots']);
  assert.not(ownPart(html).includes('2/λmax'));
});

test('the same input gives the same bytes', () => {
  const input = report(names);
  assert.is(renderReport(input), renderReport(input));
});

test.run();
