import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dropoutOf } from '../../../training/models/configFields.ts';
import { decoderOf } from '../../../training/models/index.ts';
import { hubConfigs } from '../../cases/hubConfigs.ts';
import { throwsClearly } from '../../oracles/throws.ts';

/** Parameters in millions, tied matrices counted once, as the models' cards give them. */
const millions: Readonly<Record<string, number>> = {
  'meta-llama/Llama-3.2-1B': 1236,
  'unsloth/Llama-3.2-1B-Instruct': 1236,
  'meta-llama/Llama-2-7b-hf': 6738,
  'TinyLlama/TinyLlama-1.1B-Chat-v1.0': 1100,
  'HuggingFaceTB/SmolLM2-135M-Instruct': 135,
  'Qwen/Qwen2.5-0.5B-Instruct': 494,
  'deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B': 1777,
  'Qwen/Qwen3-0.6B': 596,
  'google/gemma-3-1b-it': 1000,
  'google/gemma-3-270m': 268,
  'mistralai/Mistral-7B-v0.1': 7242,
  'microsoft/Phi-3-mini-4k-instruct': 3821,
  'microsoft/phi-4': 14660,
  'allenai/OLMo-2-0425-1B': 1485,
  'HuggingFaceTB/SmolLM3-3B': 3075,
  'openai-community/gpt2': 124,
  'distilbert/distilgpt2': 82,
};

for (const [name, values] of Object.entries(hubConfigs))
  test(`the config.json of ${name} is read, and says how large the model is`, () => {
    const { weights } = decoderOf({ file: 'config.json', values });
    const size = weights.reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
    assert.is(Math.round(size / 1e6), millions[name]);
  });

for (const [name, values] of Object.entries(hubConfigs))
  test(`a field that nobody knows in the config.json of ${name} is named`, () =>
    throwsClearly(
      () => Promise.resolve(decoderOf({ file: 'config.json', values: { ...values, depth_multiplier: 2 } })),
      /^depth_multiplier in config\.json: .*known here, got 2/,
    ));

test('dropout that a config asks for is found', () => {
  const values = hubConfigs['openai-community/gpt2']!;
  assert.equal(dropoutOf({ file: '', values }), { attn_pdrop: 0.1, embd_pdrop: 0.1, resid_pdrop: 0.1 });
  assert.equal(dropoutOf({ file: '', values: hubConfigs['Qwen/Qwen3-0.6B']! }), {});
});

test.run();
