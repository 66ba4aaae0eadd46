import * as tf from '@tensorflow/tfjs';
import type { ConfigFile } from '../../checkpoint/config.ts';
import type { Decoder, Family } from '../decoder.ts';
import { rotaryConfig, rotaryFields } from '../rotaryConfig.ts';
import { rotaryDecoder } from '../rotaryDecoder.ts';

/**
 * A Llama whose norms stand behind its layers, and which normalises queries and keys over all heads at once. OLMo team
 * 2024, arXiv 2501.00656; as transformers' Olmo2ForCausalLM.
 */
export const olmo2: Family = {
  modelType: 'olmo2',
  className: 'Olmo2ForCausalLM',
  fields: { used: [...rotaryFields, 'hidden_act'], only: { mlp_bias: [false] } },
  decoder,
};

function decoder(file: ConfigFile): Decoder {
  const defaults = { modelType: 'olmo2', maxPositions: 2048, bosTokenId: null, eosTokenId: 50_279, rmsNormEps: 1e-5 };
  const config = rotaryConfig(file, defaults);
  const { hiddenSize, heads, keyValueHeads, headSize, rotary } = config;
  return rotaryDecoder(config, {
    blockNorms: [
      { name: 'post_attention_layernorm', shape: [hiddenSize] },
      { name: 'post_feedforward_layernorm', shape: [hiddenSize] },
      { name: 'self_attn.q_norm', shape: [heads * headSize] },
      { name: 'self_attn.k_norm', shape: [keyValueHeads * headSize] },
    ],
    block: (x, { norm, selfAttention, feedForward }) => {
      const y = tf.add(
        x,
        norm(selfAttention(x, { rotary, normalise: norm }), 'post_attention_layernorm'),
      ) as tf.Tensor2D;
      return tf.add(y, norm(feedForward(y), 'post_feedforward_layernorm'));
    },
  });
}
