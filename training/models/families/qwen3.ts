import type { ConfigFile } from '../../checkpoint/config.ts';
import type { Decoder, Family } from '../decoder.ts';
import { layerWindows, windowFields } from '../layerWindows.ts';
import { rotaryConfig, rotaryFields } from '../rotaryConfig.ts';
import { headNorms, normHeads, preNormBlock, preNorms, rotaryDecoder } from '../rotaryDecoder.ts';

/** A Llama that normalises its queries and keys. Yang et al. 2025, arXiv 2505.09388; as transformers' Qwen3ForCausalLM. */
export const qwen3: Family = {
  modelType: 'qwen3',
  className: 'Qwen3ForCausalLM',
  fields: { used: [...rotaryFields, 'hidden_act', ...windowFields], only: { mlp_bias: [false] } },
  decoder,
};

function decoder(file: ConfigFile): Decoder {
  const config = rotaryConfig(file, {
    ...{ modelType: 'qwen3', maxPositions: 32768, bosTokenId: null, eosTokenId: null },
    ...{ keyValueHeads: 32, headSize: 128 },
  });
  const windows = layerWindows(file, config.layers);
  return rotaryDecoder(config, {
    blockNorms: [...preNorms(config), ...headNorms(config)],
    block: (x, block) =>
      preNormBlock(x, block, {
        rotary: config.rotary,
        window: windows[block.layer]!,
        normalise: (projected, name) => normHeads(projected, block, name, config.headSize),
      }),
  });
}
