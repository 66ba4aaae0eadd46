import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decode, encode } from '../../../compute/dtypes.ts';
import { randomStream } from '../../../compute/random.ts';
import { llama3Divisors } from '../../../training/convert/gguf/rotary.ts';
import { tensorType } from '../../../training/convert/gguf/tensorTypes.ts';
import { storedTensors } from '../../oracles/storedTensors.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const stored = storedTensors(new URL('../../../fixtures/reference/blocks.safetensors', import.meta.url));
const numbers: Readonly<Record<string, number>> = {
  ...{ F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7, Q8_0: 8, Q2_K: 10, Q3_K: 11, Q4_K: 12, Q5_K: 13, Q6_K: 14 },
  BF16: 30,
};
const bitsOf = (values: Float32Array) => [...new Uint32Array(values.slice().buffer)];

for (const [name, number] of Object.entries(numbers)) {
  const bytes = Uint8Array.from(stored.get(`${name}.bytes`)!.values);
  const type = tensorType(number, 'a tensor');

  test(`${name}: blocks have the values of gguf-py's dequantize, bit for bit`, () => {
    assert.is(type.name, name);
    assert.is(bytes.length % type.blockBytes, 0);
    const expected = Float32Array.from(stored.get(`${name}.values`)!.values);
    assert.is(expected.length, (bytes.length / type.blockBytes) * type.blockEntries);
    assert.equal(bitsOf(type.decode(bytes)), bitsOf(expected));
  });

  test(`${name}: a block has the same values wherever it lies`, () => {
    const random = randomStream(0, name);
    const all = type.decode(bytes);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    assert.equal(bitsOf(type.decode(shifted.subarray(1))), bitsOf(all));
    const block = random.integer(bytes.length / type.blockBytes);
    const one = type.decode(bytes.subarray(block * type.blockBytes, (block + 1) * type.blockBytes));
    assert.equal(bitsOf(one), bitsOf(all.subarray(block * type.blockEntries, (block + 1) * type.blockEntries)));
  });
}

test('the oracle tells types apart: the bytes of one are other values in another', () => {
  const bytes = Uint8Array.from(stored.get('Q4_K.bytes')!.values);
  const wrong = tensorType(numbers.Q4_0!, 'a tensor').decode(bytes.subarray(0, 144));
  assert.not.equal(bitsOf(wrong), bitsOf(Float32Array.from(stored.get('Q4_K.values')!.values.subarray(0, 256))));
});

test('a type that is not read is refused by its name', async () => {
  for (const [number, name] of [
    [23, 'IQ4_XS'],
    [39, 'MXFP4'],
    [4, 'type 4'],
    [99, 'type 99'],
  ] as const)
    await throwsClearly(() => tensorType(number, 'tensor t in f'), new RegExp(`tensor t in f: .*Q6_K.*got ${name}`));
});

for (const name of ['llama3.8.128', 'llama3.32.64'])
  test(`${name}: divisors are those of llama.cpp's converter, to the rounding of float32`, () => {
    const [, factor, width] = name.split('.').map(Number) as [number, number, number];
    const expected = stored.get(name)!.values;
    const ours = llama3Divisors(500_000, width, factor);
    assert.is(ours.length, expected.length);
    for (const [pair, divisor] of ours.entries())
      assert.ok(Math.abs(divisor - expected[pair]!) <= 1e-5 * divisor, `pair ${pair}: ${divisor}, ${expected[pair]}`);
  });

test('float32 becomes bfloat16 by halves of words as it does number by number', () => {
  const random = randomStream(1, 'words');
  const words = Uint32Array.from({ length: 20_000 }, () => random.integer(2 ** 32));
  // Ties to either side, the largest numbers, infinities and zeros.
  const special = [0, -0, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, -3.4e38, Infinity, -Infinity, 1e-45, 2 ** -133];
  const values = [...new Float32Array(words.buffer), ...special];
  const numbers = values.filter((value) => !Number.isNaN(value));
  assert.equal([...encode(Float32Array.from(numbers), 'BF16')], [...encode(numbers, 'BF16')]);
  // Which of its many ways to write NaN a machine takes is its own affair.
  const others = Float32Array.from(values.filter(Number.isNaN));
  assert.ok(others.length > 10 && decode(encode(others, 'BF16'), 'BF16', 'float32').every(Number.isNaN));
});

test.run();
