import { z } from 'zod';
import { type ConfigFile, parseConfig } from '../../checkpoint/config.ts';
import type { Decoder, Family } from '../decoder.ts';
import { count, rotaryConfig, rotaryFields } from '../rotaryConfig.ts';
import { preNormBlock, preNorms, rotaryDecoder } from '../rotaryDecoder.ts';

/** A Llama whose tokens see a window only. Jiang et al. 2023, arXiv 2310.06825; as transformers' MistralForCausalLM. */
export const mistral: Family = {
  modelType: 'mistral',
  className: 'MistralForCausalLM',
  // Its class knows no biases.
  fields: {
    used: [...rotaryFields, 'hidden_act', 'sliding_window'],
    only: { attention_bias: [false], mlp_bias: [false] },
  },
  decoder,
};

const schema = z.looseObject({ sliding_window: count.nullable().default(4096) });

function decoder(file: ConfigFile): Decoder {
  const defaults = { modelType: 'mistral', maxPositions: 131_072, bosTokenId: 1, eosTokenId: 2, keyValueHeads: 8 };
  const config = rotaryConfig(file, defaults);
  const { sliding_window: window } = parseConfig(file, schema);
  return rotaryDecoder(config, {
    blockNorms: preNorms(config),
    block: (x, block) => preNormBlock(x, block, { rotary: config.rotary, window }),
  });
}
