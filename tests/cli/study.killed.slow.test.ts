import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { filesOf, timelessBytes, tinyStudy } from '../cases/tinyStudy.ts';
import { resultOf } from '../oracles/commands.ts';

/** Long enough that ten processes in a row find something to do. */
const longer = ['--steps', '40', '--seeds', '4', '--seeds-near-best', '2'];

/** Starts a study in a process of its own; `started` when its folder is open and the work begins. */
function startStudy(command: readonly string[]): {
  child: ChildProcess;
  started: Promise<unknown>;
  ended: Promise<End>;
} {
  const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit') as Promise<End>;
  return { child, started: Promise.race([once(child.stderr!, 'data'), ended]), ended };
}

type End = [code: number | null, signal: NodeJS.Signals | null];

test('a study killed at ten random moments, and moved, ends as an undisturbed one, byte for byte', () =>
  inTemporaryFolder(async (folder) => {
    const undisturbed = join(folder, 'undisturbed');
    await resultOf(...(await tinyStudy(folder, [...longer, '--study', undisturbed])));
    const expected = await timelessBytes(undisturbed);

    let study = join(folder, 'study');
    const random = randomStream(7, 'kills');
    for (let killed = 1; killed <= 10; killed++) {
      const { child, started, ended } = startStudy(await tinyStudy(folder, [...longer, '--study', study]));
      await started;
      await pause(500 * random.uniform());
      child.kill('SIGKILL');
      const [, signal] = await ended;
      assert.is(signal, 'SIGKILL', `the study was over before kill ${killed}`);
      if (killed === 5) {
        await rename(study, join(folder, 'moved'));
        study = join(folder, 'moved');
      }
    }
    assert.not.equal(await timelessBytes(study), expected, 'nothing was left to resume');
    await resultOf(...(await tinyStudy(folder, [...longer, '--study', study])));
    assert.equal(await timelessBytes(study), expected);
    // No half-written file, no lock.
    assert.equal(await filesOf(study), await filesOf(undisturbed));
  }));

test('a signal ends a study with 128 and its number, and the study goes on from there', () =>
  inTemporaryFolder(async (folder) => {
    const command = await tinyStudy(folder, ['--study', join(folder, 'study')]);
    for (const [signal, exitCode] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const { child, started, ended } = startStudy(command);
      await started;
      child.kill(signal);
      assert.equal(await ended, [exitCode, null], signal);
    }
    assert.is((await resultOf<{ runs: number }>(...command)).runs, 6);
  }));

test.run();
