import { mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readMeasurement, readMeasurements, writeMeasurement } from '../../study/folder/measured.ts';
import { openStudy, readRun, readStudy } from '../../study/folder/record.ts';
import { runFolder } from '../../study/folder/runFolders.ts';
import type { ExecuteRun } from '../../study/measure/execute.ts';
import { readKnown } from '../../study/measure/known.ts';
import { runConfiguration } from '../../study/plan/plan.ts';
import { resultsCsv } from '../../study/sweep/resultsCsv.ts';
import { sweep } from '../../study/sweep/sweep.ts';
import { exactResult, parabolaResult, plateauResult, someConfiguration, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

const plan = somePlan({ mostRates: 0, refinements: 0, seeds: [0] });

/** Carries the plan out and returns the keys of the runs that were trained for it. */
async function trained(study: string): Promise<string[]> {
  const keys: string[] = [];
  const execute: ExecuteRun = async (run, folder) => {
    keys.push(folder.split('/').at(-1)!);
    assert.equal(await readdir(folder), ['run.json'], 'a run begins in a clean folder');
    await writeFile(join(folder, 'metrics.jsonl'), '{}\n');
    return parabolaResult(run);
  };
  await sweep(plan, { study, execute });
  return keys;
}

const neverAgain: ExecuteRun = async ({ method }) => {
  throw new Error(`${method} was run again`);
};

const damages: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  'result.json is missing': (folder) => rename(join(folder, 'result.json'), join(folder, 'result.json.123456789')),
  'result.json is cut': (folder) => truncate(join(folder, 'result.json'), 20),
  'result.json is empty': (folder) => truncate(join(folder, 'result.json'), 0),
  'result.json is of zeros': (folder) => writeFile(join(folder, 'result.json'), Buffer.alloc(64)),
  'result.json is another object': (folder) => writeFile(join(folder, 'result.json'), '{"status":"running"}'),
  'result.json is null': (folder) => writeFile(join(folder, 'result.json'), 'null'),
  'result.json lacks the score': (folder) =>
    writeFile(join(folder, 'result.json'), '{"status":"finished","steps":100,"finalLoss":2}'),
  'run.json is missing': (folder) => rename(join(folder, 'run.json'), join(folder, 'run.json.1')),
  'run.json is cut': (folder) => truncate(join(folder, 'run.json'), 30),
  'run.json is another run’s': async (folder) => {
    const run = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
    await writeFile(join(folder, 'run.json'), JSON.stringify({ ...run, seed: 99 }));
  },
};
for (const [damage, inflict] of Object.entries(damages)) {
  test(`a run is done again, it alone, when its ${damage}`, () =>
    inTemporaryFolder(async (study) => {
      const keys = await trained(study);
      const csv = await readFile(join(study, 'results.csv'), 'utf8');
      await inflict(runFolder(study, keys[1]!));
      assert.is((await readStudy(study)).runs.length, keys.length - 1);
      assert.equal(await trained(study), [keys[1]]);
      assert.is(await readFile(join(study, 'results.csv'), 'utf8'), csv);
      assert.equal(await trained(study), []);
    }));
}

/** The cells of a table by their columns, a record a line. */
async function tableOf(study: string): Promise<Record<string, string>[]> {
  const [head, ...lines] = (await readFile(join(study, 'results.csv'), 'utf8')).trimEnd().split('\n');
  const columns = head!.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, index) => [columns[index]!, cell])));
}

test('results.csv has the columns that scripts rely on, in a fixed order, and no times', () =>
  inTemporaryFolder(async (study) => {
    await trained(study);
    const { plan: stored, runs } = await readStudy(study);
    const csv = await readFile(join(study, 'results.csv'), 'utf8');
    assert.is(
      csv.split('\n')[0],
      'configuration,model,task,method,rank,alpha,target_modules,optimizer,schedule,steps,batch_size,seed,learning_rate,status,loss,' +
        'accuracy,exact_match,lambda_max,lambda_pre,gradient_norm,key,score,training_loss,accuracy_low,accuracy_high,' +
        'exact_match_low,exact_match_high,steps_taken,validation_loss,scored_by,trained_by,data,' +
        'starts_at_zero_b,limit_rate,limit_formula,runs_planned',
    );
    const [first] = await tableOf(study);
    const limit = '38 / lambda_max(P^-1/2 H P^-1/2)';
    const { key, loss, score, training_loss, ...rest } = first!;
    assert.equal(rest, {
      ...{ configuration: 'pissa', model: 'models/base', task: '', method: 'pissa', rank: '8', alpha: '16' },
      ...{
        target_modules: 'all-linear',
        optimizer: 'adamw',
        schedule: 'cosine',
        steps: '100',
        batch_size: '4',
        seed: '0',
      },
      ...{ learning_rate: '0.0001', status: 'finished', accuracy: '', exact_match: '', lambda_max: '', lambda_pre: '' },
      ...{ gradient_norm: '', accuracy_low: '', accuracy_high: '', exact_match_low: '', exact_match_high: '' },
      ...{ steps_taken: '100', validation_loss: loss, scored_by: 'validation loss', trained_by: 'adamw' },
      ...{ data: 'train.jsonl', starts_at_zero_b: '', limit_rate: '', limit_formula: limit },
      runs_planned: `${runs.filter((run) => run.configuration === stored.configurations[0]).length}`,
    });
    assert.match(key!, /^[0-9a-f]{12}$/);
    assert.is(loss, score);
    assert.ok(Math.abs(Number(loss) - Number(training_loss) - 0.1) < 1e-12);
    assert.is(resultsCsv(stored, [...runs].reverse(), await readKnown(study, stored)), csv);
  }));

