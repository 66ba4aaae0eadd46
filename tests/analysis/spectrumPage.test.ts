import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { densityCurve } from '../../analysis/figures/densityCurve.ts';
import { moduleHeatMap } from '../../analysis/figures/modules/moduleHeatMap.ts';
import { ratioStrip } from '../../analysis/figures/modules/ratioStrip.ts';
import { limits } from '../../analysis/rates/limits.ts';
import { relativeToLora } from '../../analysis/rates/relativeToLora.ts';
import type { PageSpectrum } from '../../analysis/report/pageSpectrum.ts';
import { renderSpectrumPage } from '../../analysis/report/spectrumPage.ts';
import { faultsOf, figuresOf, hostileText, ownPart } from '../cases/pages.ts';
import { assertClose } from '../oracles/close.ts';

const names = [0, 1, 2].flatMap((layer) =>
  ['q_proj', 'v_proj'].map((kind) => `model.layers.${layer}.self_attn.${kind}`),
);

/** A spectrum of six modules, whose lambda_max are 1, 2, .. times the scale. */
function someSpectrum(method: string, scale = 1, changes: Partial<PageSpectrum> = {}): PageSpectrum {
  return {
    operator: 'hessian',
    method,
    parameters: 600,
    tokens: 1234,
    batches: 4,
    loss: 2.5,
    lambdaMax: { value: 9 * scale, residualBound: 1e-3, standardError: 0.4 },
    lambdaMin: { value: -4 * scale, residualBound: 1e-3, standardError: null },
    outcome: 'converged',
    products: 17,
    limits: limits({ lambdaMax: 9 * scale }),
    modules: names.map((name, index) => ({
      ...{
        name,
        parameters: 100,
        lambdaMax: scale * (index + 1),
        lambdaMin: -scale,
        outcome: 'converged',
        products: 9,
      },
    })),
    ...changes,
  };
}

/** All of 600 eigenvalues at 0 but for one at 5, each as wide as 0.1. */
const width = 0.1;
const grid = Array.from({ length: 700 }, (_, index) => -1 + index / 100);
const normal = (x: number, centre: number) =>
  Math.exp(-0.5 * ((x - centre) / width) ** 2) / (width * Math.sqrt(2 * Math.PI));
const density = {
  grid,
  density: grid.map((x) => (599 * normal(x, 0) + normal(x, 5)) / 600),
  standardError: grid.map(() => 1e-6),
  width,
};

const options = { setting: ['fixtures/base', 'train.jsonl'], command: 'lambdamax spectrum --html FILE' };

test('a page of one spectrum has its ends, its limits with what they assume, its modules and its density', () => {
  const spectrum = someSpectrum('pissa', 1, { density, trace: { value: 30, standardError: 2 } });
  const html = renderSpectrumPage([spectrum], options);
  assert.equal(faultsOf(html), []);
  assert.equal(Object.keys(figuresOf(html)), ['modules-0', 'density-0']);
  const own = ownPart(html);
  for (const part of [...options.setting, options.command, '9 ± 0.4', '30 ± 2', '1,234 scored tokens in 4 batches'])
    assert.ok(own.includes(part), part);
  const [{ formula, source, assumptions }] = spectrum.limits as [PageSpectrum['limits'][number]];
  for (const part of [formula, source, ...assumptions]) assert.ok(own.includes(part), part);
  assert.ok(!own.includes('Adam'), 'says what was not measured');
  for (const name of names) assert.ok(own.includes(`<th scope="row">${name}</th>`));
});

test('a page of several methods sets each against LoRA, with all heat maps on one scale', () => {
  const spectra = [someSpectrum('lora'), someSpectrum('pissa', 12)];
  const compared = spectra.map((each) => ({ ...each, relativeToLora: relativeToLora(each, spectra[0]!) }));
  const html = renderSpectrumPage(compared, options);
  assert.equal(faultsOf(html), []);
  const figures = figuresOf(html);
  assert.equal(Object.keys(figures), ['relative-to-lora', 'relative-density', 'lambda-max', 'modules-0', 'modules-1']);
  const scales = ['modules-0', 'modules-1'].map((name) => {
    const { zmin, zmax } = figures[name]!.data[0] as unknown as { zmin: number; zmax: number };
    return [zmin, zmax];
  });
  assert.equal(scales[0], scales[1]);
  assert.ok(scales[0]![0]! < 0 && scales[0]![1]! > Math.log10(72));
  assert.match(ownPart(html), /12 to 12/);
});

test('names of methods and modules are escaped', () => {
  const modules = [{ name: hostileText, parameters: 1, lambdaMax: 1, lambdaMin: 0, outcome: 'converged', products: 1 }];
  const hostile = someSpectrum(hostileText, 1, { modules });
  const compared = { ...hostile, relativeToLora: relativeToLora(hostile, hostile) };
  const html = renderSpectrumPage([compared, compared], { setting: [hostileText], command: hostileText });
  assert.equal(faultsOf(html), []);
});

test('moduleHeatMap: a row for each layer, a column for each kind, and nothing where curvature is not positive', () => {
  const modules = someSpectrum('lora').modules!.map((module, index) =>
    index === 3 ? { ...module, lambdaMax: -1 } : module,
  );
  const { data } = moduleHeatMap(modules);
  const { x, y, z } = data[0] as unknown as { x: string[]; y: string[]; z: (number | null)[][] };
  assert.equal(
    [x, y],
    [
      ['q_proj', 'v_proj'],
      ['layer 0', 'layer 1', 'layer 2'],
    ],
  );
  const values = z.map((row) => row.map((cell) => (cell === null ? null : Math.round(10 ** cell))));
  assert.equal(values, [
    [1, 2],
    [3, null],
    [5, 6],
  ]);
});

test('densityCurve: one eigenvalue stands out as high as a single one does, and emptiness lies on the floor', () => {
  const { data } = densityCurve({ density, parameters: 600, lambdaMax: 5, lambdaMin: 0 });
  const curve = data.find(({ name }) => name === 'density') as unknown as { x: number[]; y: number[] };
  const at = (x: number) => curve.y[curve.x.findIndex((point) => Math.abs(point - x) < 1e-9)]!;
  const single = 1 / (width * Math.sqrt(2 * Math.PI));
  assertClose([at(0), at(5)], [599 * single, single], 1e-6);
  assertClose([at(2.5)], [single / 10], 1e-12);
  const marks = data.find(({ name }) => name?.includes('Lanczos')) as unknown as { x: number[] };
  assert.equal(marks.x, [0, 5]);
});

test('ratioStrip: a box for each method, the first on top, and every module a point of its kind', () => {
  const methods = [1, 12].map((ratio, index) => ({
    method: ['lora', 'pissa'][index]!,
    modules: names.map((name) => ({ name, ratio })),
  }));
  const { data, layout } = ratioStrip(methods);
  assert.equal(layout.yaxis!.ticktext, ['pissa', 'lora']);
  const points = data.filter((trace) => trace.type === 'scatter') as unknown as {
    name: string;
    x: number[];
    y: number[];
  }[];
  assert.equal(
    points.map(({ name, x }) => [name, x.length]),
    [
      ['q_proj', 6],
      ['v_proj', 6],
    ],
  );
  for (const { x, y } of points)
    assert.equal(
      x,
      y.map((row) => (Math.round(row) === 0 ? 12 : 1)),
    );
  assert.is(data.filter((trace) => trace.type === 'box').length, 2);
});

test.run();
