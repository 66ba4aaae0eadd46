import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { resultOf } from '../oracles/commands.ts';

interface Pretrained {
  readonly checkpoint: string;
  readonly steps: number;
  readonly tokens: number;
  readonly parameters: number;
  readonly initialLoss: number;
  readonly finalLoss: number;
}

const tiny = [
  ...['pretrain', '--hidden', '16', '--layers', '1', '--heads', '2', '--key-value-heads', '1'],
  ...['--intermediate', '24', '--vocabulary', '300', '--length', '32', '--batch-size', '2', '--threads', '1'],
];

/**
 * Whether a loss is that of a guess among 300 tokens by logits of variance 1: no less than ln 300, and half a nat more on
 * average (tests/training/pretrain.test.ts), give or take as much for a text in which few tokens recur.
 */
function knowsNothing(loss: number): boolean {
  return loss > Math.log(300) && loss < Math.log(300) + 1;
}

test('what pretrain leaves is a checkpoint for evaluate and finetune, on rows that data writes', () =>
  inTemporaryFolder(async (folder) => {
    const checkpoint = join(folder, 'new', 'base');
    const made = await resultOf<Pretrained>(...tiny, '--steps', '3', '--out', checkpoint);
    assert.is(made.checkpoint, checkpoint);
    assert.is(made.steps, 3);
    assert.is(made.tokens, 3 * 2 * 32);
    // Embedding 300 x 16; one block: q and o 16 x 16, k and v 8 x 16, three matrices 24 x 16, two norms; a last norm.
    assert.is(made.parameters, 300 * 16 + 2 * 16 * 16 + 2 * 8 * 16 + 3 * 24 * 16 + 2 * 16 + 16);
    assert.ok(knowsNothing(made.initialLoss), `loss ${made.initialLoss}`);
    assert.equal((await readdir(checkpoint)).sort(), [
      ...['config.json', 'metrics.jsonl', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'],
    ]);
    const metrics = (await readFile(join(checkpoint, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    assert.is(metrics.length, 3);
    assert.is((JSON.parse(metrics[0]!) as { loss: number }).loss, made.initialLoss);

    const data = join(folder, 'rows.jsonl');
    await commandLine(['data', '--limit', '6', '--out', data]);
    const onData = ['--model', checkpoint, '--data', data, '--max-length', '256', '--threads', '1'];
    const { loss, rows } = await resultOf<{ loss: number; rows: number }>('evaluate', ...onData);
    assert.ok(knowsNothing(loss), `loss ${loss}`);
    assert.ok(rows > 0);
    const training = ['--method', 'pissa', '--rank', '2', '--lr', '1e-2', '--steps', '3'];
    const run = await resultOf<{ status: string; initialLoss: number; finalLoss: number }>(
      'finetune',
      ...onData,
      ...training,
    );
    assert.is(run.status, 'finished');
    assert.ok(run.finalLoss < run.initialLoss);

    const again = await resultOf<Pretrained>(...tiny, '--steps', '3', '--out', join(folder, 'again'));
    const weights = (at: string) => readFile(join(at, 'model.safetensors'));
    assert.equal(await weights(again.checkpoint), await weights(checkpoint), 'the same command makes the same bytes');
  }));

test('a run that is killed leaves the checkpoint of its last --save-every', () =>
  inTemporaryFolder(async (folder) => {
    const checkpoint = join(folder, 'base');
    const script = fileURLToPath(new URL('../../cli/lambdamax.mjs', import.meta.url));
    const command = [...tiny, '--steps', '2000', '--save-every', '2', '--out', checkpoint];
    const child = spawn(process.execPath, [script, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
    while (child.exitCode === null && !existsSync(join(checkpoint, 'model.safetensors'))) await pause(20);
    child.kill('SIGKILL');
    assert.is((await ended)[1], 'SIGKILL');
    const steps = (await readFile(join(checkpoint, 'metrics.jsonl'), 'utf8')).split('\n').length;
    assert.ok(steps < 2000, `killed after ${steps} steps`);

    const data = join(folder, 'rows.jsonl');
    await commandLine(['data', '--limit', '6', '--out', data]);
    const onData = ['--model', checkpoint, '--data', data, '--max-length', '256', '--threads', '1'];
    const { loss, rows } = await resultOf<{ loss: number; rows: number }>('evaluate', ...onData);
    assert.ok(Number.isFinite(loss) && rows > 0, `loss ${loss}`);
  }));

test.run();
