import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ByteSource, openFile, requireRange } from '../../../training/checkpoint/byteSource.ts';
import { readHeader } from '../../../training/checkpoint/header.ts';
import { safetensorsBytes } from '../../cases/safetensorsBytes.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

/** A file in memory that counts the bytes that were asked for. */
function memorySource(bytes: Uint8Array): ByteSource & { bytesRead: number } {
  const source = {
    name: 'model.safetensors',
    byteLength: bytes.length,
    bytesRead: 0,
    read: async (start: number, end: number) => {
      requireRange('model.safetensors', start, end, bytes.length);
      source.bytesRead += end - start;
      return bytes.slice(start, end);
    },
    close: async () => undefined,
  };
  return source;
}

const header = {
  __metadata__: { format: 'pt' },
  'b.weight': { dtype: 'F32', shape: [2], data_offsets: [8, 16] },
  'a.weight': { dtype: 'F64', shape: [], data_offsets: [0, 8] },
};

test('offsets are absolute, tensors in the order of their bytes', async () => {
  const bytes = safetensorsBytes(header, new Uint8Array(16));
  const { tensors, metadata } = await readHeader(memorySource(bytes));
  const start = bytes.length - 16;
  assert.equal(tensors, [
    { name: 'a.weight', dtype: 'F64', shape: [], start, end: start + 8 },
    { name: 'b.weight', dtype: 'F32', shape: [2], start: start + 8, end: start + 16 },
  ]);
  assert.equal(metadata, { format: 'pt' });
});

test('only the header is read, not the values', async () => {
  const bytes = safetensorsBytes({ a: { dtype: 'U8', shape: [5000], data_offsets: [0, 5000] } }, new Uint8Array(5000));
  const source = memorySource(bytes);
  await readHeader(source);
  assert.is(source.bytesRead, bytes.length - 5000);
});

test('an empty file of tensors and a tensor without entries are valid', async () => {
  assert.equal((await readHeader(memorySource(safetensorsBytes({}, new Uint8Array(0))))).tensors, []);
  const none = { a: { dtype: 'F32', shape: [0, 3], data_offsets: [0, 0] } };
  assert.equal((await readHeader(memorySource(safetensorsBytes(none, new Uint8Array(0))))).tensors[0]?.shape, [0, 3]);
});

