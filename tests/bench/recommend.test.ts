import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { configurationsOf, nameOf, type SoughtAdapter } from '../../bench/recommend/configurations.ts';
import { findingsOf } from '../../bench/recommend/findings.ts';
import { RecordFile } from '../../bench/recommend/records.ts';
import { repeatedRates } from '../../bench/recommend/sweeps.ts';
import { recommended, recommendLines } from '../../bench/recommend.ts';
import { LambdamaxError } from '../../errors.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';

/** A loss whose best rate is known. */
function lossAt(learningRate: number, best: number): number {
  return 1 + 0.1 * Math.log(learningRate / best) ** 2;
}

function configuration(method: string): SoughtAdapter {
  return { task: 'math', method, rank: 8 };
}

test('findings count folds, intervals and prices of what lies in the folder', () =>
  inTemporaryFolder(async (folder) => {
    const file = new RecordFile(folder, 'recommend', 100);
    const best = { lora: 4e-3, pissa: 1e-3 };
    for (const [method, optimum] of Object.entries(best)) {
      for (const learningRate of [0.25, 0.5, 1, 2, 4].map((factor) => factor * optimum))
        await file.add({
          ...configuration(method),
          kind: 'run',
          learningRate,
          seed: 1,
          loss: lossAt(learningRate, optimum),
        });
      const interval = method === 'lora' ? { low: 3e-3, high: 6e-3 } : { low: 1.5e-3, high: 3e-3 };
      const said = { learningRate: method === 'lora' ? 4e-3 : 2e-3, gradientEvaluations: 80 };
      await file.add({ ...configuration(method), kind: 'prediction', by: 'probes', ...said, ...interval, seconds: 1 });
    }
    // What is there twice counts once, as it was found first.
    const again = { kind: 'run', method: 'lora', rank: 8, learningRate: 4e-3, loss: 0.5, seconds: 1 };
    await appendFile(join(folder, 'recommend-100.jsonl'), `${JSON.stringify(again)}\n`);

    const { configurations, predictors } = findingsOf(100, await file.read());
    assert.equal(
      configurations.map(({ configuration, loss, runs }) => [configuration, loss, runs]),
      [
        ['lora r8', 1, 5],
        ['pissa r8', 1, 5],
      ],
    );
    const probes = predictors.find(({ by }) => by === 'probes')!;
    assert.ok(Math.abs(probes.fold - Math.SQRT2) < 1e-6 && Math.abs(probes.worstFold - 2) < 1e-6);
    assert.equal([probes.covered, probes.count, probes.price], [1, 2, 80]);
    assert.ok(Math.abs(probes.worstRegret - 10 * Math.log(2) ** 2) < 1e-6);
    // The best rate of the other method: off by a factor of 4, both times.
    assert.ok(Math.abs(predictors.find(({ by }) => by === 'one-constant')!.fold - 4) < 1e-6);

    for (const [method, loss] of [
      ['lora', 1.05],
      ['pissa', null],
    ] as const)
      await file.add({ ...configuration(method), kind: 'rival', by: 'prodigy', loss, gradientEvaluations: 0 });
    // One that has no sweep yet is not counted.
    await file.add({ ...configuration('dora'), kind: 'rival', by: 'prodigy', loss: 9, gradientEvaluations: 0 });
    const [rival, ...none] = findingsOf(100, await file.read()).rivals;
    assert.equal([rival!.by, rival!.count, rival!.worstRegret, rival!.price, none], ['prodigy', 2, 100, 0, []]);
    // 5 % and all, against a best loss of 1.
    assert.ok(Math.abs(rival!.regret - 52.5) < 1e-6);

    const settings = { folder, set: 'tuned', steps: [100, 1000], seeds: [1], threads: 1, stored: true } as const;
    const lines = recommendLines(await recommended(settings, () => assert.unreachable()));
    assert.match(lines[0]!, /^runs of 100 steps: 2 configurations, 10 runs$/);
    assert.match(lines.find((line) => line.startsWith('prodigy'))!, /^prodigy +2 +52\.50 +100\.00 +0$/);
    assert.match(lines.find((line) => line.startsWith('probes'))!, /^probes +1\.41 +[\d.]+-[\d.]+ +2\.00 +1 of 2 /);
  }));

