import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toTokenRows } from '../../../training/data/examples.ts';
import { evaluate } from '../../../training/evaluate.ts';
import { loadModel } from '../../../training/model.ts';
import { referenceJson } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

/** The loss of a reference checkpoint whose config.json is changed; fields set to undefined are left out. */
async function lossOf(architecture: string, change: object, length = 60): Promise<number> {
  const losses: number[] = [];
  const ids = Array.from({ length }, (_, position) => (7 * position * position + 3 * position + 1) % 97);
  const { rows } = toTokenRows([{ input_ids: ids, labels: ids }], { maxLength: length });
  await inTemporaryFolder(async (folder) => {
    const config = { ...referenceJson<object>(`models/${architecture}/config.json`), ...change };
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await copyFile(`fixtures/reference/models/${architecture}/model.safetensors`, join(folder, 'model.safetensors'));
    await using model = await loadModel(folder, { precision: 'float64', threads: 1 });
    losses.push((await evaluate(model, rows, { batchSize: 1 })).loss);
  });
  return losses[0]!;
}

const plain = { rope_type: 'default', rope_theta: 10000 };
const llama3 = {
  ...{ rope_type: 'llama3', rope_theta: 10000, factor: 2, low_freq_factor: 1, high_freq_factor: 4 },
  original_max_position_embeddings: 32,
};

// The losses that transformers 5.18 gives, in float32.
const expected: readonly { what: string; change: object; loss: number; architecture?: string }[] = [
  { what: 'rope_parameters alone', change: {}, loss: 5.829994535 },
  {
    what: 'rope_scaling before rope_parameters: yarn',
    change: { rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 } },
    loss: 5.863528344,
  },
  {
    what: 'rope_scaling before rope_parameters: linear, under its older name',
    change: { rope_scaling: { type: 'linear', factor: 4 } },
    loss: 5.843634328,
  },
  { what: 'an empty rope_scaling is none', change: { rope_scaling: {} }, loss: 5.829994535 },
  {
    what: 'rope_type before type, in a rope_scaling with a base of its own',
    change: { rope_parameters: plain, rope_scaling: { ...llama3, type: 'linear', rope_theta: 500 } },
    loss: 5.787133638,
  },
  {
    what: "a base in rope_parameters before the file's",
    change: { rope_parameters: { ...plain, rope_theta: 100 }, rope_theta: 1e6 },
    loss: 5.746165636,
  },
  {
    what: "Qwen's way to ask for yarn",
    change: {
      ...{ rope_parameters: undefined, rope_theta: 1e6 },
      rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 16 },
    },
    loss: 5.88636066,
  },
  {
    what: 'yarn with its bounds, not rounded, and its factor of attention',
    change: {
      rope_parameters: {
        ...{ rope_type: 'yarn', factor: 2, attention_factor: 0.7, beta_fast: 4, beta_slow: 0.5, truncate: false },
        original_max_position_embeddings: 20,
      },
    },
    loss: 5.83070611,
  },
  {
    what: 'yarn with weights of its factor of attention, over max_position_embeddings',
    change: { rope_parameters: { rope_type: 'yarn', factor: 2, mscale: 0.7, mscale_all_dim: 1 } },
    loss: 5.834032672,
  },
  {
    what: 'yarn whose factor is left to the positions',
    change: { rope_parameters: { rope_type: 'yarn', factor: null, original_max_position_embeddings: 16 } },
    loss: 5.863528344,
  },
  {
    what: "the file's original_max_position_embeddings before that of yarn",
    change: {
      original_max_position_embeddings: 12,
      rope_parameters: { rope_type: 'yarn', factor: 2, original_max_position_embeddings: 20 },
    },
    loss: 5.832069569,
  },
  {
    what: "the file's original_max_position_embeddings before that of llama3",
    change: { original_max_position_embeddings: 12, rope_parameters: llama3 },
    loss: 5.863815856,
  },
  {
    what: "in Gemma 3 rope_scaling's entries over those of full attention",
    change: {
      rope_parameters: { full_attention: { rope_type: 'linear', factor: 2 }, sliding_attention: null },
      ...{ rope_scaling: { factor: 8 }, rope_local_base_freq: 50, rope_theta: 100 },
    },
    loss: 6.207422938,
    architecture: 'gemma3_text',
  },
];

