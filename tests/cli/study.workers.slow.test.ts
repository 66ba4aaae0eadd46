import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { areGone, workersOf } from '../cases/processes.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { writeThreesTask } from '../cases/threesTask.ts';
import { filesOf, timelessBytes, tinyStudy } from '../cases/tinyStudy.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';
import { resultOf } from '../oracles/commands.ts';

interface Study {
  readonly runs: number;
  readonly points: readonly { readonly method: string; readonly lambdaMax: number }[];
}

/** A command in a process of its own, whose words come one by one. */
function started(argv: readonly string[], cwd?: string) {
  const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, ...argv], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  const ended = once(child, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  /** Waits until it has said so. */
  const said = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(words) && child.exitCode === null) await Promise.race([once(child.stderr, 'data'), ended]);
    assert.match(words, pattern);
  };
  return { child, ended, said, words: () => words };
}

/** The two workers of a command, of whichever of its threads, once both are there. */
async function twoWorkersOf({ pid }: ChildProcess): Promise<number[]> {
  for (let waits = 0; workersOf(pid!).length < 2 && waits < 100; waits++) await pause(50);
  const workers = workersOf(pid!);
  assert.is(workers.length, 2);
  return workers;
}

/** Waits until none of them is there any more. */
async function allGone(pids: readonly number[]): Promise<void> {
  assert.ok(await areGone(pids), 'processes were left behind');
}

const longer = ['--seeds', '3', '--steps', '6'];

test('a study is the same, byte for byte, whether one process works on it, or two that are killed on the way', () =>
  inTemporaryFolder(async (folder) => {
    const alone = join(folder, 'alone');
    const expected = await resultOf<Study>(...(await tinyStudy(folder, [...longer, '--study', alone])));
    const bytes = await timelessBytes(alone);

    const killed = join(folder, 'killed');
    const byTwo = await tinyStudy(folder, [...longer, '--study', killed, '--workers', '2']);
    // The second at whichever run: the study that was begun again for a moment may have come some way.
    for (const moment of [/curvature of pissa/, /(lora|pissa) at /]) {
      const { child, ended, said } = started(byTwo);
      await said(moment);
      const workers = await twoWorkersOf(child);
      child.kill('SIGKILL');
      assert.equal(await ended, [null, 'SIGKILL']);
      // At once, while those that it had started may not have noticed.
      const again = started([...byTwo, '--quiet']);
      await allGone(workers);
      again.child.kill('SIGKILL');
      await again.ended;
    }
    assert.not.equal(await timelessBytes(killed), bytes, 'nothing was left to resume');
    const resumed = await resultOf<Study>(...byTwo);
    assert.equal([resumed.points, resumed.runs], [expected.points, expected.runs]);
    assert.equal(await timelessBytes(killed), bytes);
    assert.equal(await filesOf(killed), await filesOf(alone));
  }));

test('a worker that dies ends the study with its reason; no process is left, and what was done is kept', () =>
  inTemporaryFolder(async (folder) => {
    const study = join(folder, 'study');
    const command = await tinyStudy(folder, ['--study', study, '--workers', '2']);
    const { child, ended, said, words } = started(command);
    await said(/rate of lora by curvature/);
    const workers = await twoWorkersOf(child);
    process.kill(workers[0]!, 'SIGKILL');
    assert.equal(await ended, [1, null]);
    assert.match(words(), /lambdamax: [^\n]*worker process \d+[^\n]*its end by SIGKILL[^\n]*fewer workers[^\n]*\n$/);
    await allGone(workers);
    assert.is((await resultOf<Study>(...command)).runs, 6);
  }));

/** A method whose initial values never come. */
const endless = `import { adapterMethod } from 'lambdamax/training';
export default {
  name: 'endless', keepsFunctionBy: 'zeroUpdate', form: adapterMethod('lora').form,
  initialise() { for (;;); },
};`;

test('a worker that hangs is ended after --worker-timeout, and the sweep with it', () =>
  inTemporaryFolder(async (folder) => {
    const method = join(folder, 'endless.ts');
    await writeFile(method, endless);
    const data = await writeRows(folder, randomRows(6, 1));
    const { ended, words } = started([
      ...['sweep', '--model', referencePath('models/llama'), '--data', data],
      ...['--methods', `lora,${method}`, '--rank', '2', '--lr', '1e-3', '--seeds', '1', '--steps', '2', '--no-extend'],
      ...[
        '--refine',
        '0',
        '--threads',
        '1',
        '--workers',
        '2',
        '--worker-timeout',
        '15',
        '--study',
        join(folder, 'study'),
      ],
    ]);
    assert.equal(await ended, [1, null]);
    assert.match(
      words(),
      /worker process \d+: expected a sign within 15 s, got none from (its start|.*endless.* at 0\.001, seed 0): it was ended/,
    );
  }));

test("Ctrl-C ends a study's processes with it", () =>
  inTemporaryFolder(async (folder) => {
    const command = await tinyStudy(folder, [...longer, '--study', join(folder, 'study'), '--workers', '2']);
    const { child, ended, said } = started(command);
    await said(/rate of lora by curvature/);
    const workers = await twoWorkersOf(child);
    child.kill('SIGINT');
    assert.equal(await ended, [130, null]);
    await allGone(workers);
  }));

test("processes know the user's own task and variant by the names that the user typed", () =>
  inTemporaryFolder(async (folder) => {
    await writeThreesTask(folder);
    const options = ['--methods', 'lora', '--rank', '2', '--limit', '40', '--steps', '10', '--lr', '1e-3,1e-2'];
    const size = ['--no-extend', '--refine', '0', '--seeds', '1', '--exact', '--threads', '1', '--workers', '2'];
    const { ended, words } = started(
      ['sweep', '--task', './threes.ts', ...options, ...size, '--study', 'study'],
      folder,
    );
    assert.equal(await ended, [0, null], words());
    const csv = await readFile(join(folder, 'study', 'results.csv'), 'utf8');
    assert.match(csv, /\nlora,.*,0,0\.01,finished,[^,]*,,1,/);
  }));

test.run();
