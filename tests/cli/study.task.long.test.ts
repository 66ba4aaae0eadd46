import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { StudyPlan } from '../../study/plan/plan.ts';
import { hashOf } from '../../training/data/hash.ts';
import type { ValidationScore } from '../../training/validation.ts';
import { commandLine } from '../cases/commandLine.ts';
import { faultsOf, figuresOf, ownPart } from '../cases/pages.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { writeThreesTask } from '../cases/threesTask.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

type Examined = ValidationScore;

interface Sweep {
  readonly study: string;
  readonly runs: number;
  readonly methods: readonly {
    readonly method: string;
    readonly best: { readonly learningRate: number; readonly score: number; readonly loss: number };
  }[];
}
const small = ['--methods', 'lora', '--rank', '2', '--threads', '1', '--workers', '1', '--seeds', '1', '--refine', '0'];
const quick = [...small, '--no-extend', '--limit', '40', '--steps', '10', '--max-new-tokens', '4'];

const planOf = async (study: string) => JSON.parse(await readFile(join(study, 'study.json'), 'utf8')) as StudyPlan;

/** Calls `body` with the family's file, a folder for studies, and a sweep of the family in it. */
const withTask = (body: (task: string, folder: string, sweep: string[]) => Promise<void>) => () =>
  inTemporaryFolder(async (folder) => {
    const task = await writeThreesTask(folder);
    await body(task, folder, ['sweep', '--task', task, ...quick, '--study', join(folder, 'study')]);
  });

test(
  'runs are compared by accuracy, in the exact form as by the judge where no other response is right',
  withTask(async (task, folder, sweep) => {
    const options = ['--lr', '1e-4,1e-2'];
    const judged = await resultOf<Sweep>(...sweep, ...options);
    const { best } = judged.methods[0]!;
    assert.is(best.learningRate, 1e-2);
    assert.ok(best.score > 0.5 && best.loss > 0, `accuracy ${best.score}`);
    const { task: stored, score, data, validation } = await planOf(judged.study);
    const { contentHash, ...settings } = stored!;
    assert.equal([settings, score], [{ name: task, exactOnly: false, maxNewTokens: 4 }, 'accuracy']);
    assert.equal([data, validation], [[`40 problems of ${task}`], [`200 problems of ${task}`]]);
    const exactly = join(folder, 'exact');
    const exact = await resultOf<Sweep>(...sweep, ...options, '--exact', '--study', exactly);
    assert.equal(exact.methods, judged.methods);
    const plan = await planOf(exactly);
    assert.equal([plan.task, plan.score], [{ name: task, exactOnly: true, contentHash }, 'exactMatch']);
    await failsClearly([...sweep, ...options, '--exact', '--quiet'], 1, /got another .*task\.exactOnly/);
    const { stdout } = await commandLine([...sweep, ...options]);
    assert.match(stdout, /configuration +best rate +score +loss +bracketed\nlora +0\.01 /);
  }),
);

