import { copyFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../compute/random.ts';
import { LambdamaxError } from '../../errors.ts';
import { type RunCheckpoint, readRunCheckpoint, writeRunCheckpoint } from '../../training/finetune/runCheckpoint.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';

const random = randomStream(1, 'checkpoint');
const numbers = (count: number) => Float64Array.from({ length: count }, () => random.normal());

const checkpoint: RunCheckpoint = {
  settings: { learningRate: 0.1, schedule: 'cosine', shuffle: true, maxGradNorm: null },
  steps: 7,
  tokens: 1234,
  initialLoss: 0.1 + 0.2,
  seconds: 1.5,
  metricsBytes: 99,
  parameters: Float32Array.from(numbers(50)),
  optimizer: { optimizer: 'adamw', steps: 7, vectors: { firstMoment: numbers(50), secondMoment: numbers(50) } },
};

/** The message of the error that reading a file ends in. */
async function messageOf(path: string): Promise<string> {
  const error = await readRunCheckpoint(path).then(
    () => assert.unreachable('a damaged checkpoint was read'),
    (thrown: unknown) => thrown,
  );
  assert.instance(error, LambdamaxError);
  return (error as Error).message;
}

test('a checkpoint is read as it was written, to the last bit, and leaves no other file', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'checkpoint.safetensors');
    assert.is(await readRunCheckpoint(path), null);
    for (const parameters of [checkpoint.parameters, Float64Array.of(1 / 3, -0, 5e-324)]) {
      await writeRunCheckpoint(path, { ...checkpoint, parameters });
      assert.equal(await readRunCheckpoint(path), { ...checkpoint, parameters });
    }
    assert.equal(await readdir(folder), ['checkpoint.safetensors']);
  }));

test('what measurements left for the next one is read as it was written', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'checkpoint.safetensors');
    const kept = new Map([['hessian 0', numbers(50)]]);
    await writeRunCheckpoint(path, { ...checkpoint, kept });
    assert.equal(await readRunCheckpoint(path), { ...checkpoint, kept });
  }));

test('settings that were written under the names of options are read under those of fields', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'checkpoint.safetensors');
    const former = {
      '--lr': 0.1,
      '--batch-size': 4,
      '--max-grad-norm': null,
      'the file of --method': null,
      '--data': 'x',
    };
    await writeRunCheckpoint(path, { ...checkpoint, settings: { ...former, 'parameter groups': '[]' } });
    assert.equal((await readRunCheckpoint(path))!.settings, {
      ...{ learningRate: 0.1, batchSize: 4, maxGradNorm: null, 'the file of `method`': null, data: 'x' },
      'parameter groups': '[]',
    });
  }));

test('an optimizer without memory has a checkpoint too', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'checkpoint.safetensors');
    const plain = { ...checkpoint, optimizer: { optimizer: 'sgd', steps: 7, vectors: {} } };
    await writeRunCheckpoint(path, plain);
    assert.equal(await readRunCheckpoint(path), plain);
  }));

test('a checkpoint cut anywhere, or changed in any byte, is refused by name', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'whole');
    await writeRunCheckpoint(path, checkpoint);
    const bytes = await readFile(path);
    const damaged = join(folder, 'damaged');
    const place = randomStream(2, 'damage');
    for (let trial = 0; trial < 60; trial++) {
      const position = place.integer(bytes.length);
      await copyFile(path, damaged);
      if (trial % 3 === 0) await truncate(damaged, position);
      else {
        const changed = Buffer.from(bytes);
        changed[position] = changed[position]! ^ (1 << place.integer(8));
        await writeFile(damaged, changed);
      }
      const message = await messageOf(damaged);
      assert.ok(message.startsWith(`checkpoint ${damaged}: expected the whole file of an unfinished run`), message);
      assert.match(message, /without `resume`$/);
      assert.not.match(message, /\n/);
    }
  }));

test('a file of another kind is no checkpoint', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'checkpoint.safetensors');
    for (const text of ['', 'hello, world', `\x02${'\0'.repeat(7)}{}`]) {
      await writeFile(path, text);
      await messageOf(path);
    }
    await writeRunCheckpoint(path, { ...checkpoint, steps: -1 });
    assert.match(await messageOf(path), /a run of this version/);
  }));

test.run();
