import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangedColors } from '../../analysis/figures/figure.ts';
import { moduleHeatMaps } from '../../analysis/figures/modules/moduleHeatMap.ts';
import { predict } from '../../analysis/rates/predictor.ts';
import { pageStyle, scriptSafe } from '../../analysis/report/page.ts';
import { renderReport } from '../../analysis/report/report.ts';
import type { ReportInput } from '../../analysis/report/reportInput.ts';
import { moduleNames } from '../cases/figures.ts';
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

/** Contrast of two colours by WCAG 2, from 1 to 21. */
function contrast(...colors: [string, string]): number {
  const [low, high] = colors
    .map((color) => {
      const [red, green, blue] = [1, 3, 5].map((at) => {
        const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue! + 0.05;
    })
    .sort((a, b) => a - b);
  return high! / low!;
}

const escaped = (text: string): string => text.replaceAll('<', '&lt;').replaceAll("'", '&#39;');

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

test('the verdict stands in short paragraphs, and each claim once: in the table', () => {
  const input = report(names);
  const own = ownPart(renderReport(input));
  for (const { evidence } of input.prediction.claims)
    assert.is(own.toLowerCase().split(escaped(evidence).toLowerCase()).length, 2, evidence);
  const bare = predict(plantedSweep([{ method: 'lora', optimum: 0.01 }], { rates: grid(1e-4, 2, 12), seeds: [0] }));
  assert.ok(
    ownPart(renderReport(report(['lora'], { prediction: bare, spectra: [] }))).includes('No lambda_max was given'),
  );
});

test('the colours that a page exchanges are its own, light and dark, and the strongest shade stands out most on either', () => {
  const style = pageStyle();
  const [light, dark] = ['', 'dark'].map((scheme) => {
    const rules = style.slice(scheme === '' ? 0 : style.indexOf('(prefers-color-scheme: dark)'));
    return (name: string): string => new RegExp(`--${name}: ([^;]+);`).exec(rules)![1]!.replace('white', '#ffffff');
  });
  for (const [name, color] of Object.entries(exchangedColors))
    assert.is(light!(name), color.replace('white', '#ffffff'));
  const shades = Object.keys(exchangedColors).filter((name) => name.startsWith('shade-'));
  for (const colorOf of [light!, dark!]) {
    const contrasts = shades.map((name) => contrast(colorOf(name), colorOf('ground')));
    assert.equal(
      contrasts,
      contrasts.toSorted((a, b) => a - b),
    );
    assert.ok(contrasts[0]! > 1.5 && contrasts.at(-1)! > 7, contrasts.join());
  }
});

test('no colour of a heat map, which stays as it is, is one that a page exchanges', () => {
  const modules = moduleNames(2).map((name, i) => ({ name, lambdaMax: i + 1, lambdaMin: -1 }));
  const { colorscale } = moduleHeatMaps([{ configuration: 'lora', modules }]).data[0] as {
    colorscale?: readonly (readonly [number, string])[];
  };
  for (const [, color] of colorscale!) assert.not.ok(Object.values(exchangedColors).includes(color), color);
});

test('the same input gives the same bytes', () => {
  const input = report(names);
  assert.is(renderReport(input), renderReport(input));
});

test.run();
