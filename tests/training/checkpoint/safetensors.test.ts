import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Dtype, encode, type FloatDtype, overflow } from '../../../compute/dtypes.ts';
import { randomStream } from '../../../compute/random.ts';
import { openFile } from '../../../training/checkpoint/byteSource.ts';
import { readHeader } from '../../../training/checkpoint/header.ts';
import { decode, readAllTensors, writeSafetensors } from '../../../training/checkpoint/safetensors.ts';
import { safetensorsBytes } from '../../cases/safetensorsBytes.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const reference = 'fixtures/reference';

test('a file of the reference implementation, written anew, is the same byte for byte', () =>
  inTemporaryFolder(async (folder) => {
    for (const name of ['models/llama', 'models/llama-tied']) {
      const original = join(reference, name, 'model.safetensors');
      const copy = join(folder, 'copy.safetensors');
      await writeSafetensors(copy, await readAllTensors(original), { format: 'pt' });
      assert.ok((await readFile(original)).equals(await readFile(copy)), name);
    }
  }));

test('F64, F32 and F16 come back exactly, names and metadata of any characters too', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'some.safetensors');
    const values = [0, -0, 1, -2.5, 0.25, 65504, 2 ** -24, Number.POSITIVE_INFINITY];
    const shape = [2, 4];
    await writeSafetensors(
      path,
      new Map([
        ['half', { shape, values: Float32Array.from(values), dtype: 'F16' }],
        ['single', { shape, values: Float32Array.from(values) }],
        ['dou"ble é\n', { shape, values: Float64Array.from(values, (value) => value / 3) }],
        ['integers', { shape: [3], values: Int32Array.of(1, -2, 3), dtype: 'F64' }],
        ['scalar', { shape: [], values: Float64Array.of(Math.PI) }],
        ['none', { shape: [0, 5], values: new Float32Array(0) }],
      ]),
      { note: 'ü\u2028' },
    );
    const tensors = await readAllTensors(path);
    assert.equal(tensors.get('half'), { shape, values: Float32Array.from(values) });
    assert.equal(tensors.get('single'), { shape, values: Float32Array.from(values) });
    assert.equal(tensors.get('dou"ble é\n'), { shape, values: Float64Array.from(values, (value) => value / 3) });
    assert.equal(tensors.get('integers'), { shape: [3], values: Float64Array.of(1, -2, 3) });
    assert.equal(tensors.get('scalar'), { shape: [], values: Float64Array.of(Math.PI) });
    assert.equal(tensors.get('none'), { shape: [0, 5], values: new Float32Array(0) });
    const source = await openFile(path);
    const { tensors: entries, metadata } = await readHeader(source);
    await source.close();
    assert.equal(metadata, { note: 'ü\u2028' });
    for (const { name, dtype, start } of entries)
      assert.is(start % (dtype === 'F64' ? 8 : dtype === 'F32' ? 4 : 2), 0, name);
    assert.equal(await readdir(folder), ['some.safetensors'], 'the temporary file is gone');
  }));

test('a tensor of more than one chunk is written whole and in order', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'large.safetensors');
    const size = 2 ** 22 + 5;
    const values = Float32Array.from({ length: size }, (_, index) => index % 1013);
    await writeSafetensors(path, new Map([['large', { shape: [size], values, dtype: 'BF16' }]]));
    const read = (await readAllTensors(path)).get('large')!.values;
    // Whole numbers up to 256 are exact in bfloat16.
    const wrong = read.findIndex((value, index) => values[index]! <= 256 && value !== values[index]);
    assert.is(read.length, size);
    assert.is(wrong, -1);
  }));

const bits16 = (values: number[], dtype: 'F16' | 'BF16') => [...new Uint16Array(encode(values, dtype).buffer)];

