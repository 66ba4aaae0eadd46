import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FinishedRun } from '../../study/folder/record.ts';
import { studyProgress } from '../../study/sweep/progress.ts';
import { sweep } from '../../study/sweep/sweep.ts';
import { parabolaResult, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';

/** The runs of a plan in the order in which they were done. */
const runsOf = (plan: ReturnType<typeof somePlan>): Promise<FinishedRun[]> =>
  inTemporaryFolder(async (study) => {
    const runs: FinishedRun[] = [];
    await sweep(plan, {
      study,
      execute: async (run) => parabolaResult(run),
      onProgress: ({ key, configuration, run: { learningRate, seed }, result }) =>
        result && runs.push({ key, configuration, learningRate, seed, result }),
    });
    return runs;
  });

// Both optima lie inside, so that each is refined on both sides: 4 + 2 runs of the first seed, and 3 of the second.
const fixed = somePlan({ grid: [1e-3, 4e-3, 1.6e-2, 6.4e-2], mostRates: 0 });

test('a study with a fixed grid is known to have 18 runs from the first on', async () => {
  const runs = await runsOf(fixed);
  assert.is(runs.length, 18);
  for (const done of runs.keys())
    assert.equal(
      [studyProgress(fixed, runs.slice(0, done)).done, studyProgress(fixed, runs.slice(0, done)).planned],
      [done, 18],
    );
  assert.equal(studyProgress(fixed, runs), { done: 18, planned: 18, unfinished: [] });
});

test('a method is unfinished until the last of its own runs is done', async () => {
  const runs = await runsOf(fixed);
  const missing = runs.findIndex(({ configuration, seed }) => configuration.method === 'lora' && seed === 1);
  assert.equal(studyProgress(fixed, runs.toSpliced(missing, 1)), {
    ...{ done: 17, planned: 18 },
    unfinished: fixed.configurations.slice(1),
  });
  assert.equal(studyProgress(fixed, []).unfinished, fixed.configurations);
});

test('where grids are extended there are at least as many runs as planned, and in the end as many', async () => {
  const plan = somePlan();
  const runs = await runsOf(plan);
  for (const done of runs.keys()) {
    const progress = studyProgress(plan, runs.slice(0, done));
    assert.is(progress.done, done);
    assert.ok(progress.planned > done && progress.planned <= runs.length, `${progress.planned} of ${runs.length}`);
  }
  assert.equal(studyProgress(plan, runs), { done: runs.length, planned: runs.length, unfinished: [] });
});

test.run();
