import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAdapter } from '../../../training/adapters/create.ts';
import { loadAdapter, saveAdapter } from '../../../training/adapters/files/files.ts';
import { openCheckpoint } from '../../../training/checkpoint/checkpoint.ts';
import { readAllTensors, type TensorValues, writeSafetensors } from '../../../training/checkpoint/safetensors.ts';
import { type TokenRow, toTokenRows } from '../../../training/data/examples.ts';
import { evaluate } from '../../../training/evaluate.ts';
import { finetune } from '../../../training/finetune/finetune.ts';
import { mergeIntoBase } from '../../../training/merge.ts';
import { loadModel, type Model } from '../../../training/model.ts';
import { architectures, referenceBatch, referenceRows } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

type Tensors = ReadonlyMap<string, TensorValues>;

const rows = toTokenRows(
  [
    { input_ids: [1, 5, 9, 33, 60, 12, 7, 2], labels: [-100, -100, 9, 33, 60, 12, 7, 2] },
    { input_ids: [1, 44, 3, 18, 90, 61, 2], labels: [-100, 44, 3, 18, 90, 61, 2] },
    { input_ids: [1, 70, 71, 72, 8, 15, 16, 23, 42, 2], labels: [-100, -100, -100, -100, 8, 15, 16, 23, 42, 2] },
  ],
  { maxLength: 64 },
).rows;

/** A reference checkpoint with other tensors in its file. */
async function withTensors(
  architecture: string,
  change: (tensors: Tensors) => Iterable<readonly [string, TensorValues]>,
  action: (model: Model, folder: string) => void | Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const directory = join(folder, 'model');
    await cp(`fixtures/reference/models/${architecture}`, directory, { recursive: true });
    const file = join(directory, 'model.safetensors');
    await writeSafetensors(file, new Map(change(await readAllTensors(file))), { format: 'pt' });
    await using model = await loadModel(directory, { precision: 'float64', threads: 1 });
    await action(model, folder);
  });
}

const renamed = (tensors: Tensors, name: (name: string) => string) =>
  [...tensors].map(([own, tensor]) => [name(own), tensor] as const);
const withoutBase = (name: string) => name.replace(/^(?:model|transformer)\./, '');
const scaled = ({ shape, values }: TensorValues, factor: number): TensorValues => ({
  shape,
  values: values.map((value) => factor * value),
});

async function lossOf(model: Model, on: readonly TokenRow[], adapter?: Awaited<ReturnType<typeof loadAdapter>>) {
  return (await evaluate(model, on, { batchSize: 3, ...(adapter && { adapter }) })).loss;
}

function near(got: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(got - expected) < tolerance, `${got}, expected ${expected}`);
}

/** Values that were printed with five digits behind the point. */
const printed = 1e-5;
/** Float64 computations that differ in the order of their sums. */
const rounding = 1e-9;

for (const architecture of architectures)
  test(`${architecture} saved without its output projection is the same model`, () =>
    withTensors(
      architecture,
      (tensors) => renamed(tensors, withoutBase),
      async (model) =>
        near(await lossOf(model, referenceRows(architecture)), referenceBatch(architecture).loss, rounding),
    ));

test('GPT-2 as on the hub has the losses that PEFT gives, without an adapter and with one', () =>
  withTensors(
    'gpt2',
    (tensors) => renamed(tensors, withoutBase),
    async (model) => {
      near(await lossOf(model, rows), 6.35844, printed);
      near(await lossOf(model, rows, await loadAdapter(model, 'fixtures/weight-names/gpt2-adapter')), 6.32492, printed);
    },
  ));

test('an adapter of our own on GPT-2 as on the hub is saved, loaded and merged, with one loss', () =>
  withTensors(
    'gpt2',
    (tensors) => renamed(tensors, withoutBase),
    async (model, folder) => {
      for (const method of ['lora', 'pissa']) {
        const adapter = await createAdapter(model, { method, rank: 4 });
        await finetune(model, adapter, rows, {
          ...{ optimizer: 'adamw', learningRate: 1e-2, steps: 3, warmupSteps: 0, batchSize: 3, seed: 0 },
          ...{ schedule: 'constant', shuffle: false },
        });
        const loss = await lossOf(model, rows, adapter);
        assert.ok(loss < 6.2, `trained to ${loss} only`);
        await saveAdapter(model, adapter, join(folder, method));
        // Written in float32.
        near(await lossOf(model, rows, await loadAdapter(model, join(folder, method))), loss, 1e-5);
        const merged = join(folder, `merged ${method}`);
        await mergeIntoBase(model, adapter, merged);
        await using checkpoint = await openCheckpoint(merged);
        assert.equal(new Set(checkpoint.names()), new Set(model.decoder.weights.map(({ name }) => name)));
        await using whole = await loadModel(merged, { precision: 'float64', threads: 1 });
        near(await lossOf(whole, rows), loss, 1e-5);
      }
    },
  ));

test('of a tied pair either name is the embedding matrix, and two equal ones are one', async () => {
  const head = (name: string) => (name === 'model.embed_tokens.weight' ? 'lm_head.weight' : name);
  const changes: ((tensors: Tensors) => Iterable<readonly [string, TensorValues]>)[] = [
    (tensors) => renamed(tensors, head),
    (tensors) => renamed(tensors, (name) => withoutBase(head(name))),
    (tensors) => [...tensors, ['lm_head.weight', tensors.get('model.embed_tokens.weight')!]],
  ];
  for (const change of changes)
    await withTensors('llama-tied', change, async (model) => {
      near(await lossOf(model, rows), 6.21522, printed);
      assert.equal(model.notices, []);
      assert.ok(!model.decoder.weights.some(({ name }) => name === 'lm_head.weight'));
    });
});

