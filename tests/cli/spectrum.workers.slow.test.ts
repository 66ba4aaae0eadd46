import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { areGone, workersOf } from '../cases/processes.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';
import { failsClearly } from '../oracles/commands.ts';

const llama = [
  '--model',
  referencePath('models/llama'),
  '--method',
  'lora',
  '--rank',
  '1',
  '--target-modules',
  'q_proj',
];
// The trace is done soon, and the density's million products are not: whatever happens then, it happens in the middle.
const endless = ['--workers', '2', '--batch-size', '3', '--trace', '--trace-products', '10', '--density'];
const probes = ['--density-probes', '10000'];

/** A spectrum in processes of its own, with its workers, once products have begun. */
async function startSpectrum(folder: string) {
  const data = await writeRows(folder, randomRows(6, 1));
  const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, 'spectrum', '--data', data, ...llama, ...endless, ...probes], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  const hasBegun = new Promise<void>((resolve) => {
    child.stderr.on('data', (text) => {
      stderr += text;
      if (/^products, trace 10/m.test(stderr)) resolve();
    });
  });
  const ended = once(child, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  await Promise.race([hasBegun, ended]);
  const workers = workersOf(child.pid!);
  assert.is(workers.length, 2, stderr);
  return { child, workers, ended, words: () => stderr };
}

test('a worker that is killed ends the command with an error that says so', () =>
  inTemporaryFolder(async (folder) => {
    const { workers, ended, words } = await startSpectrum(folder);
    process.kill(workers[1]!, 'SIGKILL');
    assert.equal(await ended, [1, null]);
    const said = `lambdamax: worker process ${workers[1]}: expected to go on working, got its end by SIGKILL; if it was killed`;
    assert.ok(words().includes(said), words());
    assert.ok(await areGone(workers));
  }));

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGKILL', null],
] as const)
  test(`a command that is ended by ${signal} leaves no worker behind`, () =>
    inTemporaryFolder(async (folder) => {
      const { child, workers, ended } = await startSpectrum(folder);
      child.kill(signal);
      assert.is((await ended)[0], code);
      assert.ok(await areGone(workers), `workers ${workers} are still there`);
    }));

test('a number of workers that is none is refused', async () => {
  for (const workers of ['0', '1.5', 'all'])
    await failsClearly(
      ['spectrum', '--data', 'x.jsonl', ...llama, '--workers', workers],
      2,
      /--workers: expected a whole/,
    );
});

test.run();
