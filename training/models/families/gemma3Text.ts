import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { constant, type TensorSpec } from '../../../compute/index.ts';
import { type ConfigFile, parseConfig, requireValues } from '../../checkpoint/config.ts';
import type { Decoder, Family } from '../decoder.ts';
import { rmsNorm } from '../layers.ts';
import { layerTypes, windowsOf } from '../layerWindows.ts';
import type { RotaryEmbedding } from '../rotary.ts';
import { count, type RotaryConfig, rotaryConfig, rotaryFields } from '../rotaryConfig.ts';
import { headNorms, normHeads, rotaryDecoder } from '../rotaryDecoder.ts';
import { rotaryParameters } from '../rotaryParameters.ts';

const schema = z.looseObject({
  max_position_embeddings: count.nullish(),
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: count.nullable().default(4096),
  layer_types: layerTypes,
  sliding_window_pattern: z.int().min(1).nullish(),
  rope_theta: z.number().positive().nullish(),
  rope_local_base_freq: z.number().positive().default(10_000),
  rope_parameters: z
    .strictObject({ full_attention: z.looseObject({}).nullish(), sliding_attention: z.looseObject({}).nullish() })
    .nullish(),
});

const maxPositions = 131_072;

/**
 * Norms before and behind every layer, queries and keys normalised, and five layers with a sliding window and a rotary
 * base of their own to each that sees all. Gemma team 2025, arXiv 2503.19786; as transformers' Gemma3ForCausalLM.
 */
export const gemma3Text: Family = {
  modelType: 'gemma3_text',
  className: 'Gemma3ForCausalLM',
  fields: {
    used: [...rotaryFields, 'hidden_activation', ...Object.keys(schema.shape)],
    only: {
      attn_logit_softcapping: [],
      final_logit_softcapping: [],
      // The name of the activation's field in Gemma 1 and 2, which this class does not look at.
      hidden_act: ['gelu_pytorch_tanh'],
      mlp_bias: [false],
      original_max_position_embeddings: [],
      use_bidirectional_attention: [false],
    },
  },
  decoder,
};

function decoder(file: ConfigFile): Decoder {
  const raw = parseConfig(file, schema);
  const embeddings = rotaryEmbeddings(file, raw);
  const config = rotaryConfig(file, {
    ...{ modelType: 'gemma3_text', maxPositions, bosTokenId: 2, eosTokenId: 1, tieWordEmbeddings: true },
    ...{ keyValueHeads: 4, headSize: 256, activation: 'gelu_pytorch_tanh', activationKey: 'hidden_activation' },
    rotary: embeddings.full_attention,
  });
  const pattern = raw.sliding_window_pattern ?? 6;
  const types =
    raw.layer_types ??
    Array.from({ length: config.layers }, (_, layer) =>
      (layer + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention',
    );
  const windows = windowsOf(file, types, config.layers, raw.sliding_window);
  const scale = 1 / Math.sqrt(raw.query_pre_attn_scalar);
  return rotaryDecoder(config, {
    blockNorms: [...blockNorms(config), ...headNorms(config)],
    norm: offsetRmsNorm,
    scaleEmbedding: (x) => tf.mul(x, constant(Math.sqrt(config.hiddenSize))),
    block: (x, block) => {
      const { norm, selfAttention, feedForward, layer } = block;
      const mixed = selfAttention(norm(x, 'input_layernorm'), {
        rotary: embeddings[types[layer]!],
        window: windows[layer]!,
        scale,
        normalise: (projected, name) => normHeads(projected, block, name, config.headSize),
      });
      const y = tf.add(x, norm(mixed, 'post_attention_layernorm')) as tf.Tensor2D;
      const changed = feedForward(norm(y, 'pre_feedforward_layernorm'));
      return tf.add(y, norm(changed, 'post_feedforward_layernorm'));
    },
  });
}

/** RMS norm with factors that are stored less 1. */
const offsetRmsNorm: typeof rmsNorm = (x, weight, eps) => rmsNorm(x, tf.add(weight, 1), eps);

function blockNorms({ hiddenSize }: RotaryConfig): TensorSpec[] {
  return ['input_layernorm', 'post_attention_layernorm', 'pre_feedforward_layernorm', 'post_feedforward_layernorm'].map(
    (name) => ({ name, shape: [hiddenSize] }),
  );
}

/**
 * The rotary embeddings by type of layer, in transformers' order: those that `rope_parameters` keeps apart, that of layers which
 * see all with the entries of `rope_scaling` over its own; bases that they do not name are `rope_theta` and
 * `rope_local_base_freq`.
 */
function rotaryEmbeddings(
  { file, values }: ConfigFile,
  raw: z.infer<typeof schema>,
): Record<'full_attention' | 'sliding_attention', RotaryEmbedding> {
  const scaling = (values.rope_scaling ?? {}) as ConfigFile['values'];
  const read = (type: 'full_attention' | 'sliding_attention', theta: number, over: ConfigFile['values']) => {
    const source = Object.keys(over).length > 0 ? 'rope_scaling' : `${type} in rope_parameters`;
    const own = { ...(raw.rope_parameters?.[type] ?? { rope_type: 'default' }), ...over };
    // In this class `truncate` is looked for where no file can have it.
    requireValues({ file: `${source} in ${file}`, values: own }, { truncate: [true] });
    const places = { maxPositions: raw.max_position_embeddings ?? maxPositions, originalMaxPositions: null };
    return rotaryParameters({ file: `${source} in ${file}`, values: own }, { theta, ...places });
  };
  return {
    full_attention: read('full_attention', raw.rope_theta ?? 1e6, scaling),
    sliding_attention: read('sliding_attention', raw.rope_local_base_freq, {}),
  };
}
