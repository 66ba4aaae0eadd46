import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Adapter } from '../../../training/adapters/create.ts';
import { loadAdapter, saveAdapter } from '../../../training/adapters/files/files.ts';
import { toPlainLora } from '../../../training/adapters/files/plainLora.ts';
import { adapterData, adapterOf } from '../../../training/adapters/transfer.ts';
import { readAllTensors, type TensorValues, writeSafetensors } from '../../../training/checkpoint/safetensors.ts';
import { toTokenRows } from '../../../training/data/examples.ts';
import { evaluate } from '../../../training/evaluate.ts';
import { finetune } from '../../../training/finetune/finetune.ts';
import { generate } from '../../../training/generate/generate.ts';
import { mergeIntoBase } from '../../../training/merge.ts';
import { loadModel, type Model } from '../../../training/model.ts';
import { referenceModel } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const { rows } = toTokenRows(
  [
    { input_ids: [1, 5, 9, 33, 60, 12, 7, 2], labels: [-100, -100, 9, 33, 60, 12, 7, 2] },
    { input_ids: [1, 44, 3, 18, 90, 61, 2], labels: [-100, 44, 3, 18, 90, 61, 2] },
    { input_ids: [1, 70, 71, 72, 8, 15, 16, 23, 42, 2], labels: [-100, -100, -100, -100, 8, 15, 16, 23, 42, 2] },
  ],
  { maxLength: 64 },
);

/** What PEFT 0.21 gives for the rows once it has loaded the adapter. */
const losses: readonly (readonly [architecture: string, name: string, loss: number])[] = [
  ['llama', 'pissa', 5.0825813],
  ['llama', 'embeddings saved', 5.2502092],
  ['qwen2', 'pissa patterns', 5.4702374],
  ['llama-tied', 'pissa dora', 6.2121997],
  ['gpt2', 'pissa with embeddings', 6.3705934],
  ['llama', 'olora', 5.1673518],
  ['gpt2', 'olora in capitals, patterns', 5.8496146],
  ['llama-tied', 'embedding trained', 6.2351369],
  ['llama-tied', 'head trained', 6.2362734],
  ['gpt2', 'biases trained', 6.3719764],
  ['llama', 'norms trained', 5.1762667],
  ['llama-tied', 'tokens trained', 6.2367571],
  ['llama', 'some left out by expression', 5.1690029],
  ['llama', 'vera and head', 5.2159074],
];

/** PEFT decomposes, and computes, in float32. */
const tolerance = 1e-5;

const folderOf = (architecture: string, name: string) => join('fixtures/foreign-adapters', architecture, name);
const lossOf = async (model: Model, adapter?: Adapter) =>
  (await evaluate(model, rows, { batchSize: 3, ...(adapter && { adapter }) })).loss;

function near(got: number, expected: number): void {
  assert.ok(Math.abs(got - expected) < tolerance, `${got}, expected ${expected}`);
}

for (const [architecture, name, loss] of losses)
  test(`an adapter of PEFT's on ${architecture}, ${name}: PEFT's loss, also saved again, merged, and sent to a worker`, () =>
    inTemporaryFolder(async (folder) => {
      await using model = await referenceModel(architecture, 'float32');
      const adapter = await loadAdapter(model, folderOf(architecture, name));
      near(await lossOf(model, adapter), loss);
      near(await lossOf(model, await adapterOf(model, structuredClone(await adapterData(model, adapter)))), loss);
      await saveAdapter(model, adapter, join(folder, 'again'));
      near(await lossOf(model, await loadAdapter(model, join(folder, 'again'))), loss);
      await mergeIntoBase(model, adapter, join(folder, 'merged'));
      await using merged = await loadModel(join(folder, 'merged'), { threads: 1 });
      near(await lossOf(merged), loss);
    }));

