import { join } from 'node:path';
import type { ConfigFile } from '../../checkpoint/config.ts';
import { writeJson } from '../../checkpoint/files.ts';
import type { Decoder, Family } from '../decoder.ts';
import { type RotaryConfig, rotaryConfig, rotaryFields } from '../rotaryConfig.ts';
import { preNormBlock, preNorms, rotaryDecoder } from '../rotaryDecoder.ts';
import { rotaryFieldsFor } from '../rotaryFields.ts';

/** The numbers of a Llama, as transformers' LlamaConfig has them. */
export function llamaConfig(config: ConfigFile): RotaryConfig {
  return rotaryConfig(config, { modelType: 'llama', maxPositions: 2048, bosTokenId: 1, eosTokenId: 2 });
}

/** Pre-norm blocks of rotary grouped-query attention and SwiGLU. Touvron et al. 2023, arXiv 2302.13971. */
export function llamaDecoder(config: RotaryConfig): Decoder {
  return rotaryDecoder(config, {
    blockNorms: preNorms(config),
    block: (x, block) => preNormBlock(x, block, { rotary: config.rotary }),
  });
}

/** Agrees with transformers' LlamaForCausalLM, of Llama 3.1 and later too. */
export const llama: Family = {
  modelType: 'llama',
  className: 'LlamaForCausalLM',
  fields: { used: [...rotaryFields, 'hidden_act'], only: { rope_interleaved: [false] } },
  decoder: (config) => llamaDecoder(llamaConfig(config)),
};

/** Writes the `config.json` of a Llama such that transformers, old and new, loads the model. */
export async function writeLlamaConfig(directory: string, config: RotaryConfig): Promise<void> {
  await writeJson(join(directory, 'config.json'), {
    architectures: [llama.className],
    attention_bias: config.attentionBias === 'all',
    attention_dropout: 0,
    bos_token_id: config.bosTokenId,
    dtype: 'float32',
    eos_token_id: config.eosTokenId,
    head_dim: config.headSize,
    hidden_act: config.activation,
    hidden_size: config.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: config.maxPositions,
    mlp_bias: config.feedForwardBias,
    model_type: llama.modelType,
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.keyValueHeads,
    rms_norm_eps: config.rmsNormEps,
    ...rotaryFieldsFor(config.rotary),
    tie_word_embeddings: config.tieWordEmbeddings,
    use_cache: true,
    vocab_size: config.vocabSize,
  });
}
