import type { ConfigFile } from '../checkpoint/config.ts';
import type { Decoder, Family } from './decoder.ts';
import { layerWindows } from './layerWindows.ts';
import { rotaryConfig } from './rotaryConfig.ts';
import { preNormBlock, preNorms, rotaryDecoder } from './rotaryDecoder.ts';

/** A Llama with biases on its queries, keys and values. Yang et al. 2024, arXiv 2407.10671; as transformers' Qwen2ForCausalLM. */
export const qwen2: Family = { modelType: 'qwen2', className: 'Qwen2ForCausalLM', decoder };

function decoder(file: ConfigFile): Decoder {
  const defaults = { modelType: 'qwen2', maxPositions: 32768, bosTokenId: null, eosTokenId: null, keyValueHeads: 32 };
  // Its class has no `attention_bias` and no `mlp_bias`: whatever a file says there is not looked at.
  const biases = { attentionBias: 'queryKeyValue', feedForwardBias: false } as const;
  const config = { ...rotaryConfig(file, defaults), ...biases };
  const windows = layerWindows(file, config.layers);
  return rotaryDecoder(config, {
    blockNorms: preNorms(config),
    block: (x, block) => preNormBlock(x, block, { rotary: config.rotary, window: windows[block.layer]! }),
  });
}
