import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { predict } from '../../analysis/rates/predictor.ts';
import { readSweepCsv } from '../../analysis/rates/sweepCsv.ts';
import { readStudyFindings } from '../../study/findings.ts';
import { writeMeasurement } from '../../study/folder/measured.ts';
import type { ExecuteRun } from '../../study/measure/execute.ts';
import { studyPredictors } from '../../study/measure/predictors.ts';
import { type StudyPredictorName, usualPredictors } from '../../study/plan/measurements.ts';
import { sweep } from '../../study/sweep/sweep.ts';
import { lockFolder } from '../../training/checkpoint/folderLock.ts';
import { commandLine, spawnedCommandLine } from '../cases/commandLine.ts';
import { moduleNames } from '../cases/figures.ts';
import { faultsOf, figuresOf, ownPart } from '../cases/pages.ts';
import { exactResult, leaveSpectra, optimumOf, parabolaResult, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

/** A finished study of the synthetic parabolas, with a spectrum for each method. */
async function finishedStudy(study: string): Promise<void> {
  await sweep(somePlan(), { study, execute: async (run) => parabolaResult(run) });
  await leaveSpectra(somePlan(), study, ({ method }) => {
    const value = method === 'lora' ? 0.776 : 12;
    return {
      tokens: 1234,
      batches: 4,
      products: 17,
      outcome: 'converged',
      lambdaMax: { value, residualBound: 1e-3, standardError: 0.1 },
      lambdaMin: { value: -value / 2, residualBound: 1e-3, standardError: 0.1 },
      thresholds: { gradientDescent: 2 / value, momentum: 3.8 / value, adam: null },
    };
  });
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
    const names: StudyPredictorName[] = ['curvature'];
    await studyPredictors(
      somePlan(),
      study,
      { ...usualPredictors, names },
      {
        ask: async ({ configuration: { method } }) => ({
          rates: { curvature: 2 * optimumOf[method]!, 'update-curvature': null },
          gradientEvaluations: 22,
        }),
      },
    );
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
    assert.match(stdout, /^predictor .* regret of the best measured +price$/m);
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
    const { sweep: runs, plans } = await readStudyFindings(study);
    const fromStudy = predict(runs);
    // The table does not say which optimizer it was.
    const known = (points: typeof fromStudy.points) => points.map(({ limit: _, ...point }) => point);
    assert.equal(known(fromTable.points), known(fromStudy.points));
    assert.is(fromStudy.points[0]!.limit?.optimizer, 'adamw');
    assert.equal([fromTable.peakSpread, fromTable.predictors], [fromStudy.peakSpread, fromStudy.predictors]);
    assert.ok(fromStudy.isShare && fromStudy.points.every(({ optimum }) => optimum.score === 1));
    assert.equal(plans[0]!.task, task);
    const { code } = await commandLine(['report', study]);
    assert.is(code, 0);
    const page = await readFile(join(study, 'report.html'), 'utf8');
    assert.match(page, /100\.0 % \(98\.1 to 100\.0\)/);
    const words = ownPart(page);
    assert.match(words, /an exact match is a response that greedy decoding would write word for word/);
    assert.match(words, /<h2[^>]*>Exact match against learning rate<\/h2>/);
    assert.match(words, /Best exact match/);
    assert.not.match(words, /accuracy/i);
    assert.equal([fromTable.context.score, fromStudy.context.score], ['exact match', 'exact match']);
    const { layout } = figuresOf(page)['sweep-curve']! as { layout: { yaxis: { title: { text: string } } } };
    assert.is(layout.yaxis.title.text, 'exact match (higher is better)');
  }));

/** A study of 18 runs that was stopped when 10 were done: PiSSA's, and the first of LoRA's. */
async function stoppedStudy(study: string): Promise<void> {
  let left = 10;
  const execute: ExecuteRun = async (run) => {
    if (left-- === 0) throw new Error('stopped');
    return parabolaResult(run);
  };
  const plan = somePlan({ grid: [1e-3, 4e-3, 1.6e-2, 6.4e-2], mostRates: 0 });
  await sweep(plan, { study, execute }).catch(() => {});
}

test('an unfinished study says how many of its runs there are, what may change, and marks whose they are', () =>
  inTemporaryFolder(async (study) => {
    await stoppedStudy(study);
    const prediction = await resultOf<ReturnType<typeof predict>>('predict', study);
    assert.equal([prediction.runsDone, prediction.runsPlanned], [10, 18]);
    const open = prediction.points.filter(({ isUnfinished }) => isUnfinished).map(({ method }) => method);
    assert.ok(open.length > 0);
    assert.ok(prediction.claims.every(({ mayChange }) => mayChange));
    assert.match(prediction.verdict, '10 of 18 runs are done');
    assert.match(prediction.verdict, `may still change, and the best rates of ${open.join(', ')}.`);
    const { stdout } = await commandLine(['predict', study]);
    assert.match(stdout, /^10 of 18 runs are done$/m);
    for (const method of open) assert.match(stdout, new RegExp(`^${method} \\(unfinished\\) `, 'm'));
    const page = await resultOf<Record<string, unknown>>('report', study);
    assert.equal([page.runs, page.runsDone, page.runsPlanned], [10, 10, 18]);
    const html = await readFile(join(study, 'report.html'), 'utf8');
    assert.match(ownPart(html), /10 of 18 runs/);
    assert.match(ownPart(html), new RegExp(`${open[0]} \\(unfinished\\)`));
    const out = join(study, 'curve.json');
    const figure = await resultOf<Record<string, unknown>>('figure', study, '--name', 'sweep-curve', '--out', out);
    assert.equal([figure.runsDone, figure.runsPlanned], [10, 18]);
    const { data, layout } = JSON.parse(await readFile(out, 'utf8')) as ReturnType<typeof figuresOf>[string];
    assert.match((layout.title as { text: string }).text, /10 of 18 runs are done$/);
    assert.ok(data.some(({ name }) => name === `${open[0]} (unfinished)`));
  }));

