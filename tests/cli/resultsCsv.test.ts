import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Prediction } from '../../analysis/rates/prediction.ts';
import type { ScoreMeasure } from '../../study/plan/score.ts';
import { sweep } from '../../study/sweep/sweep.ts';
import { commandLine } from '../cases/commandLine.ts';
import {
  exactResult,
  leaveSpectra,
  optimumOf,
  parabolaResult,
  plateauResult,
  someConfiguration,
  somePlan,
} from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { tinyStudy } from '../cases/tinyStudy.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

/** A finished study of two methods at two ranks and two lengths, whose runs are made up; warm-up goes with the length. */
async function madeUpStudy(folder: string, score: ScoreMeasure, changes: { model?: string } = {}): Promise<string> {
  const configurations = ['lora', 'pissa'].flatMap((method) =>
    [
      { rank: 8, alpha: 16, steps: 100, warmupSteps: 3 },
      { rank: 8, alpha: 16, steps: 200, warmupSteps: 6 },
      { rank: 16, alpha: 32, steps: 100, warmupSteps: 3 },
    ].map((settings) => someConfiguration({ method, ...settings })),
  );
  const plan = somePlan({ configurations, score, ...changes });
  await leaveSpectra(plan, folder, ({ method, rank }) => ({
    ...{ lambdaMax: { value: rank / optimumOf[method]! / 3 }, tokens: 10, batches: 4, gradientEvaluations: 50 },
    ...{ gradientNorm: 0.1, startsAtZeroB: method === 'lora' },
  }));
  const resultOf = { accuracy: plateauResult, exactMatch: exactResult, validationLoss: parabolaResult };
  const execute = async (run: Parameters<typeof parabolaResult>[0]) =>
    score === 'finalLoss' ? { ...parabolaResult(run), validationLoss: null } : resultOf[score](run);
  await sweep(plan, { study: folder, execute });
  return join(folder, 'results.csv');
}

for (const score of ['validationLoss', 'finalLoss', 'accuracy', 'exactMatch'] as const)
  test(`a prediction from results.csv is that of the study in every number: ${score}`, () =>
    inTemporaryFolder(async (folder) => {
      const csv = await madeUpStudy(folder, score);
      const ofStudy = await resultOf<Prediction>('predict', '--study', folder);
      assert.is(ofStudy.points.length, 6);
      assert.ok(ofStudy.points.every(({ lambdaMax }) => lambdaMax !== null));
      assert.equal(await resultOf<Prediction>('predict', '--csv', csv), ofStudy);
    }));

test('so it is of a study that was measured, and of one that is not done', () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    const argv = await tinyStudy(folder, ['--study', study]);
    await resultOf(...argv);
    const ofStudy = await resultOf<Prediction>('predict', '--study', study);
    assert.ok(ofStudy.predictors.filter(({ count }) => count > 0).length > 10);
    assert.equal(await resultOf<Prediction>('predict', '--csv', join(study, 'results.csv')), ofStudy);
    const lines = (await readFile(join(study, 'results.csv'), 'utf8')).trimEnd().split('\n');
    const part = join(folder, 'part.csv');
    await writeFile(part, `${lines.slice(0, -1).join('\n')}\n`);
    const { runsDone, runsPlanned, points } = await resultOf<Prediction>('predict', '--csv', part);
    assert.equal([runsDone, runsPlanned, points.map(({ isUnfinished }) => isUnfinished)], [5, 6, [false, true]]);
  }));

test('tables of several studies may be joined; a loss and a share may not', () =>
  inTemporaryFolder(async (folder) => {
    const [one, other] = await Promise.all(
      ['models/base', 'models/other'].map(async (model, at) =>
        readFile(await madeUpStudy(join(folder, `${at}`), 'validationLoss', { model }), 'utf8'),
      ),
    );
    const joined = join(folder, 'joined.csv');
    await writeFile(joined, one! + other!.slice(other!.indexOf('\n') + 1));
    const { points, runsDone, context } = await resultOf<Prediction>('predict', '--csv', joined);
    const alone = await resultOf<Prediction>('predict', '--csv', join(folder, '0', 'results.csv'));
    assert.is(points.length, 12);
    assert.is(runsDone, 2 * alone.runsDone!);
    assert.is(context.model, undefined);
    const rates = (all: Prediction['points']) => all.map(({ optimum }) => optimum.learningRate.toPrecision(2)).sort();
    assert.equal(rates(points), rates([...alone.points, ...alone.points]));

    const shares = await readFile(await madeUpStudy(join(folder, '2'), 'accuracy'), 'utf8');
    await writeFile(joined, one! + shares.slice(shares.indexOf('\n') + 1));
    await failsClearly(['predict', '--csv', joined], 1, /compared in one way, got validation loss and accuracy/);
  }));

test('a report of a table has the verdict of its prediction', () =>
  inTemporaryFolder(async (folder) => {
    const csv = await madeUpStudy(folder, 'validationLoss');
    const { verdict } = await resultOf<Prediction>('predict', '--csv', csv);
    const said = await resultOf<{ report: string; verdict: string; runs: number }>('report', '--csv', csv);
    assert.is(said.report, join(folder, 'results.html'));
    assert.is(said.verdict, verdict);
    const page = await readFile(said.report, 'utf8');
    assert.ok(page.includes('Learning rates of lora, pissa') && page.includes('results.csv'));
    await failsClearly(['report', folder, '--csv', csv], 2, /--study and --csv: expected one of them/);
    await failsClearly(['report', '--run', folder, '--better', 'lower'], 2, /--run and --better/);
  }));

test('tables are written for a page and for a paper', () =>
  inTemporaryFolder(async (folder) => {
    const csv = await madeUpStudy(folder, 'validationLoss');
    const written = async (format: string): Promise<string> =>
      (await commandLine(['predict', '--csv', csv, '--format', format])).stdout;
    const [text, markdown, latex] = await Promise.all(['text', 'markdown', 'latex'].map(written));
    assert.is(text, (await commandLine(['predict', '--csv', csv])).stdout);
    assert.match(markdown!, /^\| configuration \| best rate \| low .*\n\| --- \| ---: \| ---: /m);
    assert.match(markdown!, /^\| pissa, rank 16, 100 steps \| [\d.e-]+ \|/m);
    assert.match(latex!, /\\begin\{tabular\}\{l[lr]+\}\n\\toprule\nconfiguration & best rate .*\\lambda_\{\\max\}\$/);
    assert.match(latex!, /^pissa, rank 16, 100 steps & [\d.$]/m);
    // What is no table is a comment, and no sign is left that LaTeX would obey.
    const rest = latex!.replace(/\\begin\{tabular\}[\s\S]*?\\end\{tabular\}/g, '').split('\n');
    assert.ok(rest.every((line) => line === '' || line.startsWith('% ')));
    const count = (table: string, sign: RegExp) => table.match(sign)?.length ?? 0;
    assert.is(count(latex!, /\\begin\{tabular\}/g), count(markdown!, /^\| ---/gm));
    assert.not.match(latex!.replace(/^%.*$|lambda_/gm, ''), /[^\\$]_| \d[\d.]*e-\d/);
    await failsClearly(
      ['predict', '--csv', csv, '--format', 'html'],
      2,
      /--format: expected one of text, markdown, latex/,
    );
  }));

test.run();
