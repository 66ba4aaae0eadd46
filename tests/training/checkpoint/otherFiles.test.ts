import { copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAdapter } from '../../../training/adapters/files/files.ts';
import { openCheckpoint } from '../../../training/checkpoint/checkpoint.ts';
import { readAllTensors, writeSafetensors } from '../../../training/checkpoint/safetensors.ts';
import { loadTokenizer } from '../../../training/data/tokenizer/tokenizer.ts';
import { loadModel } from '../../../training/model.ts';
import { safetensorsBytes } from '../../cases/safetensorsBytes.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const llama = 'fixtures/reference/models/llama';
const pointer = `version https://git-lfs.github.com/spec/v1
oid sha256:4c34ab3b1c1d5f3a1b5b1c4c8f8f0a7d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b
size 27262976
`;

for (const file of ['model.safetensors', 'config.json'])
  test(`${file} that is a Git LFS pointer is called one`, () =>
    inTemporaryFolder(async (folder) => {
      await cp(llama, folder, { recursive: true });
      await writeFile(join(folder, file), pointer);
      await throwsClearly(
        () => loadModel(folder),
        new RegExp(`${file.replace('.', '\\.')}: expected the file itself, got a Git LFS pointer; run git lfs pull$`),
      );
    }));

test('so is a shard, an index, a tokenizer, and a file of an adapter', () =>
  inTemporaryFolder(async (folder) => {
    const said = (file: string) => new RegExp(`${file}: .*Git LFS pointer; run git lfs pull`);
    const write = (file: string, text: string) => writeFile(join(folder, file), text);
    await write('model.safetensors.index.json', pointer);
    await throwsClearly(() => openCheckpoint(folder), said('model.safetensors.index.json'));
    await write('model.safetensors.index.json', JSON.stringify({ weight_map: { a: 'one.safetensors' } }));
    await write('one.safetensors', pointer);
    await throwsClearly(() => openCheckpoint(folder), said('one.safetensors'));
    await write('tokenizer.json', pointer);
    await throwsClearly(() => loadTokenizer(folder), said('tokenizer.json'));
    await using model = await loadModel(llama, { threads: 1 });
    for (const file of ['adapter_config.json', 'adapter_model.safetensors']) {
      await cp('fixtures/reference/adapters/llama/lora/perturbed', join(folder, file), { recursive: true });
      await writeFile(join(folder, file, file), pointer);
      await throwsClearly(() => loadAdapter(model, join(folder, file)), said(file));
    }
  }));

for (const files of [
  ['pytorch_model.bin'],
  ['pytorch_model.bin.index.json', 'pytorch_model-00001-of-00002.bin'],
  ['tf_model.h5'],
  ['flax_model.msgpack'],
  ['llama.Q4_K_M.gguf'],
])
  test(`weights in ${files.at(-1)} alone: it is named, and how to turn it into safetensors`, () =>
    inTemporaryFolder(async (folder) => {
      await copyFile(join(llama, 'config.json'), join(folder, 'config.json'));
      for (const file of [...files, 'training_args.bin']) await writeFile(join(folder, file), 'weights');
      await throwsClearly(
        () => loadModel(folder),
        new RegExp(`got ${files.at(-1)!.replaceAll('.', '\\.')}; .*from_pretrained.*save_pretrained`),
      );
    }));

for (const dtype of ['I8', 'U8', 'F8_E4M3', 'F8_E5M2', 'I32', 'BOOL'])
  test(`a weight in ${dtype} is refused when the model is opened`, () =>
    inTemporaryFolder(async (folder) => {
      await copyFile(join(llama, 'config.json'), join(folder, 'config.json'));
      const name = 'model.layers.0.self_attn.q_proj.weight';
      const tensors = await readAllTensors(join(llama, 'model.safetensors'));
      tensors.delete(name);
      await mkdir(join(folder, 'shards'));
      await writeSafetensors(join(folder, 'shards', 'a.safetensors'), tensors);
      const bytes = 32 * 32 * (dtype === 'I32' ? 4 : 1);
      const header = { [name]: { dtype, shape: [32, 32], data_offsets: [0, bytes] } };
      await writeFile(join(folder, 'shards', 'b.safetensors'), safetensorsBytes(header, new Uint8Array(bytes)));
      const map = Object.fromEntries([...tensors.keys()].map((tensor) => [tensor, 'shards/a.safetensors']));
      const index = JSON.stringify({ weight_map: { ...map, [name]: 'shards/b.safetensors' } });
      await writeFile(join(folder, 'model.safetensors.index.json'), index);
      const wanted = new RegExp(`tensor ${name} in .*dtype of F64, F32, F16, BF16, got ${dtype}; quantised`);
      await throwsClearly(() => loadModel(folder), wanted);
    }));

test('a tensor that lies in a shard and not in the index is there, as transformers has it', () =>
  inTemporaryFolder(async (folder) => {
    await copyFile(join(llama, 'config.json'), join(folder, 'config.json'));
    await copyFile(join(llama, 'model.safetensors'), join(folder, 'all.safetensors'));
    const index = { weight_map: { 'model.norm.weight': 'all.safetensors' } };
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
    await using checkpoint = await openCheckpoint(folder);
    assert.is(checkpoint.names().length, 21);
  }));

test.run();