test("fine-tuning starts at PEFT's loss, and leaves what the file brought as it was", async () => {
  for (const [architecture, name, loss] of losses.slice(7, 9)) {
    await using model = await referenceModel(architecture, 'float32');
    const adapter = await loadAdapter(model, folderOf(architecture, name));
    const [replaced] = adapter.layout.replaced!.weights;
    const before = adapter.weights.get(replaced!.name)!.slice();
    const { initialLoss } = await finetune(model, adapter, rows, {
      ...{ optimizer: 'adamw', learningRate: 1e-2, steps: 2, warmupSteps: 0, batchSize: 3, seed: 0, shuffle: false },
      schedule: 'constant',
    });
    near(initialLoss, loss);
    assert.equal(adapter.weights.get(replaced!.name), before);
  }
});

test('a record of ours beside an adapter that PEFT initialises anew is of another, and does not count', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float32');
    await saveAdapter(model, await loadAdapter(model, folderOf('llama', 'olora')), folder);
    await cp(folderOf('llama', 'pissa'), folder, { recursive: true });
    near(await lossOf(model, await loadAdapter(model, folder)), 5.0825813);
  }));

test('a plain LoRA of an adapter on residual weights keeps the weights that the file brought', async () => {
  await using model = await referenceModel('gpt2', 'float32');
  const adapter = await loadAdapter(model, folderOf('gpt2', 'pissa with embeddings'));
  near(await lossOf(model, await toPlainLora(model, adapter)), 6.3705934);
});

test('what is generated under a head of its own is what the merged model generates', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama-tied', 'float32');
    const prompts = [
      [1, 5, 9],
      [1, 44],
    ];
    const written = async (from: Model, adapter?: Adapter) =>
      (await generate(from, prompts, { maxNewTokens: 8, stop: new Set(), ...(adapter && { adapter }) })).map(
        ({ tokens }) => [...tokens],
      );
    for (const name of ['embedding trained', 'head trained']) {
      const adapter = await loadAdapter(model, folderOf('llama-tied', name));
      await mergeIntoBase(model, adapter, folder, { overwrite: true });
      await using merged = await loadModel(folder, { threads: 1 });
      assert.equal(await written(model, adapter), await written(merged));
    }
  }));

/** A copy of an adapter with other fields in its config, and other tensors. */
async function changed(
  [architecture, name]: readonly [string, string],
  fields: object,
  tensors: Readonly<Record<string, TensorValues>> = {},
): Promise<Adapter> {
  let adapter: Adapter | undefined;
  await inTemporaryFolder(async (folder) => {
    await using model = await referenceModel(architecture, 'float32');
    await cp(folderOf(architecture, name), folder, { recursive: true });
    const config = join(folder, 'adapter_config.json');
    await writeFile(config, JSON.stringify({ ...JSON.parse(await readFile(config, 'utf8')), ...fields }));
    const file = join(folder, 'adapter_model.safetensors');
    const more = Object.entries(tensors).map(([own, tensor]) => [`base_model.model.${own}`, tensor] as const);
    await writeSafetensors(file, new Map([...(await readAllTensors(file)), ...more]));
    adapter = await loadAdapter(model, folder);
  });
  return adapter!;
}

const pissa = ['llama', 'pissa'] as const;

for (const [fields, ...patterns] of [
  [{ init_lora_weights: 'pissa_niter_16' }, /init_lora_weights/, /differs from one loading/, /path_initial_model/],
  [{ init_lora_weights: 'corda' }, /init_lora_weights/, /data/],
  [{ init_lora_weights: 'lora_ga' }, /init_lora_weights/, /gradients/],
  [{ init_lora_weights: 'loftq', loftq_config: { loftq_bits: 4 } }, /init_lora_weights/, /quantises/],
  [{ init_lora_weights: 'PiSSA' }, /init_lora_weights/],
  [{ init_lora_weights: 3 }, /init_lora_weights/],
  [{ use_qalora: true }, /use_qalora.*not supported/],
  [{ layer_replication: [[0, 2]] }, /layer_replication/],
  [{ alora_invocation_tokens: [1] }, /alora_invocation_tokens/],
  [{ target_parameters: ['experts'] }, /target_parameters/],
  [{ tomorrow: 'new' }, /tomorrow in .*got new; this field is not known/],
  [{ layers_to_transform: [1] }, /layers\.0\..* PEFT passes over/],
  [{ exclude_modules: ['v_proj'] }, /v_proj.* PEFT passes over/],
  [{ target_modules: ['q_proj'] }, / PEFT passes over/],
  [{ target_modules: '.*_proj', layers_to_transform: 0 }, /layers_to_transform/],
  [{ target_modules: '(q_proj' }, /module pattern "\(q_proj"/],
  [{ modules_to_save: ['norm'] }, /tensor model\.layers\.0\.input_layernorm\.weight, since modules_to_save/],
  [{ trainable_token_indices: [1] }, /trainable_token_indices/],
] as const satisfies readonly (readonly [object, ...RegExp[]])[])
  test(`an adapter with ${JSON.stringify(fields)} is refused by name`, () =>
    throwsClearly(() => changed(pissa, fields), ...patterns));