for (const { what, change, loss, architecture = 'llama' } of expected)
  test(`${what}, as transformers`, async () => {
    const got = await lossOf(architecture, change);
    assert.ok(Math.abs(got - loss) < 1e-5, `${got}, expected ${loss}`);
  });

test("in GPT-2 the names of other families come before its own, as in transformers' attribute_map", async () => {
  assert.ok(Math.abs((await lossOf('gpt2', {}, 30)) - 5.76421725) < 1e-5);
  assert.ok(Math.abs((await lossOf('gpt2', { num_hidden_layers: 1 }, 30)) - 6.092574015) < 1e-5);
});

const refused: readonly { change: object; message: RegExp; architecture?: string }[] = [
  { change: { rope_scaling: { type: 'dynamic', factor: 2 } }, message: /rope_scaling in .*or "yarn", got dynamic/ },
  {
    change: { rope_scaling: { factor: 2 } },
    message: /factor in rope_scaling in .*no such key for rope_type "default"/,
  },
  {
    change: { rope_parameters: { ...llama3, beta_fast: 3 } },
    message: /beta_fast in rope_parameters .*no such key for rope_type "llama3"/,
  },
  { change: { rope_parameters: { rope_type: 'yarn' } }, message: /factor in rope_parameters/ },
  { change: { is_causal: false }, message: /is_causal in .*expected true, got false/ },
  { change: { logit_scale: 0.5 }, message: /logit_scale in .*known here, got 0\.5; .*take it out of a copy/ },
  { change: { transformers_weights: 'other.safetensors' }, message: /transformers_weights in/ },
  { change: { auto_map: { AutoModelForCausalLM: 'modeling.Mine' } }, message: /auto_map in/ },
  { change: { rope_interleaved: true }, message: /rope_interleaved in .*expected false/ },
  { change: { attention_bias: true }, message: /attention_bias in .*expected false/, architecture: 'qwen2' },
  { change: { mlp_bias: true }, message: /mlp_bias in/, architecture: 'mistral' },
  { change: { layer_types: ['sliding_attention'] }, message: /layer_types in/, architecture: 'mistral' },
  { change: { rope_parameters: plain }, message: /rope_parameters in .*rope_theta/, architecture: 'gemma3_text' },
  {
    change: { rope_parameters: { full_attention: { rope_type: 'yarn', factor: 2, truncate: false } } },
    message: /truncate in full_attention in rope_parameters/,
    architecture: 'gemma3_text',
  },
  { change: { use_bidirectional_attention: true }, message: /use_bidirectional/, architecture: 'gemma3_text' },
  { change: { final_logit_softcapping: 30 }, message: /final_logit_softcapping/, architecture: 'gemma3_text' },
  { change: { add_cross_attention: true }, message: /add_cross_attention/, architecture: 'gpt2' },
  { change: { num_key_value_heads: 2 }, message: /num_key_value_heads/, architecture: 'gpt2' },
];

for (const { change, message, architecture = 'llama' } of refused)
  test(`${JSON.stringify(change)} in ${architecture} is refused by name`, () =>
    throwsClearly(() => lossOf(architecture, change), message));

test('fields that are off, of whatever name, and notes of programs change nothing', async () => {
  const off = { use_mrope: false, clip_qkv: null, some_list: [], quantization_config: null };
  const notes = { _name_or_path: 'x', _attn_implementation_autoset: true, unsloth_fixed: true, torch_dtype: 'float16' };
  const got = await lossOf('llama', { ...off, ...notes, attention_dropout: 0.1, pretraining_tp: 2, max_length: 5 });
  assert.ok(Math.abs(got - 5.829994535) < 1e-5);
});

test.run();