test('bfloat16 is rounded to nearest, ties to even', () => {
  const half = 2 ** -8; // half a step above 1
  assert.equal(
    bits16([1, 1 + half, 1 + 3 * half, 1 + half * 1.001, 1 + half * 0.999, -1 - half], 'BF16'),
    [0x3f80, 0x3f80, 0x3f82, 0x3f81, 0x3f80, 0xbf80],
  );
  assert.equal(
    bits16([0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38, 1e300], 'BF16'),
    [0, 0x8000, 0x7f80, 0xff80, 0x7f80, 0x7f80],
  );
  assert.ok(Number.isNaN(decode(encode([Number.NaN], 'BF16'), 'BF16', 'float32')[0]));
});

test('float64 goes to bfloat16 in one rounding: 1 + 2^-8 + 2^-40 is above the tie', () => {
  assert.equal(bits16([1 + 2 ** -8 + 2 ** -40], 'BF16'), [0x3f81]);
});

test('binary16 is rounded to nearest, ties to even, with its subnormals and its largest', () => {
  assert.equal(
    bits16([1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65504, 65519, 65520, 2 ** -24, 2 ** -25, 1.5 * 2 ** -24, -1e-10], 'F16'),
    [0x3c00, 0x3c00, 0x3c02, 0x7bff, 0x7bff, 0x7c00, 1, 0, 2, 0x8000],
  );
  assert.equal(bits16([2 ** -14, 2 ** -14 - 2 ** -24, 2 ** -14 - 2 ** -25], 'F16'), [0x0400, 0x03ff, 0x0400]);
});

for (const dtype of ['F16', 'BF16'] as const) {
  test(`every ${dtype} value survives decoding and encoding`, () => {
    const all = Uint16Array.from({ length: 65536 }, (_, index) => index);
    const values = decode(new Uint8Array(all.buffer), dtype, 'float64');
    const again = new Uint16Array(encode(values, dtype).buffer);
    const changed = [...all].filter((bits) => again[bits] !== bits && !Number.isNaN(values[bits]));
    assert.equal(changed, []);
  });

  test(`no ${dtype} value lies nearer to a number than the one it is rounded to`, () => {
    const random = randomStream(11, `rounding ${dtype}`);
    for (let round = 0; round < 2000; round++) {
      const value = random.normal() * 2 ** (random.integer(30) - 18);
      const [bits] = bits16([value], dtype);
      const near = decode(new Uint8Array(Uint16Array.of(bits! - 1, bits!, bits! + 1).buffer), dtype, 'float64');
      const errors = [...near].map((candidate) => Math.abs(candidate - value));
      assert.ok(errors[1]! <= errors[0]! || (bits! & 0x7fff) === 0, `${value}`);
      assert.ok(errors[1]! <= errors[2]!, `${value}`);
    }
  });
}

test('a dtype rounds to infinity from its limit on, and not below', () => {
  for (const [dtype, limit] of Object.entries(overflow) as [FloatDtype, number][]) {
    const below = limit === Infinity ? Number.MAX_VALUE : limit * (1 - 2 ** -53);
    for (const sign of [1, -1]) {
      const [largest, first] = decode(encode([sign * below, sign * limit], dtype), dtype, 'float64');
      assert.ok(Number.isFinite(largest), dtype);
      assert.is(first, sign * Infinity, dtype);
    }
  }
});

test('integers of every dtype are read as numbers, from bytes at any offset', () => {
  const shifted = (typed: ArrayBufferView) => {
    const bytes = new Uint8Array(typed.byteLength + 1);
    bytes.set(new Uint8Array(typed.buffer), 1);
    return bytes.subarray(1);
  };
  assert.equal([...decode(shifted(BigInt64Array.of(-3n, 2n ** 40n)), 'I64', 'float64')], [-3, 2 ** 40]);
  assert.equal([...decode(shifted(BigUint64Array.of(5n)), 'U64', 'float64')], [5]);
  assert.equal([...decode(shifted(Int32Array.of(-7)), 'I32', 'float32')], [-7]);
  assert.equal([...decode(shifted(Uint32Array.of(2 ** 32 - 1)), 'U32', 'float64')], [2 ** 32 - 1]);
  assert.equal([...decode(shifted(Int16Array.of(-300)), 'I16', 'float32')], [-300]);
  assert.equal([...decode(shifted(Uint16Array.of(65535)), 'U16', 'float32')], [65535]);
  assert.equal([...decode(Uint8Array.of(255, 1), 'I8', 'float32')], [-1, 1]);
  assert.equal([...decode(Uint8Array.of(255, 1), 'U8', 'float32')], [255, 1]);
  assert.equal([...decode(Uint8Array.of(0, 1), 'BOOL', 'float32')], [0, 1]);
  assert.equal([...decode(shifted(Float64Array.of(0.1)), 'F64', 'float32')], [Math.fround(0.1)]);
});