const ones = (...shape: number[]): TensorValues => ({
  shape,
  values: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1),
});
const queries = 'model.layers.0.self_attn.q_proj';

for (const [tensors, ...patterns] of [
  [{ 'score.weight': ones(2, 32) }, /tensor score\.weight/, /merge_and_unload/],
  [{ [`${queries}.weight`]: ones(32, 32) }, /q_proj\.weight/],
  [{ [`${queries}.lora_B.bias`]: ones(32) }, /lora_B\.bias/],
  [{ [`${queries}.lora_magnitude_vector`]: ones(32) }, /lora_magnitude_vector.*use_dora/],
  [{ 'model.embed_tokens.lora_embedding_A': ones(4, 97) }, /embed_tokens\.lora_embedding_A.*embedding matrix/],
  [{ 'lm_head.lora_A.weight': ones(4, 32), 'lm_head.lora_B.weight': ones(97, 4) }, /lm_head/],
  [{ 'model.embed_tokens.weight': ones(101, 32) }, /shape \[97, 32\], got \[101, 32\].*resize_token_embeddings/],
  [{ 'model.norm.weight': ones(31) }, /model\.norm\.weight.*shape \[32\]/],
  [{ 'model.layers.0.mlp.up_proj.base_layer.bias': ones(48) }, /up_proj\.base_layer\.bias/],
  [{ 'model.embed_tokens.token_adapter.trainable_tokens_delta': ones(1, 32) }, /trainable_tokens_delta/],
] as const satisfies readonly (readonly [Readonly<Record<string, TensorValues>>, ...RegExp[]])[])
  test(`the tensors ${Object.keys(tensors).join(' and ')} are refused by name`, () =>
    throwsClearly(() => changed(pissa, {}, tensors), ...patterns));

test('two values of one tensor are refused: a tied pair that differs, tokens beyond the vocabulary', async () => {
  const tied = ['llama-tied', 'tokens trained'] as const;
  const trained = 'model.embed_tokens.token_adapter.trainable_tokens_delta';
  await throwsClearly(() => changed(tied, {}, { 'lm_head.weight': ones(97, 32) }), /lm_head\.weight.*got others/);
  await throwsClearly(() => changed(tied, {}, { 'model.embed_tokens.weight': ones(97, 32) }), /got two/);
  await throwsClearly(() => changed(tied, { trainable_token_indices: [1, 2, 97] }), new RegExp(trained));
  await throwsClearly(
    () => changed(['llama-tied', 'embedding trained'], { ensure_weight_tying: true }),
    /embed_tokens\.weight and lm_head\.weight/,
  );
});

test('what PEFT does not look at while loading changes nothing', async () => {
  const { weights } = await changed(pissa, {
    ...{ lora_dropout: 0.3, inference_mode: false, task_type: 'SEQ_CLS', peft_version: '9', fan_in_fan_out: true },
    ...{ bias: 'all', corda_config: { corda_method: 'kpm' }, eva_config: { rho: 2 }, revision: 'v2', later: null },
    ...{ modules_to_save: ['score', 'classifier'], ensure_weight_tying: true, megatron_core: 'other' },
  });
  assert.equal(weights, (await changed(pissa, {})).weights);
});

test.run();
