import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import type { Configuration } from '../../study/configurations/configuration.ts';
import { readStudyFindings } from '../../study/findings.ts';
import { openStudy, readStudy } from '../../study/folder/record.ts';
import { runFolder } from '../../study/folder/runFolders.ts';
import type { ExecuteRun } from '../../study/measure/execute.ts';
import type { StudyPlan } from '../../study/plan/plan.ts';
import { sweep } from '../../study/sweep/sweep.ts';
import { leaveSpectra, parabolaResult, someConfiguration, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

/** A run whose optimum moves with the rank and the batch size. */
const execute: ExecuteRun = async (run) => {
  const shift = Math.sqrt(run.rank / 8) / Math.sqrt(run.batchSize / 4);
  return parabolaResult({ ...run, learningRate: run.learningRate * shift });
};

const neverAgain: ExecuteRun = async ({ method, rank, learningRate }) => {
  throw new Error(`${method}, rank ${rank}, at ${learningRate} was run again`);
};

/** The product of some methods, ranks and batch sizes. */
function product(methods: readonly string[], ranks: readonly number[], batchSizes: readonly number[]): Configuration[] {
  return methods.flatMap((method) =>
    ranks.flatMap((rank) => batchSizes.map((batchSize) => someConfiguration({ method, rank, batchSize }))),
  );
}

const small = somePlan({ configurations: product(['lora', 'pissa'], [2], [4, 16]), seeds: [0] });
const large = somePlan({ configurations: product(['lora', 'pissa'], [2, 32], [4, 16]), seeds: [0, 1] });

const results = (study: string): Promise<string> => readFile(join(study, 'results.csv'), 'utf8');

/** `results.csv` of a plan carried out in a folder of its own. */
const fresh = (plan: StudyPlan): Promise<string> =>
  inTemporaryFolder(async (study) => {
    await sweep(plan, { study, execute });
    return results(study);
  });

/** When each run of a study was finished, by its key. */
async function times(study: string): Promise<Map<string, number>> {
  const { runs } = await readStudy(study);
  const made = await Promise.all(
    runs.map(async ({ key }) => [key, (await stat(join(runFolder(study, key), 'result.json'))).mtimeMs] as const),
  );
  return new Map(made);
}

test('a study that grows makes what is new and nothing again, and ends as a fresh one of the whole', () =>
  inTemporaryFolder(async (study) => {
    const first = await sweep(small, { study, execute });
    const before = await times(study);
    const grown = await sweep(large, { study, execute });
    const after = await times(study);
    for (const [key, time] of before) assert.is(after.get(key), time);
    assert.is(grown.added, grown.runs.length - first.runs.length);
    assert.is(await results(study), await fresh(large));
    const again = await sweep(large, { study, execute: neverAgain });
    assert.is(again.added, 0);
  }));

test('with fewer configurations or seeds it reports on those, keeps the rest, and finds it again', () =>
  inTemporaryFolder(async (study) => {
    await sweep(large, { study, execute });
    const whole = await results(study);
    const fewer = await sweep(small, { study, execute: neverAgain });
    assert.is(await results(study), await fresh(small));
    assert.is((await readStudyFindings(study)).sweep.runs.length, fewer.runs.length);
    const opened = await openStudy(study, small);
    assert.ok(opened.others > 0);
    await opened.release();
    await sweep(large, { study, execute: neverAgain });
    assert.is(await results(study), whole);
  }));

test('a grid of more rates adds theirs, and what follows from it is that of a fresh study', () =>
  inTemporaryFolder(async (study) => {
    await sweep(small, { study, execute });
    const denser = { ...small, grid: [1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3] };
    await sweep(denser, { study, execute });
    assert.is(await results(study), await fresh(denser));
  }));

for (let seed = 0; seed < 2; seed++)
  test(`a study that grows in random ways, and is interrupted, ends as a fresh one of its last plan, seed ${seed}`, () =>
    inTemporaryFolder(async (study) => {
      const random = randomStream(seed, 'growth');
      const some = <T>(all: readonly T[]): T[] => {
        const chosen = all.filter(() => random.uniform() < 0.6);
        return chosen.length > 0 ? chosen : [all[0]!];
      };
      const shaky: ExecuteRun = async (...args) => {
        if (random.uniform() < 0.1) throw new Error('interrupted');
        return execute(...args);
      };
      let plan = small;
      for (let turn = 0; turn < 3; turn++) {
        const configurations = product(some(['lora', 'pissa']), some([2, 32]), some([4, 16]));
        plan = somePlan({ configurations, seeds: some([0, 1, 2]), grid: some([1e-4, 4e-4, 1.6e-3, 6.4e-3]) });
        for (let tries = 0; tries < 100; tries++) {
          const done = await sweep(plan, { study, execute: shaky, atOnce: 3 }).catch(() => null);
          if (done) break;
        }
        assert.is(await results(study), await fresh(plan));
      }
      const { runs } = await readStudy(study);
      assert.is((await results(study)).trimEnd().split('\n').length - 1, runs.length);
    }));

test('a configuration is called by what varies; several studies stand side by side by that in which they differ', () =>
  inTemporaryFolder(async (folder) => {
    const [a, b] = ['a', 'b'].map((name) => join(folder, name)) as [string, string];
    const crossed = {
      ...small,
      configurations: product(['lora', 'pissa'], [2, 8], [4, 16]),
      mostRates: 0,
      refinements: 0,
    };
    await sweep(crossed, { study: a, execute });
    const { sweep: one, differences } = await readStudyFindings(a);
    assert.equal(differences, []);
    assert.equal(one.configurations.map(({ configuration }) => configuration).slice(0, 3), [
      'lora, rank 2, batch 4',
      'lora, rank 2, batch 16',
      'lora, rank 8, batch 4',
    ]);
    assert.equal(one.configurations[1]!.settings, { rank: '2', batch_size: '16' });
    const other = { ...crossed, configurations: product(['lora'], [8], [4]), model: 'models/other', modelHash: 'm1' };
    await sweep(other, { study: b, execute });
    const both = await readStudyFindings(a, b);
    assert.is(both.sweep.configurations.length, 9);
    assert.is(both.sweep.configurations[8]!.configuration, 'lora, other, rank 8, batch 4');
    assert.is(both.sweep.configurations[2]!.configuration, 'lora, base, rank 8, batch 4');
    assert.equal(both.differences, [`The model differs: base in ${a}, other in ${b}.`]);
    assert.is(both.sweep.context!.model, undefined);
    assert.is(both.sweep.context!.steps, 100);
  }));

test('a study that is named twice, or whose runs another one has too, counts once', () =>
  inTemporaryFolder(async (folder) => {
    const [a, b] = ['a', 'b'].map((name) => join(folder, name)) as [string, string];
    await sweep(small, { study: a, execute });
    const alone = await readStudyFindings(a);
    const written = (findings: typeof alone) => JSON.parse(JSON.stringify(findings));
    assert.equal(written(await readStudyFindings(a, `${a}/`)), written(alone));
    await leaveSpectra(small, a, () => ({ tokens: 10, batches: 4, lambdaMax: { value: 3 } }));
    await sweep(large, { study: b, execute });
    const [{ sweep: both, spectra, differences }, { sweep: whole }] = [
      await readStudyFindings(a, b),
      await readStudyFindings(b),
    ];
    const sorted = (runs: typeof both.runs) => runs.map((run) => JSON.stringify(run)).sort();
    assert.equal(sorted(both.runs), sorted(whole.runs));
    const names = (all: typeof both) => all.configurations.map(({ configuration }) => configuration).sort();
    assert.equal([names(both), both.progress], [names(whole), whole.progress]);
    const measured = both.configurations.filter(({ lambdaMax }) => lambdaMax === 3);
    assert.equal([measured.length, spectra.length], [small.configurations.length, small.configurations.length]);
    assert.equal(differences, []);
  }));

test('configurations of two studies that differ in their own optimizer, or in the content of a file, are two', () =>
  inTemporaryFolder(async (folder) => {
    const asLora: ExecuteRun = async (run) => parabolaResult({ ...run, method: 'lora' });
    const fixed = somePlan({ mostRates: 0, refinements: 0, seeds: [0] });
    const lora = someConfiguration();
    const together = async (name: string, plans: readonly StudyPlan[]) => {
      const studies = plans.map((_, index) => join(folder, `${name}-${index}`));
      for (const [index, plan] of plans.entries()) await sweep(plan, { study: studies[index]!, execute: asLora });
      const { sweep: both } = await readStudyFindings(...studies);
      return [both.configurations.map(({ configuration }) => configuration), both.runs.length];
    };
    const withEps = (eps: number) => ({
      ...fixed,
      configurations: [lora, { ...lora, method: 'loft', optimizer: { ...lora.optimizer, name: 'loft', eps } }],
    });
    // LoRA's runs are the same in both studies, and count once.
    assert.equal(await together('loft', [withEps(1e-4), withEps(1e-6)]), [
      ['lora', 'loft, loft eps 0.0001', 'loft, loft eps 0.000001'],
      9,
    ]);
    const withContent = (content: string) => ({
      ...fixed,
      configurations: [lora, { ...lora, method: './mine.ts' }],
      methodContent: { './mine.ts': content },
    });
    assert.equal(await together('mine', [withContent('aaaaaaaa'), withContent('bbbbbbbb')]), [
      ['lora', 'mine, content aaaaaa', 'mine, content bbbbbb'],
      9,
    ]);
  }));

test('studies that are scored in opposite ways are not put together', () =>
  inTemporaryFolder(async (folder) => {
    const [a, b] = ['a', 'b'].map((name) => join(folder, name)) as [string, string];
    const fixed = somePlan({ mostRates: 0, refinements: 0, seeds: [0] });
    await sweep(fixed, { study: a, execute });
    const task = { name: 'math', exactOnly: true };
    await sweep(
      { ...fixed, score: 'exactMatch', task },
      {
        study: b,
        execute: async (run) => ({ ...parabolaResult(run), exactMatch: 0.5 }),
      },
    );
    await throwsClearly(
      () => readStudyFindings(a, b),
      /compare runs in the same way, got validation loss and exact match/,
    );
  }));

test.run();