test("a run has one accuracy in sweep, finetune and evaluate: the judge's, on the same problems", () =>
  inTemporaryFolder(async (folder) => {
    // More is right than what exact matches find.
    const judge = 'judge: async (_, responses) => responses.map((response) => ({ correct: /3/.test(response) })),';
    const task = await writeThreesTask(folder, judge);
    const run = [
      '--limit',
      '40',
      '--steps',
      '4',
      '--max-new-tokens',
      '4',
      '--threads',
      '1',
      '--rank',
      '2',
      '--lr',
      '1e-2',
    ];
    const shares = ({ accuracy, accuracyInterval, exactMatch, exactMatchInterval }: Examined) => ({
      ...{ accuracy, accuracyInterval, exactMatch, exactMatchInterval },
    });
    const problems = join(folder, 'validation.jsonl');
    await resultOf('data', '--task', task, '--split', 'validation', '--out', problems);
    for (const method of ['lora', 'olora']) {
      const study = join(folder, method);
      const small = ['--workers', '1', '--seeds', '1', '--refine', '0', '--no-extend', '--study', study];
      await resultOf('sweep', '--task', task, ...run, ...small, '--methods', method);
      const [key] = await readdir(join(study, 'runs'));
      const swept = JSON.parse(await readFile(join(study, 'runs', key!, 'result.json'), 'utf8')) as Examined;
      const tuned = await resultOf<Examined>('finetune', '--task', task, ...run, '--method', method);
      assert.equal(shares(tuned), shares(swept), method);
      assert.is(tuned.validationLoss, swept.validationLoss);
      const adapter = ['--adapter', join(study, 'runs', key!, 'adapter')];
      const asked = ['evaluate', '--task', task, '--data', problems, '--max-new-tokens', '4', '--threads', '1'];
      assert.equal(shares(await resultOf<Examined>(...asked, ...adapter)), shares(swept), method);
      assert.ok(swept.accuracy! > swept.exactMatch!, `${method}: ${swept.accuracy} and ${swept.exactMatch}`);
      const exact = shares(await resultOf<Examined>(...asked, ...adapter, '--exact'));
      assert.equal(exact, { ...shares(swept), accuracy: null, accuracyInterval: null }, method);
    }
    const rows = (await readFile(problems, 'utf8')).trimEnd().split('\n');
    const asPlanned = { problems: rows.map((row) => JSON.parse(row)), template: '{prompt}: ' };
    assert.is((await planOf(join(folder, 'lora'))).validationHash, hashOf(asPlanned));
  }));

test(
  'where nothing is solved at any rate, the loss decides which is the best, and brackets it',
  withTask(async (task, folder, sweep) => {
    const few = join(folder, 'few.jsonl');
    await resultOf('data', '--task', task, '--split', 'validation', '--count', '40', '--out', few);
    const options = ['--lr', '2.56e-4,1.024e-3', '--extend', '--steps', '1', '--warmup-steps', '0', '--exact'];
    const { methods, study, runs } = await resultOf<Sweep>(...sweep, ...options, '--validation', few);
    const [head, ...lines] = (await readFile(join(study, 'results.csv'), 'utf8')).trimEnd().split('\n');
    const column = (name: string) => lines.map((line) => line.split(',')[head!.split(',').indexOf(name)]!);
    const losses = column('loss').map((loss) => Number(loss || Number.POSITIVE_INFINITY));
    assert.ok(
      column('score').every((score) => ['0', ''].includes(score)),
      'something was solved',
    );
    assert.is(methods[0]!.best.loss, Math.min(...losses));
    assert.is(methods[0]!.best.score, 0);
    assert.ok(runs > 4 && runs < 24, `${runs} runs`);
  }),
);

test(
  'of the problems of files some are held out, unless others are given or there are too few',
  withTask(async (task, folder, sweep) => {
    const data = join(folder, 'problems.jsonl');
    await resultOf('data', '--task', task, '--count', '40', '--out', data);
    const own = [...sweep, '--lr', '1e-3', '--steps', '1', '--warmup-steps', '0', '--data', data];
    const { stderr } = await commandLine(own);
    assert.match(stderr, /^5 of 40 rows are held out to score with/m);
    const held = await planOf(join(folder, 'study'));
    assert.equal([held.data, held.validation, held.score], [[data], [], 'accuracy']);
    const given = join(folder, 'given');
    await resultOf(...own, '--validation', data, '--study', given);
    assert.equal((await planOf(given)).validation, [data]);
    const few = join(folder, 'few');
    await resultOf(...own, '--limit', '8', '--study', few);
    const { score, task: none } = await planOf(few);
    assert.equal([score, none], ['finalLoss', undefined]);
  }),
);

