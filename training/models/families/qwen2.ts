import type { ConfigFile } from '../../checkpoint/config.ts';
import type { Decoder, Family } from '../decoder.ts';
import { layerWindows, windowFields } from '../layerWindows.ts';
import { rotaryConfig, rotaryFields } from '../rotaryConfig.ts';
import { preNormBlock, preNorms, rotaryDecoder } from '../rotaryDecoder.ts';

/** A Llama with biases on its queries, keys and values. Yang et al. 2024, arXiv 2407.10671; as transformers' Qwen2ForCausalLM. */
export const qwen2: Family = {
  modelType: 'qwen2',
  className: 'Qwen2ForCausalLM',
  // Its class has biases where it has them, and fields for none.
  fields: {
    used: [...rotaryFields, 'hidden_act', ...windowFields],
    only: { attention_bias: [false], mlp_bias: [false] },
  },
  decoder,
};

function decoder(file: ConfigFile): Decoder {
  const defaults = { modelType: 'qwen2', maxPositions: 32768, bosTokenId: null, eosTokenId: null, keyValueHeads: 32 };
  const config = { ...rotaryConfig(file, defaults), attentionBias: 'queryKeyValue' } as const;
  const windows = layerWindows(file, config.layers);
  return rotaryDecoder(config, {
    blockNorms: preNorms(config),
    block: (x, block) => preNormBlock(x, block, { rotary: config.rotary, window: windows[block.layer]! }),
  });
}
