import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAdapter } from '../../../training/adapters/create.ts';
import { writeSafetensors } from '../../../training/checkpoint/safetensors.ts';
import { evaluate } from '../../../training/evaluate.ts';
import { loadModel } from '../../../training/model.ts';
import { decoderOf } from '../../../training/models/index.ts';
import { rotaryEmbedding } from '../../../training/models/rotaryParameters.ts';
import { referenceFile, referenceJson, referenceModel, referenceRows } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { relativeError } from '../../oracles/relativeError.ts';
import { storedTensors } from '../../oracles/storedTensors.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const config = referenceJson<Readonly<Record<string, object>>>('models/phi3/config.json');

/** The decoder of the reference's config with other values. */
const changed = (change: object) => decoderOf({ file: 'config.json', values: { ...config, ...change } });

const parts = { qkv_proj: ['q_proj', 'k_proj', 'v_proj'], gate_up_proj: ['gate_proj', 'up_proj'] };

/** A Llama's weights with the matrices that Phi-3 fuses one above another. */
function fused(weights: ReturnType<typeof storedTensors>) {
  const tensors = new Map([...weights].map(([name, { shape, values }]) => [name, { shape, values }]));
  for (const name of weights.keys())
    for (const [whole, names] of Object.entries(parts)) {
      if (!name.endsWith(`.${names[0]}.weight`)) continue;
      const own = names.map((part) => name.replace(names[0]!, part));
      const stacked = own.map((part) => weights.get(part)!);
      for (const part of own) tensors.delete(part);
      tensors.set(name.replace(names[0]!, whole), {
        shape: [stacked.reduce((sum, { shape }) => sum + shape[0]!, 0), stacked[0]!.shape[1]!],
        values: Float64Array.from(stacked.flatMap(({ values }) => Array.from(values))),
      });
    }
  return tensors;
}

test('a Llama with its matrices fused is the same function', () =>
  inTemporaryFolder(async (folder) => {
    const {
      head_dim: _,
      rope_parameters: __,
      ...llama
    } = referenceJson<Record<string, unknown>>('models/llama/config.json');
    const values = { ...llama, model_type: 'phi3', architectures: ['Phi3ForCausalLM'], rope_theta: 1e4 };
    await writeFile(join(folder, 'config.json'), JSON.stringify(values));
    await writeSafetensors(
      join(folder, 'model.safetensors'),
      fused(storedTensors(referenceFile('models/llama/model.safetensors'))),
    );
    await using model = await loadModel(folder, { precision: 'float64' });
    await using separate = await referenceModel('llama', 'float64');
    const rows = referenceRows('llama');
    const [one, other] = [await evaluate(model, rows), await evaluate(separate, rows)];
    assert.ok(relativeError(one.rowLosses, other.rowLosses) < 1e-14, `${one.rowLosses}, expected ${other.rowLosses}`);
  }));

test("an adapter of all linear layers has PEFT's modules, one for each fused matrix", async () => {
  await using model = await referenceModel('phi3', 'float32');
  const { layout } = await createAdapter(model, { method: 'lora', rank: 2 });
  const shapes = [...layout.modules].slice(0, 4).map(([name, { shape }]) => [name, shape.out, shape.in]);
  assert.equal(shapes, [
    ['model.layers.0.self_attn.qkv_proj', 32 + 2 * 16, 32],
    ['model.layers.0.self_attn.o_proj', 32, 32],
    ['model.layers.0.mlp.gate_up_proj', 2 * 40, 32],
    ['model.layers.0.mlp.down_proj', 32, 40],
  ]);
});

test('LongRoPE by its older names, and as transformers fills it in', () => {
  const { rope_parameters: rope } = config;
  const surroundings = {
    ...{ theta: 1e4, maxPositions: 128, originalMaxPositions: 64 },
    ...{ types: ['longrope'] as const, partial: { factor: 1, headSize: 8 } },
  };
  const read = (change: object) =>
    rotaryEmbedding({ file: '', values: { rope_parameters: { ...rope, ...change } } }, surroundings);
  const attentionFactor = Math.sqrt(1 + Math.log(2) / Math.log(64));
  const scaling = {
    type: 'longrope',
    factor: 2,
    originalMaxPositions: 64,
    shortFactors: [1, 1.25, 1.5],
    attentionFactor,
  };
  assert.equal(read({}), { theta: 1e4, scaling, partialFactor: 0.75 });
  assert.equal(read({ attention_factor: 3 }).scaling, { ...scaling, attentionFactor: 3 });
  assert.equal(read({ factor: 1 }).scaling, { ...scaling, factor: 1, attentionFactor: 1 });
  for (const type of ['su', 'yarn']) {
    const { rope_type: _, ...older } = rope as Record<string, unknown>;
    changed({ rope_parameters: undefined, rope_scaling: { ...older, type } });
  }
});

const refused: readonly (readonly [object, RegExp])[] = [
  [{ rope_parameters: { rope_type: 'linear', factor: 2 } }, /rope_type "default" or "longrope", got linear/],
  [{ rope_parameters: { ...config.rope_parameters, short_factor: [1, 2] } }, /short_factor.*each of 3 pairs.*got 2/],
  [{ rope_parameters: { ...config.rope_parameters, long_factor: [1] } }, /long_factor.*each of 3 pairs.*got 1/],
  [{ rope_parameters: { ...config.rope_parameters, long_factor: undefined } }, /long_factor.*got none/],
  [{ rope_parameters: { ...config.rope_parameters, short_mscale: 1.1 } }, /short_mscale.*no such key/],
  [{ rope_parameters: {}, partial_rotary_factor: 1.5 }, /partial_rotary_factor in config\.json.*got 1\.5/],
  [{ rope_parameters: {}, partial_rotary_factor: 0.1 }, /partial_rotary_factor.*some of 8 entries.*got 0\.1/],
  [{ auto_map: { AutoModelForCausalLM: 'mine.Phi' } }, /auto_map in config\.json/],
  [{ attention_bias: true }, /attention_bias in config\.json/],
  [{ interpolate_factor: 2 }, /interpolate_factor in config\.json/],
];

for (const [change, message] of refused)
  test(`a config with ${JSON.stringify(change)} is refused`, () => throwsClearly(() => changed(change), message));

test('rows for which transformers takes other factors are refused', async () => {
  await using model = await referenceModel('phi3', 'float32');
  const inputIds = Int32Array.from({ length: 65 }, (_, position) => position % 61);
  const evaluated = (length: number) => {
    const row = { inputIds: inputIds.slice(0, length), labels: inputIds.slice(0, length) };
    return evaluate(model, [row], { batchSize: 1 });
  };
  assert.ok((await evaluated(64)).loss > 0);
  await throwsClearly(() => evaluated(65), /longrope: .*at most 64 positions.*`maxLength`/);
});

test.run();