test('an accuracy stands there with its interval, and the loss beside it', () =>
  inTemporaryFolder(async (study) => {
    const { runs } = await sweep(somePlan({ score: 'accuracy' }), {
      study,
      execute: async (run) => plateauResult(run),
    });
    const table = await tableOf(study);
    for (const [index, { key, result }] of runs.entries()) {
      const cells = table[index]!;
      const { validationLoss, accuracy, accuracyInterval } = result;
      const [low, high] = accuracyInterval ?? ['', ''];
      assert.equal([cells.key, cells.status], [key, result.status]);
      assert.equal([cells.score, cells.accuracy], [`${accuracy ?? ''}`, `${accuracy ?? ''}`]);
      assert.equal([cells.accuracy_low, cells.accuracy_high], [`${low}`, `${high}`]);
      assert.equal([cells.loss, cells.steps_taken], [`${validationLoss ?? ''}`, `${result.steps}`]);
    }
    assert.ok(runs.some(({ result }) => result.accuracy === 1));
  }));

test('exact matches have columns of their own, and are no accuracy', () =>
  inTemporaryFolder(async (study) => {
    const task = { name: 'math', exactOnly: true };
    const { runs } = await sweep(somePlan({ score: 'exactMatch', task }), {
      study,
      execute: async (run) => exactResult(run),
    });
    const table = await tableOf(study);
    for (const [index, { result }] of runs.entries()) {
      const cells = table[index]!;
      const { exactMatch, exactMatchInterval } = result;
      const [low, high] = exactMatchInterval ?? ['', ''];
      assert.equal([cells.score, cells.exact_match], [`${exactMatch ?? ''}`, `${exactMatch ?? ''}`]);
      assert.equal([cells.exact_match_low, cells.exact_match_high], [`${low}`, `${high}`]);
      assert.equal([cells.accuracy, cells.accuracy_low, cells.accuracy_high], ['', '', '']);
    }
    assert.ok(runs.some(({ result }) => result.exactMatch === 1));
  }));

test('a study whose exact matches were still called an accuracy is read, named rightly, and goes on', () =>
  inTemporaryFolder(async (study) => {
    const task = { name: 'math', exactOnly: true };
    // As version 0.1 wrote it.
    await sweep(somePlan({ score: 'accuracy', task }), { study, execute: async (run) => plateauResult(run) });
    const { configurations, ...rest } = somePlan({ score: 'accuracy', task });
    const { method: _, rank, alpha, targetModules, ...training } = configurations[0]!;
    const old = { ...rest, version: 1, methods: ['pissa', 'lora'], rank, alpha, targetModules, training };
    await writeFile(join(study, 'study.json'), JSON.stringify(old));
    const { plan, runs } = await readStudy(study);
    assert.is(plan.score, 'exactMatch');
    assert.ok(runs.some(({ result }) => result.exactMatch === 1));
    assert.ok(runs.every(({ result }) => result.accuracy == null));
    const again = await sweep(somePlan({ score: 'exactMatch', task }), { study, execute: neverAgain });
    assert.equal(again.runs, runs);
  }));

test('a diverged run has no score; numbers that JSON lacks are empty', () =>
  inTemporaryFolder(async (study) => {
    const only = somePlan({ methods: ['pissa'], grid: [0.5], mostRates: 0, seeds: [0] });
    const { configurations } = await sweep(only, { study, execute: async (run) => parabolaResult(run) });
    assert.is(configurations[0]!.best, null);
    const [{ status, score, loss, steps_taken }] = (await tableOf(study)) as [Record<string, string>];
    assert.equal([status, score, loss, steps_taken], ['diverged', '', '', '7']);
  }));

