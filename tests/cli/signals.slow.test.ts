import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { tinyStudy } from '../cases/tinyStudy.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';

const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));

/** A command in a process of its own: what it says, and how it ends. */
function begin(command: readonly string[]) {
  const child = spawn(process.execPath, [script, ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.on('data', (chunk) => {
    words += chunk;
  });
  const ended = once(child, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  const said = async (what: RegExp): Promise<void> => {
    while (!what.test(words) && child.exitCode === null) await pause(20);
    assert.match(words, what);
  };
  return { child, ended, said, words: () => words };
}

/** A method whose initial values never come: what a singular value decomposition of many large matrices looks like. */
const endless = `import { writeSync } from 'node:fs';
import { adapterMethod } from 'lambdamax/training';
export default {
  name: 'endless', keepsFunctionBy: 'zeroUpdate', form: adapterMethod('lora').form,
  initialise() { writeSync(2, 'computes\\n'); for (;;); },
};`;

test('the second signal ends a command at once, in the midst of a computation that hears nothing', () =>
  inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, 'endless.ts'), endless);
    const data = await writeRows(folder, randomRows(4, 1));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const { child, ended, said } = begin([
        ...['finetune', '--model', referencePath('models/llama'), '--data', data],
        ...['--method', join(folder, 'endless.ts'), '--steps', '2', '--lr', '1e-3'],
      ]);
      await said(/computes/);
      child.kill(signal);
      await said(/the same signal again ends it at once/);
      child.kill(signal);
      const began = performance.now();
      assert.equal(await ended, [null, signal]);
      assert.ok(performance.now() - began < 2000, 'it took longer than 2 s');
      await said(/ended at once/);
    }
  }));

for (const [signal, code] of [
  ['SIGINT', 130],
  // What a closed terminal sends.
  ['SIGHUP', 129],
] as const)
  test(`the first ${signal} ends a study between steps, and says what is kept and how it goes on`, () =>
    inTemporaryFolder(async (folder) => {
      const study = join(folder, 'study');
      const command = await tinyStudy(folder, ['--steps', '40', '--seeds', '4', '--study', study]);
      const early = begin(command);
      await early.said(/by curvature/);
      early.child.kill(signal);
      assert.equal(await early.ended, [code, null]);
      await early.said(/interrupted; what is measured is kept in .*study, and the same command goes on from there/);
      const { child, ended, said } = begin(command);
      await said(/lora at/);
      child.kill(signal);
      assert.equal(await ended, [code, null]);
      await said(
        /interrupted; \d+ of \d+ runs are kept in .*study, others up to their last checkpoint, and the same command goes on from there/,
      );
    }));

test("a worker's process ends with the one that started it, whatever it computes", () =>
  inTemporaryFolder(async (folder) => {
    await writeFile(
      join(folder, 'endless.mjs'),
      'export const createWorker = async () => async (task, report) => { report(process.pid); for (;;); };',
    );
    await writeFile(
      join(folder, 'parent.mts'),
      `import { WorkerPool } from ${JSON.stringify(new URL('../../workers/pool.ts', import.meta.url).href)};
       const module = new URL('./endless.mjs', import.meta.url).href;
       const pool = await WorkerPool.start(1, { module, setup: {} });
       await pool.run(0, (pid) => process.stderr.write('pid ' + pid + '\\n'));`,
    );
    const parent = spawn(process.execPath, ['--import', 'tsx', join(folder, 'parent.mts')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let words = '';
    for await (const chunk of parent.stderr) {
      words += chunk;
      if (/pid \d+\n/.test(words)) break;
    }
    const pid = Number(/pid (\d+)/.exec(words)?.[1]);
    parent.kill('SIGKILL');
    const isAlive = () => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    const began = performance.now();
    while (isAlive() && performance.now() - began < 5000) await pause(20);
    assert.not(isAlive(), 'the process goes on alone');
  }));

test.run();