test('a study without a run yet says so', () =>
  inTemporaryFolder(async (study) => {
    await sweep(somePlan({ mostRates: 0, refinements: 0, seeds: [0] }), {
      study,
      execute: async () => {
        throw new Error('stopped');
      },
    }).catch(() => {});
    await failsClearly(
      ['predict', study],
      1,
      /expected at least one finished run, got no runs of 6; wait for the first/,
    );
  }));

test('a finished study marks nothing', () =>
  inTemporaryFolder(async (study) => {
    await finishedStudy(study);
    const { runsDone, runsPlanned, verdict, claims, points } = await resultOf<ReturnType<typeof predict>>(
      'predict',
      study,
    );
    assert.is(runsDone, runsPlanned);
    assert.not.match(verdict, /runs are done|may still change/);
    assert.ok(claims.every(({ mayChange }) => !mayChange) && points.every(({ isUnfinished }) => !isUnfinished));
  }));

test('a study that cannot be written to, or that another process works on, is still shown', () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    await finishedStudy(study);
    const before = await resultOf('predict', study);
    // A folder in the file's place refuses even root.
    for (const name of ['prediction.json', 'report.html']) {
      await rm(join(study, name), { force: true });
      await mkdir(join(study, name));
    }
    const lock = await lockFolder(study);
    const { code, stdout, stderr } = await commandLine(['predict', study, '--json']);
    assert.is(code, 0);
    assert.equal(JSON.parse(stdout), before);
    assert.match(stderr, /^not kept: .*prediction\.json: expected a writable file/);
    await failsClearly(['report', study], 1, /report\.html: expected a writable file, .*elsewhere: --out FILE/);
    const page = join(folder, 'page.html');
    await resultOf('report', study, '--out', page);
    assert.equal(faultsOf(await readFile(page, 'utf8')), []);
    await resultOf('figure', study, '--name', 'prediction', '--out', join(folder, 'figure.html'));
    await lock.release();
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
    assert.match(page, /<dt>ranks<\/dt>\s*<dd>8<\/dd>/);
    await commandLine(['report', study, '--out', join(study, 'again.html')]);
    assert.is(await readFile(join(study, 'again.html'), 'utf8'), page);
    await resultOf('figure', study, '--name', 'prediction', '--out', join(study, 'prediction.json'));
    const { data } = JSON.parse(await readFile(join(study, 'prediction.json'), 'utf8'));
    assert.equal(data, figuresOf(page).prediction!.data);
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

test('modules that were measured are drawn, all in one scale, and each beside the same one of LoRA', () =>
  inTemporaryFolder(async (study) => {
    const plan = somePlan({ methods: ['lora', 'pissa'] });
    await sweep(plan, { study, execute: async (run) => parabolaResult(run) });
    const moduleOf = (name: string, lambdaMax: number) => ({ name, lambdaMax, lambdaMin: -1 });
    await leaveSpectra(plan, study, ({ method }) => ({
      ...{ tokens: 10, batches: 4, lambdaMax: { value: 12 } },
      modules: moduleNames(2).map((name, i) => moduleOf(name, (i + 1) * (method === 'pissa' ? 6 : 2))),
    }));
    await resultOf('report', study);
    const page = await readFile(join(study, 'report.html'), 'utf8');
    assert.equal(faultsOf(page), []);
    const figures = figuresOf(page);
    const maps = figures['module-curvature']!.data as unknown as { zmin: number; z: number[][] }[];
    assert.is(maps.length, 2);
    assert.is(new Set(maps.map(({ zmin }) => zmin)).size, 1);
    const points = figures['relative-to-lora']!.data.filter(({ type }) => type === 'scatter').flatMap(({ x }) => x);
    assert.equal(new Set(points), new Set([3]));
    assert.ok('relative-density' in figures);
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

test("the curvature of a method's file as it was before an edit says nothing of the edited one", () =>
  inTemporaryFolder(async (study) => {
    const file = './mine.ts';
    const planOf = (content: string) =>
      somePlan({ methods: ['lora', file], resultsVersion: 1, methodContent: { [file]: content } });
    const make = (content: string) =>
      sweep(planOf(content), { study, execute: async (run) => parabolaResult({ ...run, method: 'lora' }) });
    await make('as it was');
    await leaveSpectra(planOf('as it was'), study, ({ method }) => {
      return { tokens: 10, batches: 4, lambdaMax: { value: method === file ? 5 : 3 } };
    });
    const curvatures = async () =>
      (await readStudyFindings(study)).sweep.configurations.map(({ method, lambdaMax }) => [method, lambdaMax]);
    assert.equal(await curvatures(), [
      ['lora', 3],
      ['mine', 5],
    ]);
    await make('edited');
    assert.equal(await curvatures(), [
      ['lora', 3],
      ['mine', undefined],
    ]);
  }));

test.run();