test("without data, a sweep is about the bundled model's word problems, judged by their answers", () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    await resultOf(
      'sweep',
      ...quick,
      '--limit',
      '8',
      '--steps',
      '1',
      '--warmup-steps',
      '0',
      '--lr',
      '1e-3',
      '--study',
      study,
    );
    const plan = await planOf(study);
    assert.equal([plan.task, plan.score], [{ name: 'math', exactOnly: false, maxNewTokens: 4 }, 'accuracy']);
    assert.equal(plan.data, ['8 problems of math']);
  }));

test(
  'several tasks are studied one by one, each in a folder of its own, with one report of all',
  withTask(async (task, folder) => {
    const study = join(folder, 'studies');
    const options = [...quick, '--exact', '--lr', '1e-3,1e-2', '--tolerance', '0.5', '--curvature-tokens', '20'];
    const command = ['study', '--task', `${task},math`, ...options, '--steps', '2', '--warmup', '1', '--study', study];
    const result = await resultOf<{ study: string; report: string; tasks: Record<string, Sweep> }>(...command);
    assert.equal([result.study, Object.keys(result.tasks)], [study, [task, 'math']]);
    assert.equal(
      Object.values(result.tasks).map((one) => [one.study, one.runs]),
      [
        [join(study, 'threes'), 2],
        [join(study, 'math'), 2],
      ],
    );
    const page = await readFile(result.report, 'utf8');
    const names = ['sweep-curve', 'score-dots', 'loss-curve', 'lambda-max', 'prediction', 'learning-curves'];
    assert.equal(
      Object.keys(figuresOf(page)),
      ['task-1', 'task-2'].flatMap((id) => names.map((name) => `${id}-${name}`)),
    );
    assert.equal(faultsOf(page), []);
    assert.match(ownPart(page), /<h2 class="task-name" id="task-\d-about">math<\/h2>/);
    for (const name of ['math', 'threes']) {
      const { points } = await resultOf<{ points: readonly unknown[] }>('predict', join(study, name));
      assert.is(points.length, 1);
    }
    await rm(result.report);
    assert.is((await resultOf<Sweep>('report', study)).runs, 4);
    assert.is(await readFile(result.report, 'utf8'), page);
  }),
);

test(
  'what cannot be studied is refused before anything is written',
  withTask(async (task, folder, sweep) => {
    const data = join(folder, 'problems.jsonl');
    await writeFile(data, '{ "prompt": "a" }\n{ "prompt": "b" }\n');
    const refuse = (options: readonly string[], code: 1 | 2, ...patterns: readonly RegExp[]) =>
      failsClearly([...sweep, '--lr', '1e-3', '--quiet', ...options], code, ...patterns);
    await refuse(['--task', 'maths'], 2, /--task: expected code, .*got maths/);
    await refuse(['--task', 'math,math'], 2, /--task: expected each name once, got math,math/);
    await refuse(['--task', 'math,code', '--data', data], 2, /--data: expected one --task beside it/);
    await refuse(['--prompt-field', 'a'], 2, /--prompt-field beside --task/);
    await refuse(['--limit', '0'], 2, /--limit: expected a whole number >= 1, got 0/);
    await refuse(['--workers', '0'], 2, /--workers: expected a whole number from 1/);
    await refuse(['--data', data], 1, /expected responses to train on, got none in 2 rows/);
    const problems = join(folder, 'rows.jsonl');
    await resultOf('data', '--task', task, '--count', '4', '--out', problems);
    const unanswered = ['--data', problems, '--validation', data, '--exact'];
    await refuse(unanswered, 1, /problem 1 of .*threes\.ts: expected a response to compare with/);
    assert.not((await commandLine(['report', join(folder, 'study')])).code === 0, 'something was written');
  }),
);

test('a family without problems of its own needs files', () =>
  inTemporaryFolder(async (folder) => {
    const task = await writeThreesTask(folder, 'generate: undefined,');
    const argv = ['sweep', '--task', task, ...quick, '--lr', '1e-3', '--study', join(folder, 'study'), '--quiet'];
    await failsClearly(argv, 1, /threes\.ts: expected problems of its own, got none; .*--data/);
  }));

test.run();
