import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { large, largeLines, largeModel } from '../../bench/large.ts';
import { type ModelShape, models } from '../../bench/models.ts';
import { weightsOf } from '../../bench/problem.ts';
import { writeRandomCheckpoint } from '../../bench/randomCheckpoint.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

const shape: ModelShape = { ...models.tiny, tied: true };

test('a random checkpoint is BF16, whole, and the same for the same seed', () =>
  inTemporaryFolder(async (folder) => {
    const [one, again, other] = [join(folder, 'one'), join(folder, 'again'), join(folder, 'other')];
    await writeRandomCheckpoint(one, shape);
    await writeRandomCheckpoint(again, shape);
    await writeRandomCheckpoint(other, shape, 1);
    const bytes = (where: string) => readFile(join(where, 'model.safetensors'));
    assert.ok((await bytes(one)).equals(await bytes(again)));
    assert.not.ok((await bytes(one)).equals(await bytes(other)));
    const tensors = storedTensors(pathToFileURL(join(one, 'model.safetensors')));
    assert.equal(
      [...tensors].map(([name, { shape }]) => [name, [...shape]]),
      weightsOf(shape),
    );
    // 512 entries of deviation 1/4: their mean is off by 0.011, their deviation by 0.008, both as one deviation.
    const values = Array.from(tensors.get('model.embed_tokens.weight')!.values);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    assert.ok(Math.abs(mean) < 0.055 && Math.abs(deviation - 0.25) < 0.04, `${mean}, ${deviation}`);
  }));

test('a product of a checkpoint is taken in a process of its own, and held against weights and estimate', () =>
  inTemporaryFolder(async (folder) => {
    const said: string[] = [];
    const found = await large(folder, shape, { threads: 1, products: 2 }, (line) => said.push(line));
    // Embedding 32 x 16, four matrices 16 x 16, three 16 x 32, three norms of 16.
    assert.is(found.weightBytes, 4 * (32 * 16 + 4 * 16 * 16 + 3 * 16 * 32 + 3 * 16));
    assert.is(found.productSeconds.length, 2);
    assert.is(found.module, 'model.layers.0.self_attn.q_proj');
    // Random logits over 32 tokens are not far from none.
    assert.ok(found.loss > 1 && found.loss < 10, `${found.loss}`);
    assert.ok(Number.isFinite(found.curvature) && found.curvature !== 0);
    assert.ok(found.estimatedBytes > 0 && found.flops > 0);
    assert.ok(found.peakBytes >= found.bareBytes && found.steadyBytes > 2e7);
    assert.is(found.residentRatio, found.peakBytes / (found.weightBytes + found.estimatedBytes));
    assert.match(
      largeLines(found).join('\n'),
      /^0 million weights in BF16, LoRA on model.*\nset-up .*held\npeak.*MISSED/s,
    );

    // What is there is not written again.
    const written = await stat(join(folder, 'model.safetensors'));
    await large(folder, shape, { threads: 1, products: 1 }, () => {});
    assert.is((await stat(join(folder, 'model.safetensors'))).mtimeMs, written.mtimeMs);
    assert.is(said.length, 1);
  }));

test('a process that fails is named with its last words', () =>
  inTemporaryFolder(async (folder) => {
    await large(folder, shape, { threads: 1, products: 1 }, () => {});
    await writeFile(join(folder, 'model.safetensors'), 'no tensors');
    const error = await large(folder, shape, { threads: 1, products: 1 }, () => {}).catch((cause: Error) => cause);
    assert.match((error as Error).message, /^large: expected a line of results, got .*model\.safetensors/);
  }));

test('the large model has as many weights as it says', () => {
  const sizes = weightsOf(largeModel).map(([, extents]) => extents.reduce((product, extent) => product * extent, 1));
  assert.is(Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1e6), 535);
});

test.run();
