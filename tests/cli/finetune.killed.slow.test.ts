import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { filesOf } from '../cases/tinyStudy.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';

/** `LAMBDAMAX_KILLS=50` for a night. */
const kills = Number(process.env.LAMBDAMAX_KILLS ?? 6);

/** A run whose every step is saved, so that many a kill falls into the writing of a checkpoint. */
function trainingIn(out: string, data: string): string[] {
  return [
    ...['finetune', '--model', referencePath('models/llama'), '--threads', '1', '--data', data],
    ...[
      '--method',
      'pissa',
      '--rank',
      '4',
      '--lr',
      '1e-3',
      '--steps',
      '150',
      '--batch-size',
      '3',
      '--validation',
      data,
    ],
    ...['--out', out, '--save-every', '1', '--resume'],
  ];
}

/** Runs the command in a process of its own, and kills it after so many milliseconds unless it has ended. */
async function runFor(milliseconds: number, command: readonly string[]): Promise<'killed' | 'ended'> {
  const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.on('data', (chunk) => {
    words += chunk;
  });
  const ended = once(child, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  const timer = new AbortController();
  await Promise.race([ended, pause(milliseconds, undefined, { signal: timer.signal })]);
  timer.abort();
  child.kill('SIGKILL');
  const [code, signal] = await ended;
  if (signal === 'SIGKILL') return 'killed';
  assert.is(code, 0, words);
  return 'ended';
}

/** All that a run leaves, but for times. */
async function leftIn(out: string): Promise<Record<string, string>> {
  const files = await filesOf(out);
  const texts = await Promise.all(
    files
      .filter((name) => !name.startsWith('checkpoint'))
      .map(async (name) => [name, (await readFile(join(out, name), 'latin1')).replace(/"seconds":[^}\n]*/g, '')]),
  );
  return Object.fromEntries(texts);
}

test(`a run killed at ${kills} random moments and resumed leaves what an undisturbed one does, byte for byte`, () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, randomRows(7, 1));
    const began = performance.now();
    const undisturbed = join(folder, 'undisturbed');
    await runFor(1e6, trainingIn(undisturbed, data));
    const whole = performance.now() - began;
    const expected = await leftIn(undisturbed);

    const random = randomStream(7, 'kills');
    let [killed, runs] = [0, 0];
    while (killed < kills) {
      const out = join(folder, `run ${++runs}`);
      while (killed < kills && (await runFor(whole * random.uniform(), trainingIn(out, data))) === 'killed') killed++;
      await runFor(1e6, trainingIn(out, data));
      assert.equal(await leftIn(out), expected, `run ${runs}, after ${killed} kills`);
      // No half-written file.
      assert.equal(await filesOf(out), await filesOf(undisturbed));
    }
  }));

test.run();
