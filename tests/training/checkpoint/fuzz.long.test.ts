import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/index.ts';
import { LambdamaxError } from '../../../errors.ts';
import { requireRange } from '../../../training/checkpoint/byteSource.ts';
import { openCheckpoint } from '../../../training/checkpoint/checkpoint.ts';
import { readHeader } from '../../../training/checkpoint/header.ts';
import { readTensor } from '../../../training/checkpoint/safetensors.ts';
import { readDecoder } from '../../../training/models/index.ts';
import { mutateBytes, mutateJson } from '../../cases/mutations.ts';
import { architectures } from '../../cases/reference.ts';
import { safetensorsBytes } from '../../cases/safetensorsBytes.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';

/** Whether it was done; else it must have failed in one clear line. */
async function outcome(action: () => Promise<unknown>, round: string): Promise<'done' | 'refused'> {
  try {
    await action();
    return 'done';
  } catch (error) {
    assert.ok(error instanceof LambdamaxError, `${round}: ${(error as Error).stack}`);
    assert.ok(
      error.message.length < 2000 && !/[\n\r\u2028\u2029\p{Cc}]/u.test(error.message),
      `${round}: ${error.message}`,
    );
    return 'refused';
  }
}

/** The tensors of a file in memory; fails if more is asked for than the file has. */
async function readWhole(bytes: Uint8Array): Promise<void> {
  let bytesRead = 0;
  const source = {
    name: 'mutant.safetensors',
    byteLength: bytes.length,
    read: async (start: number, end: number) => {
      requireRange('mutant.safetensors', start, end, bytes.length);
      bytesRead += end - start;
      return bytes.slice(start, end);
    },
    close: async () => undefined,
  };
  for (const entry of (await readHeader(source)).tensors) await readTensor(source, entry, 'float64');
  assert.ok(bytesRead <= bytes.length, `${bytesRead} bytes were read of ${bytes.length}`);
}

const header = {
  __metadata__: { format: 'pt' },
  a: { dtype: 'F64', shape: [1, 2], data_offsets: [0, 16] },
  b: { dtype: 'BF16', shape: [3], data_offsets: [16, 22] },
  c: { dtype: 'I8', shape: [2], data_offsets: [22, 24] },
  none: { dtype: 'F32', shape: [0], data_offsets: [24, 24] },
};
const data = new Uint8Array(24).fill(63);

test('5000 broken safetensors files: read within their bounds, or refused in one line', async () => {
  const random = randomStream(1, 'broken safetensors files');
  const whole = safetensorsBytes(header, data);
  const counts = { done: 0, refused: 0 };
  for (let round = 0; round < 5000; round++) {
    const bytes =
      round % 2 === 0 ? mutateBytes(whole, random) : safetensorsBytes(JSON.stringify(mutateJson(header, random)), data);
    counts[await outcome(() => readWhole(bytes), `round ${round}`)]++;
  }
  assert.ok(counts.done > 100 && counts.refused > 3000, JSON.stringify(counts));
});

test('1000 broken indices of shards: opened, or refused in one line', () =>
  inTemporaryFolder(async (folder) => {
    const random = randomStream(2, 'broken indices');
    const names = ['a', 'b', 'c', 'none'];
    const index = {
      metadata: { total_size: 24 },
      weight_map: Object.fromEntries(names.map((name) => [name, 'one.safetensors'])),
    };
    const inside = join(folder, 'inside');
    await mkdir(inside);
    await writeFile(join(inside, 'one.safetensors'), safetensorsBytes(header, data));
    const counts = { done: 0, refused: 0 };
    for (let round = 0; round < 1000; round++) {
      const text = new TextEncoder().encode(JSON.stringify(round % 2 === 0 ? index : mutateJson(index, random)));
      await writeFile(join(inside, 'model.safetensors.index.json'), round % 2 === 0 ? mutateBytes(text, random) : text);
      const open = async () => {
        await using checkpoint = await openCheckpoint(inside);
        for (const name of checkpoint.names()) await checkpoint.read(name, 'float32');
      };
      counts[await outcome(open, `round ${round}`)]++;
    }
    assert.ok(counts.done > 50 && counts.refused > 500, JSON.stringify(counts));
  }));

for (const architecture of architectures)
  test(`800 broken configs of ${architecture}: a decoder, or refused in one line`, () =>
    inTemporaryFolder(async (folder) => {
      const random = randomStream(3, `broken configs of ${architecture}`);
      const text = readFileSync(`fixtures/reference/models/${architecture}/config.json`, 'utf8');
      const bytes = new TextEncoder().encode(text);
      const counts = { done: 0, refused: 0 };
      for (let round = 0; round < 800; round++) {
        const broken =
          round % 2 === 0 ? mutateBytes(bytes, random) : JSON.stringify(mutateJson(JSON.parse(text), random));
        await writeFile(join(folder, 'config.json'), broken);
        counts[await outcome(() => readDecoder(folder), `round ${round}`)]++;
      }
      assert.ok(counts.done > 50 && counts.refused > 200, JSON.stringify(counts));
    }));

test.run();
