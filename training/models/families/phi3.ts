import { z } from 'zod';
import { type ConfigFile, parseConfig, withValues } from '../../checkpoint/config.ts';
import type { Decoder, Family } from '../decoder.ts';
import { count, rotaryConfig, rotaryFields } from '../rotaryConfig.ts';
import { preNormBlock, preNorms, rotaryDecoder } from '../rotaryDecoder.ts';
import { rotaryEmbedding } from '../rotaryParameters.ts';

const schema = z.looseObject({
  hidden_size: count,
  num_attention_heads: count,
  head_dim: count.nullish(),
  max_position_embeddings: count.nullish(),
  original_max_position_embeddings: count.default(4096),
  partial_rotary_factor: z.number().positive().max(1).nullish(),
  rope_theta: z.number().positive().nullish(),
  sliding_window: count.nullish(),
});

const code = { AutoConfig: 'configuration_phi3.Phi3Config', AutoModelForCausalLM: 'modeling_phi3.Phi3ForCausalLM' };

/**
 * A Llama that computes queries, keys and values by one matrix, and gate and up projection by another, and that may turn a
 * share of each head. Abdin et al. 2024, arXiv 2404.14219; as transformers' Phi3ForCausalLM.
 */
export const phi3: Family = {
  modelType: 'phi3',
  className: 'Phi3ForCausalLM',
  fields: {
    used: [...rotaryFields, 'hidden_act', ...Object.keys(schema.shape)],
    only: {
      attention_bias: [false],
      mlp_bias: [false],
      // The code that lies beside these checkpoints is what transformers has under the same names.
      auto_map: [code, { ...code, AutoTokenizer: 'Xenova/gpt-4o' }],
      // Fields of Phi-4-mini, which this class does not look at.
      full_attn_mod: [1],
      interpolate_factor: [1],
    },
  },
  decoder,
};

function decoder(file: ConfigFile): Decoder {
  const raw = parseConfig(file, schema);
  const maxPositions = raw.max_position_embeddings ?? 4096;
  const rotary = rotaryEmbedding(withNewNames(file), {
    theta: raw.rope_theta ?? 10_000,
    maxPositions,
    originalMaxPositions: raw.original_max_position_embeddings,
    types: ['default', 'longrope'],
    partial: {
      factor: raw.partial_rotary_factor ?? 1,
      headSize: raw.head_dim ?? Math.floor(raw.hidden_size / raw.num_attention_heads),
    },
  });
  const config = rotaryConfig(file, {
    ...{ modelType: 'phi3', maxPositions, bosTokenId: 1, eosTokenId: 32_000, rmsNormEps: 1e-5, rotary },
  });
  return rotaryDecoder(config, {
    attention: { qkv_proj: ['q', 'k', 'v'] },
    feedForward: { gate_up_proj: ['gate', 'up'] },
    blockNorms: preNorms(config),
    block: (x, block) => preNormBlock(x, block, { rotary, window: raw.sliding_window ?? null }),
  });
}

/** `su` and `yarn`, as the first of these models called LongRoPE, by the name that it has now. */
function withNewNames(file: ConfigFile): ConfigFile {
  const renamed = ['rope_scaling', 'rope_parameters'].flatMap((key) => {
    const rope = file.values[key] as ConfigFile['values'] | null | undefined;
    const type = rope?.rope_type ?? rope?.type;
    return type === 'su' || type === 'yarn' ? [[key, { ...rope, rope_type: 'longrope' }]] : [];
  });
  return withValues(file, Object.fromEntries(renamed));
}
