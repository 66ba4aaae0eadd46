import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfigFile } from '../../../training/checkpoint/config.ts';
import { llamaConfig, writeLlamaConfig } from '../../../training/models/families/llama.ts';
import { readDecoder } from '../../../training/models/index.ts';
import type { RotaryConfig } from '../../../training/models/rotaryConfig.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const llama = JSON.parse(await readFile('fixtures/reference/models/llama/config.json', 'utf8'));

/** The config of a folder with a Llama, by the way every model is loaded. */
async function readConfig(folder: string): Promise<RotaryConfig> {
  await readDecoder(folder);
  return llamaConfig(await readConfigFile(folder));
}

/** The config that is read when the reference's is changed; keys set to undefined are left out. */
async function readChanged(change: object): Promise<RotaryConfig> {
  const read: RotaryConfig[] = [];
  await inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...llama, ...change }));
    read.push(await readConfig(folder));
  });
  return read[0]!;
}

test("transformers' config is read", async () => {
  assert.equal(await readConfig('fixtures/reference/models/llama'), {
    modelType: 'llama',
    vocabSize: 97,
    hiddenSize: 32,
    intermediateSize: 48,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    headSize: 8,
    rmsNormEps: 1e-6,
    activation: 'silu',
    rotary: { theta: 10000, scaling: null },
    attentionBias: 'none',
    feedForwardBias: false,
    tieWordEmbeddings: false,
    maxPositions: 64,
    bosTokenId: 1,
    eosTokenId: 2,
  });
  const tied = await readConfig('fixtures/reference/models/llama-tied');
  assert.equal([tied.tieWordEmbeddings, tied.rotary.theta, tied.keyValueHeads], [true, 50000, 4]);
});

test('a written config is read as it was, and says all that the reference says about the model', () =>
  inTemporaryFolder(async (folder) => {
    const config = await readConfig('fixtures/reference/models/llama');
    await writeLlamaConfig(folder, config);
    assert.equal(await readConfig(folder), config);
    const written = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    const { transformers_version: _, pad_token_id: __, pretraining_tp: ___, ...said } = llama;
    for (const [key, value] of Object.entries(said)) assert.equal(written[key], value, key);
  }));

test('the rotary base is found in old and new configs', async () => {
  const none = { rope_parameters: undefined };
  assert.is((await readChanged({ ...none, rope_theta: 500000 })).rotary.theta, 500000);
  assert.is((await readChanged({ ...none, rope_theta: 500000, rope_scaling: null })).rotary.theta, 500000);
  assert.is((await readChanged({ ...none, rope_theta: 7, rope_scaling: { type: 'default' } })).rotary.theta, 7);
  assert.is((await readChanged({ rope_parameters: { rope_theta: 9 } })).rotary.theta, 9);
  assert.is((await readChanged(none)).rotary.theta, 10000);
});

test('missing keys have the defaults of transformers', async () => {
  const config = await readChanged({
    num_key_value_heads: undefined,
    head_dim: undefined,
    tie_word_embeddings: undefined,
    rms_norm_eps: undefined,
    max_position_embeddings: undefined,
    bos_token_id: undefined,
    eos_token_id: undefined,
    hidden_act: undefined,
    attention_bias: undefined,
    mlp_bias: undefined,
  });
  assert.equal([config.keyValueHeads, config.headSize, config.tieWordEmbeddings], [4, 8, false]);
  assert.equal([config.rmsNormEps, config.maxPositions, config.bosTokenId, config.eosTokenId], [1e-6, 2048, 1, 2]);
});

test('a head size of its own, several ends of text, and none', async () => {
  assert.is((await readChanged({ head_dim: 12 })).headSize, 12);
  assert.is((await readChanged({ eos_token_id: [5, 6] })).eosTokenId, 5);
  assert.is((await readChanged({ eos_token_id: null, bos_token_id: null })).eosTokenId, null);
});

const refused: readonly { change: object; message: RegExp }[] = [
  {
    change: { model_type: 'falcon', architectures: ['FalconForCausalLM'] },
    message: /known model_type: .*llama \(LlamaForCausalLM\), .*qwen3.*got falcon/,
  },
  { change: { model_type: 'toString' }, message: /known model_type/ },
  { change: { model_type: undefined, architectures: undefined }, message: /known model_type.*got none/ },
  {
    change: { architectures: ['LlamaForSequenceClassification'] },
    message: /LlamaForCausalLM.*SequenceClassification/,
  },
  {
    change: { rope_parameters: { rope_theta: 5e5, rope_type: 'llama3', factor: 8 } },
    message: /low_freq_factor in rope_parameters in/,
  },
  {
    change: { rope_parameters: { rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 4 } },
    message: /high_freq_factor in rope_parameters.*more than low_freq_factor, 4/,
  },
  {
    change: { rope_parameters: { rope_type: 'longrope', factor: 2 } },
    message: /"default", "linear", "llama3" or "yarn", got longrope/,
  },
  { change: { rope_parameters: { partial_rotary_factor: 0.5 } }, message: /partial_rotary_factor in rope_parameters/ },
  { change: { rope_parameters: { rope_type: 'linear', factor: 0 } }, message: /factor in rope_parameters.*got 0/ },
  { change: { attention_bias: 'yes' }, message: /attention_bias .*got yes/ },
  { change: { mlp_bias: 1 }, message: /mlp_bias .*got 1/ },
  { change: { hidden_act: 'mish' }, message: /hidden_act.*"silu" or "swish" or "gelu".*got mish/ },
  { change: { num_hidden_layers: 2e9 }, message: /num_hidden_layers.*got 2000000000/ },
  { change: { quantization_config: { bits: 4 } }, message: /quantization_config/ },
  { change: { hidden_size: undefined }, message: /hidden_size in .*config\.json.*got none/ },
  { change: { hidden_size: '32' }, message: /hidden_size.*got 32/ },
  { change: { vocab_size: 0 }, message: /vocab_size.*got 0/ },
  { change: { num_hidden_layers: 1.5 }, message: /num_hidden_layers.*got 1\.5/ },
  { change: { rms_norm_eps: -1 }, message: /rms_norm_eps.*got -1/ },
  { change: { rope_parameters: { rope_theta: 0 } }, message: /rope_theta in rope_parameters.*got 0/ },
  { change: { num_key_value_heads: 3 }, message: /multiple of num_key_value_heads, got 4 and 3/ },
  { change: { head_dim: undefined, hidden_size: 30 }, message: /multiple of num_attention_heads, got 30 and 4/ },
  { change: { head_dim: 7 }, message: /even head_dim, got 7/ },
];

for (const { change, message } of refused) {
  test(`a config with ${JSON.stringify(change)} is refused`, () =>
    throwsClearly(() => readChanged(change), /config\.json/, message));
}

test('a missing config, one that is no object and one that is no JSON are named', () =>
  inTemporaryFolder(async (folder) => {
    await throwsClearly(() => readConfig(folder), /config\.json.*no such file/);
    await writeFile(join(folder, 'config.json'), '[1]');
    await throwsClearly(() => readConfig(folder), /config\.json.*JSON object/);
    await writeFile(join(folder, 'config.json'), '{"model_type": "llama", ');
    await throwsClearly(() => readConfig(folder), /config\.json.*valid JSON/);
  }));

test.run();
