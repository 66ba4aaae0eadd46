import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { filesOf } from '../cases/tinyStudy.ts';
import { randomRows, referencePath, writeRows } from '../cases/tokenFiles.ts';

const model = ['--model', referencePath('models/llama')];

/** A finetuning of a few steps. */
const training = (data: string, out: string, rate = '1e-3', ...more: readonly string[]) => [
  ...['finetune', ...model, '--data', data, '--method', 'lora', '--rank', '2', '--lr', rate, '--steps', '4'],
  ...['--warmup-steps', '0', '--schedule', 'constant', '--batch-size', '2', '--out', out, ...more],
];
/** Every loss is above it, so that a run counts as diverged. */
const diverging = ['--max-loss', '1e-3'];

async function succeed(argv: readonly string[]): Promise<void> {
  const { code, stderr } = await commandLine(argv);
  assert.is(code, 0, stderr);
}

async function refused(argv: readonly string[], what: RegExp): Promise<void> {
  const { code, stderr } = await commandLine(argv);
  assert.is(code, 1);
  assert.match(stderr, what);
}

test('a finished run that is started again stays as it is, and a diverged one does not take its place', () =>
  inTemporaryFolder(async (folder) => {
    const [data, out] = [await writeRows(folder, randomRows(4, 1)), join(folder, 'run')];
    await succeed(training(data, out));
    const files = await filesOf(out);
    const [result, adapter] = await Promise.all(
      ['result.json', 'adapter/adapter_model.safetensors'].map((file) => readFile(join(out, file))),
    );
    await refused(
      training(data, out),
      /run: expected a folder without results of another run, got adapter; .*--overwrite/,
    );
    await refused(training(data, out, '1e-3', '--resume'), /a finished one without a checkpoint/);
    const { code, stdout } = await commandLine([
      ...['finetune', ...model, '--data', data, '--adapter', join(out, 'adapter'), '--lr', '1e-3', '--steps', '4'],
      ...['--warmup-steps', '0', '--batch-size', '2', '--out', out, '--overwrite', ...diverging],
    ]);
    assert.is(code, 0);
    assert.match(stdout, /diverged[\s\S]*keeps what it had, since this run diverged/);
    assert.equal(await readFile(join(out, 'result.json')), result);
    assert.equal(await readFile(join(out, 'adapter/adapter_model.safetensors')), adapter);

    await succeed(training(data, out, '2e-3', '--overwrite'));
    assert.equal(await filesOf(out), files);
    assert.not.equal(await readFile(join(out, 'result.json')), result);
  }));

test('merge replaces a checkpoint when it is told to, and touches nothing else', () =>
  inTemporaryFolder(async (folder) => {
    const [data, out, merged] = [
      await writeRows(folder, randomRows(4, 1)),
      join(folder, 'run'),
      join(folder, 'merged'),
    ];
    await succeed(training(data, out));
    const merge = ['merge', ...model, '--adapter', join(out, 'adapter'), '--out', merged];
    await succeed(merge);
    const files = await filesOf(merged);
    const strange = ['mine.safetensors', 'adapter_model.safetensors', 'consolidated.safetensors'];
    for (const name of strange) await writeFile(join(merged, name), 'mine');
    await refused(merge, /merged: expected a folder without results of another run, got config\.json/);
    await succeed([...merge, '--overwrite']);
    assert.equal(await filesOf(merged), [...files, ...strange].sort());
    await refused(
      ['merge', ...model, '--adapter', join(out, 'adapter'), '--out', join(out, 'adapter')],
      /without an adapter/,
    );
    await refused(
      ['merge', ...model, '--adapter', join(out, 'adapter'), '--as', 'lora', '--out', join(out, 'adapter')],
      /without results of another run, got adapter_config\.json/,
    );
  }));

test('of two processes with one folder the second is refused', () =>
  inTemporaryFolder(async (folder) => {
    const [data, out] = [await writeRows(folder, randomRows(4, 1)), join(folder, 'run')];
    const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
    const ends = await Promise.all(
      [1, 2].map(async () => {
        const child = spawn(process.execPath, [script, ...training(data, out, '1e-3', '--steps', '40')], {
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let words = '';
        child.stderr.on('data', (chunk) => {
          words += chunk;
        });
        const [code] = (await once(child, 'close')) as [number];
        return { code, words };
      }),
    );
    assert.equal(ends.map(({ code }) => code).sort(), [0, 1]);
    // Whichever was later: while the other was at work, or when it had just ended.
    assert.match(ends.find(({ code }) => code === 1)!.words, /no other process writes in|results of another run/);
    assert.is(JSON.parse(await readFile(join(out, 'result.json'), 'utf8')).steps, 40);
  }));

test.run();
