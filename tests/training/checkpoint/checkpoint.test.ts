import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Checkpoint, openCheckpoint } from '../../../training/checkpoint/checkpoint.ts';
import { readAllTensors, writeSafetensors } from '../../../training/checkpoint/safetensors.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const llama = 'fixtures/reference/models/llama';

async function using<T>(directory: string, action: (checkpoint: Checkpoint) => T | Promise<T>): Promise<T> {
  const checkpoint = await openCheckpoint(directory);
  try {
    return await action(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** The reference's Llama in two shards with an index, changed as asked. */
async function writeSharded(folder: string, change: (index: Record<string, string>) => void = () => undefined) {
  await copyFile(join(llama, 'config.json'), join(folder, 'config.json'));
  const tensors = [...(await readAllTensors(join(llama, 'model.safetensors')))];
  const index: Record<string, string> = {};
  for (const [shard, part] of [tensors.slice(0, 9), tensors.slice(9)].entries()) {
    const file = `model-0000${shard + 1}-of-00002.safetensors`;
    await writeSafetensors(join(folder, file), new Map(part));
    for (const [name] of part) index[name] = file;
  }
  change(index);
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: index }));
}

test('a location points at the bytes that are read as the values', () =>
  using(llama, async (checkpoint) => {
    assert.is(checkpoint.directory, llama);
    assert.is(checkpoint.names().length, 21);
    for (const name of checkpoint.names()) {
      const { file, offset, bytes, dtype, shape } = checkpoint.locate(name);
      assert.is(dtype, 'F32');
      assert.equal(checkpoint.shapeOf(name), shape);
      const raw = (await readFile(file)).subarray(offset, offset + bytes);
      const values = await checkpoint.read(name, 'float32');
      assert.ok(raw.equals(Buffer.from(values.buffer, values.byteOffset, values.byteLength)), name);
      assert.equal(Float32Array.from(await checkpoint.read(name, 'float64')), values);
    }
  }));

test('shards give the same weights as the one file', () =>
  inTemporaryFolder(async (folder) => {
    await writeSharded(folder);
    await using(folder, (sharded) =>
      using(llama, async (single) => {
        assert.equal(sharded.names().sort(), single.names().sort());
        for (const name of single.names()) {
          assert.equal(await sharded.read(name, 'float32'), await single.read(name, 'float32'));
          assert.ok((await readFile(sharded.locate(name).file)).length > 0);
        }
      }),
    );
  }));

test('an unknown tensor is named together with the folder', () =>
  using(llama, async (checkpoint) => {
    for (const look of ['locate', 'shapeOf', 'read'] as const) {
      await throwsClearly(
        () => checkpoint[look]('model.norm.bias', 'float32'),
        /models\/llama: expected tensor model\.norm\.bias/,
      );
    }
  }));

test('weights that are not floating-point numbers have no location', () =>
  inTemporaryFolder(async (folder) => {
    await copyFile(join(llama, 'config.json'), join(folder, 'config.json'));
    const header = Buffer.from('{"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}');
    const bytes = Buffer.concat([Buffer.from([header.length, 0, 0, 0, 0, 0, 0, 0]), header, Buffer.alloc(4)]);
    await writeFile(join(folder, 'model.safetensors'), bytes);
    await using(folder, (checkpoint) => throwsClearly(() => checkpoint.locate('a'), /tensor a .*BF16, got I32/));
  }));

test('the hash depends on the contents alone, on every byte of them', () =>
  inTemporaryFolder(async (folder) => {
    const copy = join(folder, 'elsewhere');
    await cp(llama, copy, { recursive: true });
    const hash = (directory: string) => using(directory, (checkpoint) => checkpoint.contentHash());
    const original = await hash(llama);
    assert.match(original, /^[0-9a-f]{64}$/);
    assert.is(await hash(copy), original);
    const weights = await readFile(join(copy, 'model.safetensors'));
    weights[weights.length - 1]! ^= 1;
    await writeFile(join(copy, 'model.safetensors'), weights);
    const changedWeights = await hash(copy);
    assert.is.not(changedWeights, original);
    const config = await readFile(join(copy, 'config.json'), 'utf8');
    await writeFile(join(copy, 'config.json'), config.replace('"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-05'));
    const changedConfig = await hash(copy);
    assert.is.not(changedConfig, changedWeights);
    await mkdir(join(copy, 'additional_chat_templates'));
    await writeFile(join(copy, 'additional_chat_templates', 'tool_use.jinja'), 'a');
    const withTemplate = await hash(copy);
    assert.is.not(withTemplate, changedConfig);
    await writeFile(join(copy, 'additional_chat_templates', 'tool_use.jinja'), 'b');
    assert.is.not(await hash(copy), withTemplate);
  }));

test('a folder without weights, a missing shard and a tensor missing from its shard are named', () =>
  inTemporaryFolder(async (folder) => {
    await copyFile(join(llama, 'config.json'), join(folder, 'config.json'));
    await throwsClearly(
      () => openCheckpoint(folder),
      /model\.safetensors or model\.safetensors\.index\.json, got neither/,
    );
    await writeSharded(folder, (index) => {
      index['model.norm.weight'] = 'model-00003-of-00003.safetensors';
    });
    await throwsClearly(() => openCheckpoint(folder), /model-00003-of-00003\.safetensors.*no such file/);
    await writeSharded(folder, (index) => {
      index['model.extra.weight'] = 'model-00001-of-00002.safetensors';
    });
    await throwsClearly(
      () => openCheckpoint(folder),
      /model-00001-of-00002\.safetensors: expected tensor model\.extra\.weight/,
    );
  }));

for (const path of [
  '../secret.safetensors',
  '/etc/passwd',
  'a/../../secret',
  '..',
  '.',
  '',
  '..\\secret',
  'C:\\secret',
]) {
  test(`an index that points to ${JSON.stringify(path)} is refused`, () =>
    inTemporaryFolder(async (folder) => {
      const inside = join(folder, 'inside');
      await mkdir(inside);
      await copyFile(join(llama, 'model.safetensors'), join(folder, 'secret.safetensors'));
      await writeSharded(inside, (index) => {
        index['model.norm.weight'] = path;
      });
      await throwsClearly(() => openCheckpoint(inside), /weight_map of model\.norm\.weight.*inside the folder/);
    }));
}

test('an index that is no index is refused', () =>
  inTemporaryFolder(async (folder) => {
    await copyFile(join(llama, 'config.json'), join(folder, 'config.json'));
    for (const text of ['{}', '[]', 'null', '{"weight_map": {"a": 1}}', '{"weight_map": []}', '{']) {
      await writeFile(join(folder, 'model.safetensors.index.json'), text);
      await throwsClearly(() => openCheckpoint(folder), /model\.safetensors\.index\.json/);
    }
  }));

test('a truncated weight file says how long it should be', () =>
  inTemporaryFolder(async (folder) => {
    await copyFile(join(llama, 'config.json'), join(folder, 'config.json'));
    const bytes = await readFile(join(llama, 'model.safetensors'));
    await writeFile(join(folder, 'model.safetensors'), bytes.subarray(0, bytes.length / 2));
    const numbers = new RegExp(`model\\.safetensors: expected ${bytes.length} bytes.*got ${bytes.length / 2} bytes`);
    await throwsClearly(() => openCheckpoint(folder), numbers);
  }));

test.run();
