import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { readStudy } from '../../study/folder/record.ts';
import type { ExecuteRun } from '../../study/measure/execute.ts';
import { sweep } from '../../study/sweep/sweep.ts';
import { optimumOf, parabolaResult, somePlan } from '../cases/studies.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

const execute: ExecuteRun = async (run) => parabolaResult(run);
const neverAgain: ExecuteRun = async ({ method }) => {
  throw new Error(`${method} was run again`);
};
const results = (study: string): Promise<string> => readFile(join(study, 'results.csv'), 'utf8');

/** `results.csv` of the plan carried out without interruption. */
async function undisturbed(): Promise<string> {
  let csv = '';
  await inTemporaryFolder(async (folder) => {
    await sweep(somePlan(), { study: join(folder, 'study'), execute });
    csv = await results(join(folder, 'study'));
  });
  return csv;
}

function startSweep(study: string): ChildProcess {
  const script = fileURLToPath(new URL('../cases/sweepProcess.ts', import.meta.url));
  return spawn(process.execPath, ['--import', 'tsx', script, study], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('a sweep brackets each optimum, refines it, and repeats it with the further seeds', () =>
  inTemporaryFolder(async (study) => {
    const plan = somePlan();
    const { configurations, runs } = await sweep(plan, { study, execute });
    assert.equal(
      configurations.map(({ configuration }) => configuration),
      plan.configurations,
    );
    for (const { configuration, best, bracketed, points } of configurations) {
      assert.ok(bracketed);
      // Rates a factor 4 apart, halved to 2 beside the best.
      assert.ok(Math.abs(Math.log(best!.learningRate / optimumOf[configuration.method]!)) <= Math.log(2) / 2 + 1e-3);
      const repeated = runs.filter((run) => run.configuration === configuration && run.seed === 1);
      assert.is(repeated.length, 3);
      assert.ok(repeated.every(({ learningRate }) => points.some((at) => at.learningRate === learningRate)));
    }
  }));

test('without limits to the further seeds they run on the whole grid', () =>
  inTemporaryFolder(async (study) => {
    const plan = somePlan({ seedsNearBest: null, seeds: [0, 1, 2], mostRates: 0, refinements: 0 });
    const { runs, configurations } = await sweep(plan, { study, execute });
    assert.is(runs.length, 2 * 3 * 3);
    assert.ok(configurations.some(({ bracketed }) => !bracketed));
  }));

test('progress counts every run once and ends at the number planned', () =>
  inTemporaryFolder(async (study) => {
    const events: string[] = [];
    let last = { done: 0, planned: -1 };
    const onProgress = (progress: { event: string; done: number; planned: number }): void => {
      events.push(progress.event);
      last = progress;
    };
    const { runs } = await sweep(somePlan(), { study, execute, onProgress });
    assert.is(events.filter((event) => event === 'started').length, runs.length);
    assert.is(events.filter((event) => event === 'finished').length, runs.length);
    assert.is(last.done, runs.length);
    assert.is(last.planned, runs.length);
    events.length = 0;
    await sweep(somePlan(), { study, execute: neverAgain, onProgress });
    assert.equal(events, Array(runs.length).fill('found'));
  }));

test('a failing run names itself, its folder and the cause; the runs before it are kept', () =>
  inTemporaryFolder(async (study) => {
    let calls = 0;
    const failing: ExecuteRun = async (run) => {
      if (++calls === 3) throw new Error('out of memory');
      return parabolaResult(run);
    };
    await throwsClearly(
      () => sweep(somePlan(), { study, execute: failing }),
      /pissa at learning rate 0\.0016, seed 0/,
      /\/runs\/[0-9a-f]{12}:/,
      /out of memory/,
    );
    assert.is((await readStudy(study)).runs.length, 2);
  }));

test('a finished run without the measure that the study compares by is a failure', () =>
  inTemporaryFolder(async (study) => {
    const blind: ExecuteRun = async (run) => ({ ...parabolaResult(run), validationLoss: Number.NaN });
    await throwsClearly(() => sweep(somePlan(), { study, execute: blind }), /validationLoss, got NaN/);
    assert.is((await readStudy(study)).runs.length, 0);
  }));

for (let seed = 0; seed < 5; seed++) {
  test(`a sweep whose runs throw at random moments ends in the same results.csv, seed ${seed}`, async () => {
    const expected = await undisturbed();
    await inTemporaryFolder(async (study) => {
      const random = randomStream(seed, 'interruptions');
      const shaky: ExecuteRun = async (run) => {
        if (random.uniform() < 0.3) throw new Error('interrupted');
        return parabolaResult(run);
      };
      let interruptions = 0;
      for (;;) {
        try {
          await sweep(somePlan(), { study, execute: shaky });
          break;
        } catch {
          interruptions++;
        }
      }
      assert.ok(interruptions > 0);
      assert.is(await results(study), expected);
    });
  });
}

test('a sweep killed at ten random moments, and moved, ends in the same results.csv', async () => {
  const expected = await undisturbed();
  await inTemporaryFolder(async (folder) => {
    let study = join(folder, 'study');
    const random = randomStream(7, 'kills');
    let killed = 0;
    while (killed < 10) {
      const child = startSweep(study);
      const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
      await Promise.race([once(child.stdout!, 'data'), ended]);
      await pause(60 * random.uniform());
      child.kill('SIGKILL');
      const [, signal] = await ended;
      if (signal !== 'SIGKILL') break;
      killed++;
      if (killed === 5) {
        await rename(study, join(folder, 'moved'));
        study = join(folder, 'moved');
      }
    }
    assert.is(killed, 10, 'the sweep was over before the last kill');
    assert.is.not(await results(study).catch(() => ''), expected, 'nothing was left to resume');
    const [code] = (await once(startSweep(study).on('error', assert.unreachable), 'exit')) as [number];
    assert.is(code, 0);
    assert.is(await results(study), expected);
  });
});

test.run();