test('what a recommendation was made from is read again with the constants of today, beside what it said then', () =>
  inTemporaryFolder(async (folder) => {
    const file = new RecordFile(folder, 'recommend', 100);
    const common = { ...configuration('lora'), gradientEvaluations: 80, seconds: 1 };
    for (const factor of [0.25, 0.5, 1, 2, 4])
      await file.add({
        ...configuration('lora'),
        kind: 'run',
        seed: 1,
        learningRate: factor * 4e-3,
        loss: lossAt(factor, 1),
      });
    await file.add({ kind: 'prediction', by: 'probes', ...common, learningRate: 1.6e-2, low: 1.5e-2, high: 1.7e-2 });
    const probes = [0.5, 1, 2].map((factor) => ({
      ...{ learningRate: factor * 4e-3, steps: 100, score: lossAt(factor, 1) },
    }));
    const lineSearch = { learningRate: 1e-2, logStandardError: 0.1, criticalRate: 2e-2 };
    const kept = { ...common, by: 'probes', learningRate: 5e-2, low: 4e-2, high: 6e-2, probes, lineSearch };
    await file.add({ kind: 'prediction', ...kept });
    const records = await file.read();
    assert.equal([records.predictions.length, records.earlier.length], [1, 1]);
    const { predictors } = findingsOf(100, records);
    const named = (by: string) => predictors.find((one) => one.by === by)!;
    // As long as the run, so that nothing is extrapolated: the vertex itself, whatever was said.
    assert.ok(Math.abs(named('probes').fold - 1) < 1e-6, `${named('probes').fold}`);
    assert.is(named('probes').covered, 1);
    assert.ok(Math.abs(named('probes, then').fold - 4) < 1e-6);
    assert.is(named('probes, then').covered, 0);
  }));

test('a folder in which nothing is stored is refused by the name of its option', () =>
  inTemporaryFolder(async (folder) => {
    const settings = { folder, set: 'new', steps: [100], seeds: [1], threads: 1, stored: true } as const;
    const failure = await recommended(settings, () => {}).catch((error: unknown) => error);
    assert.match(String(failure), /--dir: expected a folder with runs of set new, of 100 steps/);
  }));

test('a line that was cut off is named, with its file', () =>
  inTemporaryFolder(async (folder) => {
    const file = new RecordFile(folder, 'recommend', 100);
    assert.equal(await file.read(), { runs: [], predictions: [], curvatures: [], rivals: [], earlier: [] });
    await file.add({ ...configuration('lora'), kind: 'run', learningRate: 4e-3, seed: 1, loss: 1 });
    await appendFile(join(folder, 'recommend-100.jsonl'), '{"kind":"run","meth');
    const failure = await file.read().then(
      () => assert.unreachable(),
      (error: unknown) => error,
    );
    assert.instance(failure, LambdamaxError);
    assert.match((failure as Error).message, /line 2 of .*recommend-100\.jsonl: expected a run or a prediction/);
  }));

test('nothing new was tuned on, and a task that is not math is part of the name', () => {
  const tuned = configurationsOf('tuned').map(nameOf);
  const fresh = configurationsOf('new').map(nameOf);
  assert.is(tuned.length, 15);
  assert.is(new Set([...tuned, ...fresh]).size, 15 + fresh.length);
  assert.ok(fresh.includes('pissa r8 code') && fresh.includes('gralora r8'));
  assert.equal(configurationsOf('new', { methods: ['lora'], ranks: [4] }).map(nameOf), ['lora r4']);
  assert.throws(
    () => configurationsOf('new', { methods: ['dora'] }),
    /--methods and --ranks: expected a method and a rank of set new/,
  );
});

test('further seeds run at the best rate and a factor 2 away, and not where the first one diverged', () => {
  const sweep = [1, 2, 2.83, 4, 5.66, 8, 16].map((learningRate) => ({ learningRate, loss: lossAt(learningRate, 4) }));
  assert.equal(repeatedRates(sweep), [2, 4, 8]);
  assert.equal(repeatedRates(sweep.map((run) => (run.learningRate < 8 ? run : { ...run, loss: null }))), [2, 4, 5.66]);
  assert.equal(repeatedRates(sweep.filter(({ learningRate }) => learningRate >= 4)), [4, 8]);
  assert.equal(repeatedRates([{ learningRate: 1, loss: null }]), []);
});

test('the stored results are what their README says', async () => {
  const folder = fileURLToPath(new URL('../../fixtures/results', import.meta.url));
  const settings = { folder, set: 'tuned', steps: [100, 1000], seeds: [1], threads: 1, stored: true } as const;
  const lines = recommendLines(await recommended(settings, () => assert.unreachable()));
  const told = (await readFile(join(folder, 'README.md'), 'utf8')).split('\n').map((line) => line.trim());
  for (const line of lines) assert.ok(told.includes(line), line);
});

test('what is stored of new configurations holds none that was tuned on, and its README says what there is', async () => {
  const folder = fileURLToPath(new URL('../../fixtures/results', import.meta.url));
  const { runs, predictions } = await new RecordFile(folder, 'new', 100).read();
  const fresh = configurationsOf('new').map(nameOf);
  for (const one of [...runs, ...predictions]) assert.ok(fresh.includes(nameOf(one)), nameOf(one));
  const settings = { folder, set: 'new', steps: [100], seeds: [1], threads: 1, stored: true } as const;
  const told = (await readFile(join(folder, 'README.md'), 'utf8')).split('\n').map((line) => line.trim());
  for (const line of recommendLines(await recommended(settings, () => assert.unreachable())))
    assert.ok(told.includes(line.trim()), line);
});

test.run();