const entry = (part: object) => ({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...part } });
const eight = new Uint8Array(8);
const corrupt: Readonly<Record<string, { bytes: Uint8Array; message: RegExp }>> = {
  'is empty': { bytes: new Uint8Array(0), message: /at least 8 bytes, got 0 bytes/ },
  'is shorter than the length of its header': { bytes: new Uint8Array(7), message: /got 7 bytes/ },
  'claims a header of terabytes': { bytes: safetensorsBytes({}, eight, 2n ** 43n), message: /8796093022208/ },
  'claims a header of 2^64 - 1 bytes': {
    bytes: safetensorsBytes({}, eight, 2n ** 64n - 1n),
    message: /at most 100000000/,
  },
  'ends inside its header': {
    bytes: safetensorsBytes(header, eight, 5000n),
    message: /5008 bytes.*got \d+ bytes.*cut short/,
  },
  'has a header that is not JSON': { bytes: safetensorsBytes('{"a":', eight), message: /valid JSON/ },
  'has a header that is not UTF-8': { bytes: new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 255]), message: /valid JSON/ },
  'has an array as header': { bytes: safetensorsBytes('[]', eight), message: /JSON object/ },
  'has null as header': { bytes: safetensorsBytes('null', eight), message: /JSON object/ },
  'has metadata of numbers': {
    bytes: safetensorsBytes({ __metadata__: { a: 1 } }, new Uint8Array(0)),
    message: /__metadata__/,
  },
  'has a null entry': { bytes: safetensorsBytes({ a: null }, eight), message: /tensor a in model.safetensors/ },
  'has an unknown dtype': { bytes: safetensorsBytes(entry({ dtype: 'F12' }), eight), message: /BF16.*got F12/ },
  'has a dtype named like a property of objects': {
    bytes: safetensorsBytes(entry({ dtype: 'constructor' }), eight),
    message: /a dtype of/,
  },
  'has a negative extent': { bytes: safetensorsBytes(entry({ shape: [-2] }), eight), message: /got \[-2\]/ },
  'has a fractional extent': { bytes: safetensorsBytes(entry({ shape: [1.5] }), eight), message: /got \[1.5\]/ },
  'has no shape': { bytes: safetensorsBytes({ a: { dtype: 'F32', data_offsets: [0, 8] } }, eight), message: /shape/ },
  'has a shape beyond all files': {
    bytes: safetensorsBytes(entry({ shape: [2 ** 40, 2 ** 40] }), eight),
    message: /fits a file/,
  },
  'has bytes that do not fit the shape': {
    bytes: safetensorsBytes(entry({ shape: [3] }), eight),
    message: /12 bytes for F32 \[3\].*0 to 8/,
  },
  'has three offsets': { bytes: safetensorsBytes(entry({ data_offsets: [0, 4, 8] }), eight), message: /data_offsets/ },
  'has negative offsets': { bytes: safetensorsBytes(entry({ data_offsets: [-8, 0] }), eight), message: /data_offsets/ },
  'has a tensor that starts behind a gap': {
    bytes: safetensorsBytes(entry({ data_offsets: [8, 16] }), new Uint8Array(16)),
    message: /a gap/,
  },
  'has overlapping tensors': {
    bytes: safetensorsBytes(
      { ...entry({}), b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] } },
      new Uint8Array(12),
    ),
    message: /tensor b .*an overlap/,
  },
  'is cut short': {
    bytes: safetensorsBytes(entry({}), new Uint8Array(5)),
    message: /expected (\d+) bytes, as its header says, got \d+ bytes/,
  },
  'claims terabytes of values': {
    bytes: safetensorsBytes(entry({ shape: [2 ** 40], data_offsets: [0, 2 ** 42] }), eight),
    message: /expected 4398046\d+ bytes, as its header says, got \d+ bytes; the file is cut short/,
  },
  'has more axes than any tensor': {
    bytes: safetensorsBytes(entry({ shape: Array(65).fill(1) }), eight),
    message: /64 axes/,
  },
  'has bytes behind its last tensor': {
    bytes: safetensorsBytes(entry({}), new Uint8Array(9)),
    message: /behind its last tensor/,
  },
};

for (const [fault, { bytes, message }] of Object.entries(corrupt)) {
  test(`a file that ${fault} is refused by name`, () =>
    throwsClearly(() => readHeader(memorySource(bytes)), /model\.safetensors/, message));
}

test('a header that claims terabytes is not read', async () => {
  const source = memorySource(safetensorsBytes({}, eight, 2n ** 43n));
  await throwsClearly(() => readHeader(source));
  assert.is(source.bytesRead, 8);
});

test('a missing file, a folder and a path through a file are named', async () => {
  await throwsClearly(() => openFile('fixtures/none.safetensors'), /fixtures\/none\.safetensors.*no such file/);
  await throwsClearly(() => openFile('fixtures'), /^fixtures: expected a file, got a folder/);
  await throwsClearly(() => openFile('package.json/model'), /package\.json\/model.*not a folder/);
  await throwsClearly(() => openFile('a\0b'), /readable file/);
});

test('a file is read by its parts, and a part outside of it is refused', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'bytes');
    await writeFile(path, Uint8Array.of(1, 2, 3, 4, 5));
    const source = await openFile(path);
    try {
      assert.equal([...(await source.read(1, 4))], [2, 3, 4]);
      assert.is((await source.read(5, 5)).length, 0);
      for (const [start, end] of [
        [0, 6],
        [-1, 2],
        [3, 2],
        [0.5, 2],
        [Number.NaN, 2],
      ] as const) {
        await throwsClearly(() => source.read(start, end), /within 0 to 5/);
      }
    } finally {
      await source.close();
    }
  }));

test('a file that shrinks after it was opened is an error, not zeros', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'bytes');
    await writeFile(path, new Uint8Array(100));
    const source = await openFile(path);
    try {
      await writeFile(path, new Uint8Array(10));
      await throwsClearly(() => source.read(0, 100), /100 bytes.*got 10 bytes/);
    } finally {
      await source.close();
    }
  }));

test.run();
