import { z } from 'zod';
import { LambdamaxError } from '../../../errors.ts';
import { type ConfigFile, parseConfig } from '../../checkpoint/config.ts';
import type { Decoder, Family } from '../decoder.ts';
import { layerWindows, windowFields } from '../layerWindows.ts';
import { rotaryConfig, rotaryFields } from '../rotaryConfig.ts';
import { preNormBlock, preNorms, rotaryDecoder } from '../rotaryDecoder.ts';

const schema = z.looseObject({
  /** 1 for a layer with rotary embedding, 0 for one without. */
  no_rope_layers: z.array(z.union([z.literal(0), z.literal(1)])).nullish(),
  no_rope_layer_interval: z.int().min(1).default(4),
});

/**
 * A Llama some of whose layers have no rotary embedding. Yang et al. 2025, "RoPE to NoPE and Back Again", arXiv 2501.18795;
 * as transformers' SmolLM3ForCausalLM.
 */
export const smollm3: Family = {
  modelType: 'smollm3',
  className: 'SmolLM3ForCausalLM',
  fields: { used: [...rotaryFields, 'hidden_act', ...windowFields, ...Object.keys(schema.shape)] },
  decoder,
};

function decoder(file: ConfigFile): Decoder {
  const config = rotaryConfig(file, {
    ...{ modelType: 'smollm3', maxPositions: 32768, bosTokenId: 128_000, eosTokenId: 128_001 },
    ...{ theta: 2e6, keyValueHeads: 4, tieWordEmbeddings: true },
  });
  const turns = rotaryLayers(file, config.layers);
  const windows = layerWindows(file, config.layers, { isSliding: (layer) => !turns(layer), fallback: null });
  return rotaryDecoder(config, {
    blockNorms: preNorms(config),
    block: (x, block) =>
      preNormBlock(x, block, {
        rotary: turns(block.layer) ? config.rotary : null,
        window: windows[block.layer]!,
      }),
  });
}

/** Which layers have a rotary embedding: those the file lists, or all but every fourth. */
function rotaryLayers(file: ConfigFile, layers: number): (layer: number) => boolean {
  const { no_rope_layers: list, no_rope_layer_interval: interval } = parseConfig(file, schema);
  if (!list) return (layer) => (layer + 1) % interval !== 0;
  if (list.length < layers)
    throw new LambdamaxError({
      subject: `no_rope_layers in ${file.file}`,
      expected: `one for each of ${layers} layers`,
      got: `${list.length}`,
    });
  return (layer) => list[layer] === 1;
}