test('floating-point numbers of eight bits are those of PyTorch', () => {
  const bits = Uint8Array.of(0, 1, 7, 8, 0x3c, 0x7b, 0x7c, 0x7e, 0x7f, 0x80, 0x81, 0xff);
  const { NaN: none, POSITIVE_INFINITY: infinite } = Number;
  const expected: Readonly<Record<string, readonly number[]>> = {
    F8_E4M3: [0, 2 ** -9, 7 * 2 ** -9, 2 ** -6, 1.5, 352, 384, 448, none, -0, -(2 ** -9), none],
    F8_E4M3FNUZ: [0, 2 ** -10, 7 * 2 ** -10, 2 ** -7, 0.75, 176, 192, 224, 240, none, -(2 ** -10), -240],
    F8_E5M2: [0, 2 ** -16, 7 * 2 ** -16, 2 ** -13, 1, 57344, infinite, none, none, -0, -(2 ** -16), none],
    F8_E5M2FNUZ: [0, 2 ** -17, 7 * 2 ** -17, 2 ** -14, 0.5, 28672, 32768, 49152, 57344, none, -(2 ** -17), -57344],
    F8_E8M0: [2 ** -127, 2 ** -126, 2 ** -120, 2 ** -119, 2 ** -67, 2 ** -4, 2 ** -3, 0.5, 1, 2, 4, none],
  };
  for (const [name, values] of Object.entries(expected)) {
    const dtype = name as Dtype;
    assert.equal([...decode(bits, dtype, 'float64')], values, dtype);
    // The sums that PyTorch has over all entries that are finite.
    const all = decode(
      Uint8Array.from({ length: 256 }, (_, entry) => entry),
      dtype,
      'float64',
    );
    const total: Readonly<Record<string, number>> = {
      F8_E4M3: 10815.75,
      F8_E4M3FNUZ: 5887.875,
      F8_E5M2: 720895.9995117188,
      F8_E5M2FNUZ: 720895.9997558594,
    };
    const sum = Array.from(all).reduce((most, value) => most + (Number.isFinite(value) ? Math.abs(value) : 0), 0);
    if (name in total) assert.ok(Math.abs(sum - total[name]!) < 1e-9, `${name}: ${sum}`);
  }
});

test('values that do not fill the shape, and a folder that is not there, are refused', () =>
  inTemporaryFolder(async (folder) => {
    const wrong = new Map([['w', { shape: [2, 3], values: new Float32Array(5) }]]);
    await throwsClearly(
      () => writeSafetensors(join(folder, 'a'), wrong),
      /tensor w .*6 values for shape \[2, 3\].*got 5/,
    );
    const right = new Map([['w', { shape: [5], values: new Float32Array(5) }]]);
    await throwsClearly(() => writeSafetensors(join(folder, 'none', 'a'), right), /none\/a.*no such file or folder/);
    assert.equal(await readdir(folder), []);
  }));

test('a failed write leaves the file that was there before', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'a.safetensors');
    await writeFile(path, safetensorsBytes({}, new Uint8Array(0)));
    const wrong = new Map([['w', { shape: [2], values: new Float32Array(5) }]]);
    await throwsClearly(() => writeSafetensors(path, wrong), /2 values/);
    assert.equal([...(await readAllTensors(path)).keys()], []);
  }));

test.run();
