import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { onnxBackend, record, type Values, type WeightLocation, type WeightSource } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

type Dtype = WeightLocation['dtype'];

/** Four numbers as each dtype stores them: the bits are those of the IEEE formats, and of the upper half of float32. */
const stored: Record<Dtype, { readonly bytes: Uint8Array; readonly values: readonly number[] }> = {
  F64: { bytes: bytesOf(Float64Array.of(1, -2, 0.1, 2 ** -24)), values: [1, -2, 0.1, 2 ** -24] },
  F32: { bytes: bytesOf(Float32Array.of(1, -2, 0.1, 2 ** -24)), values: [1, -2, Math.fround(0.1), 2 ** -24] },
  F16: { bytes: bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x2e66, 0x0001)), values: [1, -2, 0.0999755859375, 2 ** -24] },
  BF16: { bytes: bytesOf(Uint16Array.of(0x3f80, 0xc000, 0x3dcd, 0x3380)), values: [1, -2, 0.10009765625, 2 ** -24] },
};

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Weights of shape [2, 2] by name, in files that begin with `offset` other bytes. */
function sourceOf(files: Readonly<Record<string, string>>, dtype: Dtype, offset: number): WeightSource {
  const bytes = stored[dtype].bytes.length;
  return { locate: (name) => ({ file: files[name]!, offset, bytes, dtype, shape: [2, 2] }) };
}

function fileContents(dtype: Dtype, offset: number): Uint8Array {
  const bytes = new Uint8Array(offset + stored[dtype].bytes.length).fill(0xff);
  bytes.set(stored[dtype].bytes, offset);
  return bytes;
}

/** The weights themselves, as outputs of a compiled graph. */
async function readThrough(source: WeightSource, names: string[], precision: 'float32' | 'float64'): Promise<Values> {
  const weights = names.map((name) => ({ name, shape: [2, 2] }));
  const graph = record({ parameters: [], inputs: [], weights }, (tensors) => tensors.weights);
  const executable = await onnxBackend.compile(graph, { precision, weights: source });
  try {
    return await executable.run(new Map());
  } finally {
    await executable.release();
  }
}

const asStored = (dtype: Dtype, precision: 'float32' | 'float64') =>
  stored[dtype].values.map((value) => (precision === 'float32' ? Math.fround(value) : value));

for (const dtype of ['F64', 'F32', 'F16', 'BF16'] as const)
  for (const precision of ['float32', 'float64'] as const)
    test(`${dtype} weights are read in ${precision} from any byte of a file`, () =>
      inTemporaryFolder(async (folder) => {
        for (const offset of [0, 8, 1, 4099]) {
          const file = join(folder, `${offset}.safetensors`);
          await writeFile(file, fileContents(dtype, offset));
          const results = await readThrough(sourceOf({ w: file }, dtype, offset), ['w'], precision);
          assert.equal(Array.from(results.get('w')!), asStored(dtype, precision), `at byte ${offset}`);
        }
      }));

test("weights are found behind the links of Hugging Face's cache, in a folder of any name", () =>
  inTemporaryFolder(async (folder) => {
    const cache = join(folder, 'models--größe 1B (öffentlich)');
    const snapshot = join(cache, 'snapshots', '0a1b');
    await mkdir(snapshot, { recursive: true });
    await mkdir(join(cache, 'blobs'));
    const files: Record<string, string> = {};
    for (const name of ['w', 'v']) {
      await writeFile(join(cache, 'blobs', `c0ffee${name}`), fileContents('F32', 9));
      files[name] = join(snapshot, `model-${name}.safetensors`);
      await symlink(join('..', '..', 'blobs', `c0ffee${name}`), files[name]);
    }
    const results = await readThrough(sourceOf(files, 'F32', 9), ['w', 'v'], 'float32');
    for (const name of ['w', 'v']) assert.equal(Array.from(results.get(name)!), asStored('F32', 'float32'));
  }));

test('shards of one checkpoint may lie in several folders', () =>
  inTemporaryFolder(async (folder) => {
    await mkdir(join(folder, 'other'));
    const files = { w: join(folder, '1.safetensors'), v: join(folder, 'other', '2.safetensors') };
    for (const file of Object.values(files)) await writeFile(file, fileContents('BF16', 3));
    const results = await readThrough(sourceOf(files, 'BF16', 3), ['w', 'v'], 'float64');
    for (const name of ['w', 'v']) assert.equal(Array.from(results.get(name)!), asStored('BF16', 'float64'));
  }));

test('a weight of another shape is named, with its file', () =>
  inTemporaryFolder(async (folder) => {
    const file = join(folder, 'model.safetensors');
    await writeFile(file, fileContents('F32', 8));
    const source: WeightSource = { locate: () => ({ file, offset: 8, bytes: 16, dtype: 'F32', shape: [4] }) };
    await throwsClearly(
      () => readThrough(source, ['w'], 'float32'),
      /model\.safetensors: tensor w: expected shape \[2,2\], got \[4\]; config\.json and the weights must/,
    );
  }));

test('a file that ends too early, or is not there, is an error that names it', () =>
  inTemporaryFolder(async (folder) => {
    const file = join(folder, 'model.safetensors');
    await writeFile(file, fileContents('F32', 8).subarray(0, 20));
    await throwsClearly(
      () => readThrough(sourceOf({ w: file }, 'F32', 8), ['w'], 'float32'),
      /model\.safetensors: expected at least 24 bytes, for tensor w, got 20/,
    );
    const missing = join(folder, 'missing.safetensors');
    await throwsClearly(
      () => readThrough(sourceOf({ w: missing }, 'F32', 8), ['w'], 'float32'),
      /missing\.safetensors/,
    );
  }));

test('weights without a checkpoint, and unknown ones, are errors that name them', async () => {
  const weights = [{ name: 'w', shape: [2, 2] }];
  const graph = record({ parameters: [], inputs: [], weights }, (tensors) => tensors.weights);
  await throwsClearly(() => onnxBackend.compile(graph, { precision: 'float32' }), /weight w: expected a checkpoint/);
  const locate = (name: string): never => {
    throw new LambdamaxError({ subject: 'folder', expected: `tensor ${name}`, got: 'no such tensor' });
  };
  await throwsClearly(
    () => onnxBackend.compile(graph, { precision: 'float32', weights: { locate } }),
    /expected tensor w/,
  );
});

test('a replaceable weight is fed, and not looked for in the checkpoint', async () => {
  const weights = [{ name: 'w', shape: [2, 2] }];
  const graph = record(
    { parameters: [], inputs: [], weights },
    (tensors) => new Map([['y', tf.square(tensors.weights.get('w')!)]]),
  );
  const executable = await onnxBackend.compile(graph, { precision: 'float64', fed: new Set(['w']) });
  const results = await executable.run(new Map([['w', Float64Array.of(1, 2, 3, 4)]]));
  assert.equal(Array.from(results.get('y')!), [1, 4, 9, 16]);
  await throwsClearly(() => executable.run(new Map()), /input w: expected a value for it/);
  await executable.release();
});

test.run();
