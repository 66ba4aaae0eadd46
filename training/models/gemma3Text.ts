import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { constant, type TensorSpec } from '../../compute/index.ts';
import { type ConfigFile, parseConfig, requireValues } from '../checkpoint/config.ts';
import type { Decoder, Family } from './decoder.ts';
import { rmsNorm } from './layers.ts';
import { layerTypes, windowsOf } from './layerWindows.ts';
import type { RotaryEmbedding } from './rotary.ts';
import { count, type RotaryConfig, rotaryConfig, rotaryEmbedding } from './rotaryConfig.ts';
import { headNorms, normHeads, rotaryDecoder } from './rotaryDecoder.ts';

/**
 * Norms before and behind every layer, queries and keys normalised, and five layers with a sliding window and a rotary
 * base of their own to each that sees all. Gemma team 2025, arXiv 2503.19786; as transformers' Gemma3ForCausalLM.
 */
export const gemma3Text: Family = { modelType: 'gemma3_text', className: 'Gemma3ForCausalLM', decoder };

const schema = z.looseObject({
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: count.nullable().default(4096),
  layer_types: layerTypes,
  sliding_window_pattern: z.int().min(1).nullish(),
  rope_local_base_freq: z.number().positive().default(10_000),
  rope_parameters: z
    .looseObject({ full_attention: z.looseObject({}).nullish(), sliding_attention: z.looseObject({}).nullish() })
    .nullish(),
});

function decoder(file: ConfigFile): Decoder {
  const never = { attn_logit_softcapping: [], final_logit_softcapping: [], use_bidirectional_attention: [false] };
  requireValues(file, never);
  const config = {
    ...rotaryConfig(file, {
      ...{ modelType: 'gemma3_text', maxPositions: 131_072, bosTokenId: 2, eosTokenId: 1, tieWordEmbeddings: true },
      ...{ keyValueHeads: 4, headSize: 256, theta: 1e6, activation: 'gelu_pytorch_tanh' },
      activationKey: 'hidden_activation',
    }),
    feedForwardBias: false,
  };
  const raw = parseConfig(file, schema);
  const pattern = raw.sliding_window_pattern ?? 6;
  const types =
    raw.layer_types ??
    Array.from({ length: config.layers }, (_, layer) =>
      (layer + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention',
    );
  const windows = windowsOf(file, types, config.layers, raw.sliding_window);
  const embeddings = rotaryEmbeddings(file, config, raw.rope_local_base_freq);
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
 * The rotary embeddings by type of layer. transformers from version 5 on keeps them apart in `rope_parameters`; before, the
 * ordinary keys were those of layers that see all, and `rope_local_base_freq` that of the others.
 */
function rotaryEmbeddings(
  file: ConfigFile,
  { rotary, maxPositions }: RotaryConfig,
  localTheta: number,
): Record<'full_attention' | 'sliding_attention', RotaryEmbedding> {
  const parameters = file.values.rope_parameters as ConfigFile['values'] | null | undefined;
  const nested = parameters && ('full_attention' in parameters || 'sliding_attention' in parameters);
  if (!nested) return { full_attention: rotary, sliding_attention: { theta: localTheta, scaling: null } };
  const own = { file: `rope_parameters in ${file.file}`, values: parameters };
  return {
    full_attention: rotaryEmbedding(own, 'full_attention', { theta: rotary.theta, maxPositions }),
    sliding_attention: rotaryEmbedding(own, 'sliding_attention', { theta: localTheta, maxPositions }),
  };
}