// As transformers 5.18 computes them, in float64 but for its norms, tables and softmax in float32.
for (const [architecture, embedding, loss] of [
  ['llama-tied', 'model.embed_tokens.weight', 4.827519757],
  ['gpt2', 'transformer.wte.weight', 4.884306291],
  ['gemma3_text', 'model.embed_tokens.weight', 4.955946253],
] as const)
  test(`a config that ties ${architecture}, and an output projection of its own: that one is used, and said`, () =>
    withTensors(
      architecture,
      (tensors) => [...tensors, ['lm_head.weight', scaled(tensors.get(embedding)!, -0.5)]],
      async (model, folder) => {
        near(await lossOf(model, referenceRows(architecture)), loss, 1e-6);
        assert.match(model.notices.join(), /lm_head\.weight has other values/);
        const merged = join(folder, 'merged');
        await mergeIntoBase(model, await createAdapter(model, { method: 'lora' }), merged);
        await using whole = await loadModel(merged, { precision: 'float64', threads: 1 });
        near(await lossOf(whole, referenceRows(architecture)), loss, 1e-6);
      },
    ));

test('an untied output projection that is missing is asked for by its name', () =>
  throwsClearly(
    () =>
      withTensors(
        'llama',
        (tensors) => [...tensors].filter(([name]) => name !== 'lm_head.weight'),
        () => assert.unreachable(),
      ),
    /tensor lm_head\.weight, got no such tensor; transformers would fill it with random numbers/,
  ));

test('a tensor under two names is one if the values are equal, and refused if not', async () => {
  const twice = (factor: number) => (tensors: Tensors) => [
    ...tensors,
    ['norm.weight', scaled(tensors.get('model.norm.weight')!, factor)] as const,
  ];
  await withTensors('llama', twice(1), async (model) =>
    near(await lossOf(model, referenceRows('llama')), referenceBatch('llama').loss, rounding),
  );
  await throwsClearly(
    () => withTensors('llama', twice(2), () => assert.unreachable()),
    /tensor model\.norm\.weight in .*model\.norm\.weight and norm\.weight, with different values/,
  );
});

const ones = (...shape: number[]): TensorValues => ({
  shape,
  values: new Float32Array(shape.reduce((size, extent) => size * extent, 1)).fill(1),
});

for (const name of [
  'model.layers.0.self_attn.q_proj.bias',
  'layers.1.self_attn.q_norm.weight',
  'model.layers.1.mlp.up_proj.weight_scale_inv',
  'model.layers.0.self_attn.v_proj.lora_A.weight',
  'lm_head.bias',
  'model.norm.bias',
])
  test(`${name}, which a Llama of this config does not have, is refused`, () =>
    throwsClearly(
      () =>
        withTensors(
          'llama',
          (tensors) => [...tensors, [name, ones(4)]],
          () => assert.unreachable(),
        ),
      new RegExp(`tensor ${name.replaceAll('.', '\\.')} in .*nothing asks for`),
    ));

test('tables that old versions stored are left out, other heads and layers beyond the last are named', () =>
  withTensors(
    'llama',
    (tensors) => [
      ...tensors,
      ['model.layers.0.self_attn.rotary_emb.inv_freq', ones(4)],
      ['score.weight', ones(2, 32)],
      ['model.layers.2.mlp.up_proj.weight', ones(48, 32)],
    ],
    async (model) => {
      near(await lossOf(model, referenceRows('llama')), referenceBatch('llama').loss, rounding);
      assert.equal(model.notices.length, 1);
      assert.match(model.notices[0]!, /^not used, in .*: model\.layers\.2\.mlp\.up_proj\.weight, score\.weight$/);
    },
  ));

test("GPT-2's stored masks are left out, by whichever names", () =>
  withTensors(
    'gpt2',
    (tensors) => [
      ...renamed(tensors, withoutBase),
      ['h.0.attn.bias', ones(1, 1, 8, 8)],
      ['h.0.attn.masked_bias', ones(1)],
    ],
    async (model) => {
      near(await lossOf(model, rows), 6.35844, printed);
      assert.equal(model.notices, []);
    },
  ));

test("an adapter's modules may have the base prefix or lack it, but not both", () =>
  inTemporaryFolder(async (folder) => {
    const stored = 'fixtures/reference/adapters/llama/lora/perturbed';
    await using model = await loadModel('fixtures/reference/models/llama', { precision: 'float64', threads: 1 });
    const expected = await lossOf(model, rows, await loadAdapter(model, stored));
    const tensors = await readAllTensors(join(stored, 'adapter_model.safetensors'));
    const bare = renamed(tensors, (name) => name.replace('base_model.model.model.', 'base_model.model.'));
    for (const [name, all] of [
      ['bare', bare],
      ['both', [...tensors, ...bare]],
    ] as const) {
      await mkdir(join(folder, name));
      await cp(join(stored, 'adapter_config.json'), join(folder, name, 'adapter_config.json'));
      await writeSafetensors(join(folder, name, 'adapter_model.safetensors'), new Map(all), { format: 'pt' });
    }
    assert.is(await lossOf(model, rows, await loadAdapter(model, join(folder, 'bare'))), expected);
    await throwsClearly(() => loadAdapter(model, join(folder, 'both')), /another name for/);
  }));

test.run();
