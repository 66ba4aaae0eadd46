import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { predict } from '../../analysis/predictor.ts';
import { readStudyFindings } from '../../analysis/studyFolder.ts';
import { readSweepCsv } from '../../analysis/sweepCsv.ts';
import { writeMeasurement } from '../../training/sweep/record.ts';
import { sweep } from '../../training/sweep/sweep.ts';
import { commandLine, spawnedCommandLine } from '../cases/commandLine.ts';
import { figuresOf, ownPart } from '../cases/pages.ts';
import { exactResult, optimumOf, parabolaResult, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { resultOf } from '../oracles/commands.ts';

/** A finished study of the synthetic parabolas, with a spectrum for each method. */
async function finishedStudy(study: string): Promise<void> {
  await sweep(somePlan(), { study, execute: async (run) => parabolaResult(run) });
  for (const [method, value] of Object.entries({ lora: 0.776, pissa: 12 })) {
    const spectrum = {
      operator: 'hessian',
      method,
      tokens: 1234,
      batches: 4,
      products: 17,
      outcome: 'converged',
      lambdaMax: { value, residualBound: 1e-3, standardError: 0.1 },
      lambdaMin: { value: -value / 2, residualBound: 1e-3, standardError: 0.1 },
      thresholds: { gradientDescent: 2 / value, momentum: 3.8 / value, adam: null },
    };
    await writeMeasurement(study, 'spectra', { method, operator: 'hessian' }, spectrum);
  }
}

test('predict finds the optima that the runs were made with, prints one object and leaves it in the study', () =>
  inTemporaryFolder(async (study) => {
    await finishedStudy(study);
    const { code, stdout } = await spawnedCommandLine(['predict', '--study', '.', '--json'], study);
    assert.is(code, 0);
    const prediction = JSON.parse(stdout) as ReturnType<typeof predict>;
    assert.is(prediction.scoreDirection, 'lower');
    for (const { method, optimum, lambdaMax } of prediction.points) {
      // The seeds' optima are 5 % apart, and a parabola through exact values of one is exact.
      assert.ok(
        Math.abs(Math.log(optimum.learningRate / optimumOf[method]!)) < 0.06,
        `${method} ${optimum.learningRate}`,
      );
      assert.is(lambdaMax, method === 'lora' ? 0.776 : 12);
    }
    assert.is(prediction.points.length, 2);
    assert.equal(JSON.parse(await readFile(join(study, 'prediction.json'), 'utf8')), prediction);
  }));

test('what further predictors said stands beside the sweep, with its fold error, its regret and its price', () =>
  inTemporaryFolder(async (study) => {
    await finishedStudy(study);
    for (const method of ['lora', 'pissa']) {
      const rates = { curvature: 2 * optimumOf[method]!, 'update-curvature': null };
      const measured = { method, predictor: 'curvature', rates, gradientEvaluations: 22 };
      await writeMeasurement(study, 'predictors', { method, predictor: 'curvature' }, measured);
    }
    await writeMeasurement(study, 'predictors', { broken: true }, { method: 'lora', rates: 3 });
    const { predictors, points } = await resultOf<ReturnType<typeof predict>>('predict', study);
    const curvature = predictors.find(({ name }) => name === 'curvature')!;
    assert.ok(Math.abs(curvature.geometricMeanFoldError! - 2) < 0.15, `${curvature.geometricMeanFoldError}`);
    assert.is(curvature.price, 22);
    assert.ok(points[0]!.predictions.curvature!.regret > 0);
    assert.is(
      predictors.find(({ name }) => name === 'update-curvature'),
      undefined,
    );
    const { stdout } = await commandLine(['predict', study]);
    assert.match(stdout, /^predictor .* mean regret +price$/m);
    assert.match(stdout, /^curvature .* 22$/m);
  }));

test('in words, predict has a line for each configuration', () =>
  inTemporaryFolder(async (study) => {
    await finishedStudy(study);
    const { code, stdout, stderr } = await commandLine(['predict', study]);
    assert.is(code, 0);
    assert.is(stderr, '');
    for (const method of ['lora', 'pissa'])
      assert.match(stdout, new RegExp(`^${method} .* (12|0\\.776) +[\\d.]+$`, 'm'));
  }));

test('results.csv of a study says the same as the study', () =>
  inTemporaryFolder(async (study) => {
    await finishedStudy(study);
    const { code, stdout } = await commandLine(['predict', '--csv', join(study, 'results.csv'), '--json']);
    assert.is(code, 0);
    const fromTable = JSON.parse(stdout) as ReturnType<typeof predict>;
    const fromStudy = predict((await readStudyFindings(study)).sweep);
    assert.equal(
      fromTable.points.map(({ method, optimum }) => [method, optimum]),
      fromStudy.points.map(({ method, optimum }) => [method, optimum]),
    );
  }));

test('results.csv of a study of a task says the same as the study', () =>
  inTemporaryFolder(async (study) => {
    const task = { name: 'math', exactOnly: true };
    await sweep(somePlan({ score: 'exactMatch', task }), { study, execute: async (run) => exactResult(run) });
    const fromTable = predict(readSweepCsv(join(study, 'results.csv')));
    const { sweep: runs, plan } = await readStudyFindings(study);
    const fromStudy = predict(runs);
    // The table does not say which optimizer it was.
    const known = (points: typeof fromStudy.points) => points.map(({ limit: _, ...point }) => point);
    assert.equal(known(fromTable.points), known(fromStudy.points));
    assert.is(fromStudy.points[0]!.limit?.optimizer, 'adamw');
    assert.equal([fromTable.peakSpread, fromTable.predictors], [fromStudy.peakSpread, fromStudy.predictors]);
    assert.ok(fromStudy.isShare && fromStudy.points.every(({ optimum }) => optimum.score === 1));
    assert.equal(plan.task, task);
    const { code } = await commandLine(['report', study]);
    assert.is(code, 0);
    const page = await readFile(join(study, 'report.html'), 'utf8');
    assert.match(page, /100\.0 % \(98\.1 to 100\.0\)/);
    const words = ownPart(page);
    assert.match(words, /an exact match is a response that greedy decoding would write word for word/);
    assert.match(words, /<h2>Exact match against learning rate<\/h2>/);
    assert.match(words, /Best exact match/);
    assert.not.match(words, /accuracy/i);
    assert.equal([fromTable.context.score, fromStudy.context.score], ['exact match', 'exact match']);
    const { layout } = figuresOf(page)['sweep-curve']! as { layout: { yaxis: { title: { text: string } } } };
    assert.is(layout.yaxis.title.text, 'exact match (higher is better)');
  }));

test('the report is one page in the study folder, the same each time', () =>
  inTemporaryFolder(async (study) => {
    await finishedStudy(study);
    const { code, stdout } = await commandLine(['report', study, '--json']);
    assert.is(code, 0);
    const file = join(study, 'report.html');
    assert.is((JSON.parse(stdout) as { report: string }).report, file);
    const page = await readFile(file, 'utf8');
    assert.match(page, /^<!doctype html>/i);
    assert.match(page, /rank 8, alpha 16, on all-linear/);
    await commandLine(['report', study, '--out', join(study, 'again.html')]);
    assert.is(await readFile(join(study, 'again.html'), 'utf8'), page);
    await resultOf('figure', study, '--name', 'prediction', '--out', join(study, 'prediction.json'));
    const figure = JSON.parse(await readFile(join(study, 'prediction.json'), 'utf8'));
    assert.equal(figure, figuresOf(page).prediction);
  }));

test('a spectrum that is broken, or of nothing, is left out', () =>
  inTemporaryFolder(async (study) => {
    await finishedStudy(study);
    await writeMeasurement(study, 'spectra', { broken: true }, { operator: 'hessian' });
    await writeFile(join(study, 'spectra', '0123456789ab.json'), '{"operator": "hes');
    const { spectra, sweep: runs } = await readStudyFindings(study);
    assert.equal(
      spectra.map(({ method }) => method),
      ['pissa', 'lora'],
    );
    assert.is(runs.configurations.find(({ method }) => method === 'pissa')?.lambdaMax, 12);
  }));

test('a study without a finished run has nothing to predict, and says so', () =>
  inTemporaryFolder(async (study) => {
    await sweep(somePlan({ methods: ['pissa'], grid: [9], mostRates: 1, seeds: [0] }), {
      study,
      execute: async (run) => parabolaResult(run),
    });
    const { code, stderr } = await commandLine(['predict', study]);
    assert.is(code, 1);
    assert.match(stderr, /^lambdamax: [^\n]*diverged[^\n]*\n$/);
    assert.ok(
      await access(join(study, 'prediction.json')).then(
        () => false,
        () => true,
      ),
    );
  }));

test.run();
