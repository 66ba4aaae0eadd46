import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type RunStep, sharpnessWords } from '../../analysis/rates/run.ts';
import { readRunFolder } from '../../analysis/report/runFolder.ts';
import { renderRunPage } from '../../analysis/report/runPage.ts';
import { faultsOf, figuresOf, hostileText, ownPart } from '../cases/pages.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

/** 20 steps of gradient descent at rate 0.1 whose sharpness, 2 and 2 more with each step, is measured every fifth. */
const steps: readonly RunStep[] = Array.from({ length: 20 }, (_, index) => {
  const step = index + 1;
  const sharpness = { hessian: 2 * step, effective: 2 * step, threshold: 20, limit: 1 / step };
  return {
    step,
    loss: 3 - 0.1 * step,
    learningRate: 0.1,
    gradientNorm: 1 / step,
    ...(step % 5 === 0 && { sharpness }),
  };
});
const result = { status: 'finished', steps: 20, tokens: 4000, initialLoss: 2.9, finalLoss: 1 } as const;

/** The run's steps as Adam would have them: they see 100 times as much curvature. */
const asAdam = steps.map(({ sharpness, ...rest }) => ({
  ...rest,
  ...(sharpness && { sharpness: { ...sharpness, effective: 100 * sharpness.hessian!, threshold: 380, limit: null } }),
}));

test('a run is one page with its curves, and sharpness beside the threshold of every step', () => {
  const html = renderRunPage({ name: 'gd', steps, result });
  assert.equal(faultsOf(html), []);
  const figures = figuresOf(html);
  assert.equal(Object.keys(figures), ['loss', 'sharpness', 'learning-rate', 'gradient-norm']);
  const [threshold, sharpness] = figures.sharpness!.data;
  assert.is(threshold!.name, 'threshold: 2 / rate');
  assert.equal([threshold!.x.length, new Set(threshold!.y)], [20, new Set([20])]);
  assert.equal(
    [sharpness!.x, sharpness!.y],
    [
      [5, 10, 15, 20],
      [10, 20, 30, 40],
    ],
  );
  assert.equal(
    figures.loss!.data[0]!.y,
    steps.map(({ loss }) => loss),
  );
  assert.match(ownPart(html), /Finished: loss 2\.900 at the first step, 1\.000 at the end\./);
});

test('what Adam sees stands apart from the Hessian, under its own threshold', () => {
  const figures = figuresOf(renderRunPage({ name: 'adam', steps: asAdam, result }));
  assert.equal(Object.keys(figures), ['loss', 'sharpness', 'hessian', 'learning-rate', 'gradient-norm']);
  const [threshold, sharpness] = figures.sharpness!.data;
  assert.is(threshold!.name, 'threshold: 38 / rate');
  assert.equal(sharpness!.y, [1000, 2000, 3000, 4000]);
  assert.equal(figures.hessian!.data[0]!.y, [10, 20, 30, 40]);
});

test('a rate near zero puts its threshold off the scale, and a rate of zero has none', () => {
  const rates = steps.map((step, index) => ({ ...step, learningRate: index === 0 ? 0 : index === 19 ? 1e-9 : 0.1 }));
  const { data, layout } = figuresOf(renderRunPage({ name: 'warm-up', steps: rates, result })).sharpness!;
  assert.equal([data[0]!.x[0], data[0]!.x.length], [2, 19]);
  assert.ok((layout.yaxis!.range![1] as number) < 3, 'the axis ends a little above the curve');
});

test('the words say how far sharpness went, and where it was above the threshold', () => {
  assert.equal(sharpnessWords(steps), [
    'λmax of the Hessian went from 10 after step 5 to 40 after step 20, a factor of 4.',
    'What the optimizer’s steps see was between 0.5 and 2 of the threshold of the rate in use, and above it at 2 of 4 ' +
      'measurements, first after step 15.',
  ]);
  assert.equal(sharpnessWords(steps.slice(0, 4)), []);
});

test('runs that diverged, are not done, were not measured or were measured without a known limit have their page too', () => {
  const plain = steps.map(({ sharpness: _, ...step }) => step);
  const broken = [...plain.slice(0, 3), { step: 4, loss: null, learningRate: 0.1, gradientNorm: null }];
  const reason = 'loss is NaN at step 4';
  const diverged = renderRunPage({ name: 'a', steps: broken, result: { ...result, status: 'diverged', reason } });
  assert.match(ownPart(diverged), /Diverged: loss is NaN at step 4\./);
  assert.equal(Object.keys(figuresOf(diverged)), ['loss', 'learning-rate', 'gradient-norm']);
  assert.match(ownPart(renderRunPage({ name: 'b', steps: plain, result: null })), /Not done: 20 steps so far\./);
  const loft = steps.map(({ sharpness, ...step }) => ({
    ...step,
    ...(sharpness && { sharpness: { ...sharpness, effective: null, threshold: null, limit: null } }),
  }));
  const page = renderRunPage({ name: 'c', steps: loft, result });
  assert.equal(Object.keys(figuresOf(page)), ['loss', 'hessian', 'learning-rate', 'gradient-norm']);
  assert.match(ownPart(page), /No limit is known for this optimizer/);
});

test('the name of a folder and the reason of a divergence are escaped', () => {
  const outcome = { ...result, status: 'diverged', reason: hostileText } as const;
  assert.equal(faultsOf(renderRunPage({ name: hostileText, steps, result: outcome })), []);
});

test('a run is read from its folder, done or not, and what is no run is named', () =>
  inTemporaryFolder(async (folder) => {
    const run = join(folder, 'my run');
    await mkdir(run);
    await throwsClearly(() => readRunFolder(run), /my run\/metrics\.jsonl: .*no such file/);
    await writeFile(join(run, 'metrics.jsonl'), steps.map((step) => `${JSON.stringify(step)}\n`).join(''));
    assert.equal(await readRunFolder(run), { name: 'my run', steps, result: null });
    await writeFile(join(run, 'result.json'), JSON.stringify({ ...result, accuracy: null }));
    assert.is((await readRunFolder(`${run}/`)).result!.finalLoss, 1);
    await appendFile(join(run, 'metrics.jsonl'), '{"step":21,"loss":"low"}\n');
    await throwsClearly(() => readRunFolder(run), /metrics\.jsonl, line 21: expected what finetune writes, got loss: /);
  }));

test.run();