test('an adapter’s path is kept relative to its run, so that a study can be moved', () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'before');
    await sweep(plan, {
      study,
      execute: async (run, at) => ({ ...parabolaResult(run), adapter: join(at, 'adapter') }),
    });
    await rename(study, join(folder, 'after'));
    const { runs } = await readStudy(join(folder, 'after'));
    assert.is(runs.length, 6);
    assert.ok(runs.every(({ result }) => result.adapter === 'adapter'));
    await sweep({ ...plan, model: '/elsewhere' }, { study: join(folder, 'after'), execute: neverAgain });
  }));

test('a study of another subject is refused with the difference, and left as it was', () =>
  inTemporaryFolder(async (study) => {
    await trained(study);
    const before = await readFile(join(study, 'study.json'), 'utf8');
    await throwsClearly(
      () => openStudy(study, { ...plan, dataHash: 'd1' }),
      /dataHash was "d0" and is "d1"; choose another study folder/,
    );
    const task = { name: 'x'.repeat(200), exactOnly: false };
    await throwsClearly(() => openStudy(study, { ...plan, score: 'accuracy', task }), /another score, task/);
    assert.is(await readFile(join(study, 'study.json'), 'utf8'), before);
    await (await openStudy(study, plan)).release();
  }));

test('a plan that is broken, or of another version, is refused and left as it is', () =>
  inTemporaryFolder(async (study) => {
    await trained(study);
    const path = join(study, 'study.json');
    await truncate(path, 10);
    for (const open of [readStudy, (folder: string) => openStudy(folder, plan)])
      await throwsClearly(() => open(study), /study\.json: expected valid JSON/);
    assert.is((await readFile(path)).length, 10);
    await writeFile(path, JSON.stringify({ ...plan, version: 3 }));
    await throwsClearly(() => openStudy(study, plan), /version 1 or 2, got/);
  }));

test('files under temporary names are removed, others are left', () =>
  inTemporaryFolder(async (study) => {
    await mkdir(join(study, 'spectra'), { recursive: true });
    const leftovers = [
      ...['study.json', 'results.csv', 'report.html'].map((name) => `${name}.unfinished-0123456789abcdef`),
      '.lock.00ff',
    ];
    const others = ['notes.1', 'study.json.bak', 'report.html'];
    for (const name of [...leftovers, ...others]) await writeFile(join(study, name), 'half');
    await writeFile(join(study, 'spectra', '0123456789ab.json.unfinished-fedcba9876543210'), 'half');
    await trained(study);
    assert.equal((await readdir(study)).sort(), [...others, 'results.csv', 'runs', 'spectra', 'study.json'].sort());
    assert.equal(await readdir(join(study, 'spectra')), []);
  }));

test('of a run that was killed when it was done no checkpoint stays; one that is not done keeps what it goes on from', () =>
  inTemporaryFolder(async (study) => {
    await trained(study);
    const [done, undone] = (await readdir(join(study, 'runs'))).map((key) => join(study, 'runs', key)) as [
      string,
      string,
    ];
    for (const run of [done, undone])
      for (const name of ['checkpoint.safetensors', 'checkpoint.safetensors.unfinished-0123456789abcdef'])
        await writeFile(join(run, name), 'state');
    await rm(join(undone, 'result.json'));
    await writeFile(join(study, 'runs', '.DS_Store'), '');
    await (await openStudy(study, plan)).release();
    assert.equal((await readdir(done)).sort(), ['metrics.jsonl', 'result.json', 'run.json']);
    assert.equal((await readdir(undone)).sort(), ['checkpoint.safetensors', 'metrics.jsonl', 'run.json']);
  }));

test('a study folder is held by one at a time', () =>
  inTemporaryFolder(async (study) => {
    const first = await openStudy(study, plan);
    await throwsClearly(() => openStudy(study, plan), new RegExp(`process ${process.pid} on`));
    await first.release();
    const second = await openStudy(study, plan);
    await first.release();
    await throwsClearly(() => openStudy(study, plan), /no other process/);
    await second.release();
    assert.not((await readdir(study)).some((name) => name.startsWith('.lock')));
  }));

test('of several that open a folder with a stale lock at once, one gets it', () =>
  inTemporaryFolder(async (study) => {
    await writeFile(join(study, '.lock'), JSON.stringify({ pid: 2 ** 30, host: hostname(), began: null, token: 'x' }));
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => openStudy(study, plan)));
    const opened = attempts.filter((attempt) => attempt.status === 'fulfilled');
    assert.is(opened.length, 1);
    await opened[0]!.value.release();
  }));

