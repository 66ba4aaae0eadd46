import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { readStudy } from '../../study/folder/record.ts';
import type { ExecuteRun } from '../../study/measure/execute.ts';
import type { StudyPlan } from '../../study/plan/plan.ts';
import { sweep } from '../../study/sweep/sweep.ts';
import { parabolaResult, plateauResult, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

/** What a sweep leaves, and how it went about it, when each run takes a moment of its own. */
async function carriedOut(plan: StudyPlan, result: typeof parabolaResult, atOnce: number, seed: number) {
  const random = randomStream(seed, 'moments');
  let [running, most] = [0, 0];
  const execute: ExecuteRun = async (run) => {
    most = Math.max(most, ++running);
    // The first ones wait for one another: two methods begin with three rates each.
    for (let waits = 0; most < Math.min(atOnce, 6) && waits < 1000; waits++) await pause(2);
    await pause(4 * random.uniform());
    running--;
    return result(run);
  };
  let outcome = { csv: '', methods: '', order: '', most };
  await inTemporaryFolder(async (study) => {
    const { configurations, runs } = await sweep(plan, { study, execute, atOnce });
    const csv = await readFile(join(study, 'results.csv'), 'utf8');
    outcome = { csv, methods: JSON.stringify(configurations), order: runs.map(({ key }) => key).join(), most };
  });
  return outcome;
}

for (const [what, plan, result] of [
  ['losses', somePlan({ seeds: [0, 1, 2] }), parabolaResult],
  ['accuracies', somePlan({ seeds: [0, 1], score: 'accuracy' }), plateauResult],
] as const)
  test(`a sweep by ${what} leaves the same, however many runs it makes at once and however long each takes`, async () => {
    const { most: one, ...expected } = await carriedOut(plan, result, 1, 0);
    assert.is(one, 1);
    for (const [index, atOnce] of [2, 3, 8].entries()) {
      const { most, ...outcome } = await carriedOut(plan, result, atOnce, index);
      assert.equal(outcome, expected);
      assert.ok(most >= Math.min(atOnce, 6) && most <= atOnce, `${most} runs at once`);
    }
  });

test('runs that are under way when another fails come to their end and are kept; no other begins', () =>
  inTemporaryFolder(async (study) => {
    const [begun, ended] = [new Set<number>(), new Set<number>()];
    const execute: ExecuteRun = async (run) => {
      begun.add(run.learningRate);
      while (begun.size < 2) await pause(1);
      if (run.learningRate === 4e-4) throw new Error('out of memory');
      await pause(20);
      ended.add(run.learningRate);
      return parabolaResult(run);
    };
    const plan = somePlan({ methods: ['pissa'] });
    await throwsClearly(() => sweep(plan, { study, execute, atOnce: 2 }), /learning rate 0\.0004.*out of memory/);
    // When it throws, nothing is under way any more.
    assert.equal([[...begun].sort(), [...ended]], [[1e-4, 4e-4], [1e-4]]);
    assert.is((await readStudy(study)).runs.length, 1);
  }));

test.run();