const staleLocks: Readonly<Record<string, string>> = {
  'of a process that is gone': JSON.stringify({ pid: 2 ** 30, host: hostname(), began: null, token: 'x' }),
  'of an earlier process with this one’s number': JSON.stringify({
    pid: process.pid,
    host: hostname(),
    began: '1',
    token: 'x',
  }),
  'that is empty': '',
  'that is no lock': '[]',
};
for (const [kind, lock] of Object.entries(staleLocks)) {
  test(`a lock ${kind} is taken over`, () =>
    inTemporaryFolder(async (study) => {
      await writeFile(join(study, '.lock'), lock);
      await (await openStudy(study, plan)).release();
      assert.not((await readdir(study)).some((name) => name.startsWith('.lock')));
    }));
}

test('a lock of another machine holds', () =>
  inTemporaryFolder(async (study) => {
    await writeFile(join(study, '.lock'), JSON.stringify({ pid: 1, host: 'elsewhere', began: null, token: 'x' }));
    await throwsClearly(() => openStudy(study, plan), /process 1 on elsewhere; .*delete .*\.lock/);
  }));

test('a lock of another container holds, though the names of the hosts are the same', () =>
  inTemporaryFolder(async (study) => {
    const lock = { pid: 2 ** 30, host: hostname(), machine: 'abc pid:[1]', began: null, token: 'x' };
    await writeFile(join(study, '.lock'), JSON.stringify(lock));
    await throwsClearly(() => openStudy(study, plan), /no other process/);
  }));

test('a failed sweep lets the folder go', () =>
  inTemporaryFolder(async (study) => {
    const fail: ExecuteRun = () => Promise.reject(new Error('broken'));
    await throwsClearly(() => sweep(plan, { study, execute: fail }), /broken/);
    assert.is((await trained(study)).length, 6);
  }));

test('a folder that cannot be written, or holds no study, is named', () =>
  inTemporaryFolder(async (folder) => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await throwsClearly(() => openStudy(join(file, 'study'), plan), /file\/study: expected a folder to write/);
    await throwsClearly(() => readStudy(join(folder, 'none')), /none\/study\.json: .*no such file/);
  }));

test('a spectrum is found by its configuration, broken ones are not found', () =>
  inTemporaryFolder(async (study) => {
    await (await openStudy(study, plan)).release();
    const configuration = { method: 'lora', operator: 'hessian' };
    const key = await writeMeasurement(study, 'spectra', configuration, { lambdaMax: { value: 12.3 } });
    const stored = { lambdaMax: { value: 12.3 }, configuration };
    assert.equal(await readMeasurement(study, 'spectra', { operator: 'hessian', method: 'lora' }), stored);
    assert.is(await readMeasurement(study, 'spectra', { ...configuration, method: 'pissa' }), null);
    assert.equal(await readMeasurements(study, 'spectra'), [stored]);
    const path = join(study, 'spectra', `${key}.json`);
    await truncate(path, (await stat(path)).size - 5);
    assert.is(await readMeasurement(study, 'spectra', configuration), null);
    assert.equal(await readMeasurements(study, 'spectra'), []);
  }));

test('a run that was never begun is not done', () =>
  inTemporaryFolder(async (study) => {
    const run = runConfiguration(plan, { configuration: someConfiguration(), learningRate: 1e-3, seed: 0 });
    assert.is(await readRun(study, run, 'validationLoss'), null);
  }));

test('a study of older results is shown, and not continued with those of another version', () =>
  inTemporaryFolder(async (study) => {
    const keys = await trained(study);
    await throwsClearly(
      () => openStudy(study, { ...plan, resultsVersion: 1 }),
      /study\.json: expected a study of results version 1, got an older one; begin anew in another study folder/,
    );
    assert.equal((await readStudy(study)).runs.map(({ key }) => key).sort(), keys.sort());
  }));

test('once a file of a method was edited, what was made with it before is no part of the study, even before it is made again', () =>
  inTemporaryFolder(async (study) => {
    const methods = ['lora', './mine.ts'];
    const { configurations } = somePlan({ methods });
    const planOf = (content: string) => ({
      ...plan,
      configurations,
      resultsVersion: 1,
      methodContent: { './mine.ts': content },
    });
    const execute: ExecuteRun = async (run) => parabolaResult({ ...run, method: 'lora' });
    await sweep(planOf('a'), { study, execute });
    const shown = async () => [
      ...new Set((await readStudy(study)).runs.map(({ configuration }) => configuration.method)),
    ];
    assert.equal(await shown(), methods);
    const opened = await openStudy(study, planOf('b'));
    assert.equal([opened.edited, (await readStudy(study)).plan.methodContent], [['./mine.ts'], { './mine.ts': 'b' }]);
    await opened.release();
    assert.equal(await shown(), ['lora']);
    await sweep(planOf('a'), { study, execute: neverAgain });
    assert.equal(await shown(), methods);
  }));

test.run();
