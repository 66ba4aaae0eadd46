import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { type ConfigFile, parseConfig, requireValues } from '../checkpoint/config.ts';
import type { DecoderConfig } from './decoder.ts';
import { type ActivationName, activationNames } from './layers.ts';
import type { RotaryEmbedding } from './rotary.ts';
import { rotaryEmbedding } from './rotaryParameters.ts';

/** The numbers of a decoder with rotary embeddings, RMS norms and a gated feed-forward layer. */
export interface RotaryConfig extends DecoderConfig {
  /** The width of the feed-forward layer. */
  readonly intermediateSize: number;
  /** A multiple of `keyValueHeads`: each key and value head serves heads / keyValueHeads query heads. */
  readonly heads: number;
  readonly rmsNormEps: number;
  readonly activation: ActivationName;
  readonly rotary: RotaryEmbedding;
  /** Which projections of the attention have a bias. */
  readonly attentionBias: 'none' | 'queryKeyValue' | 'all';
  /** Whether the linear layers of the feed-forward layer have a bias. */
  readonly feedForwardBias: boolean;
}

/** What a family's class in transformers fills in for keys that are absent. */
export interface RotaryDefaults {
  readonly modelType: string;
  readonly maxPositions: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  /** Default 10000. */
  readonly theta?: number;
  /** Default 1e-6. */
  readonly rmsNormEps?: number;
  /** Default false. */
  readonly tieWordEmbeddings?: boolean;
  /** Default: as many as query heads. */
  readonly keyValueHeads?: number;
  /** Default: hidden size / heads. */
  readonly headSize?: number;
  /** Default silu. */
  readonly activation?: ActivationName;
  /** Default: the one that the file describes. */
  readonly rotary?: RotaryEmbedding;
  /** The key of the activation; default `hidden_act`. */
  readonly activationKey?: string;
}

/** A size of something in memory. */
export const count = z
  .int()
  .min(1)
  .max(2 ** 31);

/** A list of weights is made of it: the largest released models have a few hundred layers. */
export const layerCount = z.int().min(1).max(10_000);

/** A token's number. */
export const tokenId = z.int().min(0).nullish();

/** The token that ends a text, or several. */
export const endTokens = z.union([tokenId, z.array(z.int().min(0)).min(1)]);

const rope = z.looseObject({}).nullish();

// Sizes must be given: a file without them is a broken one, whatever transformers fills in.
const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: layerCount,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  rms_norm_eps: z.number().positive().nullish(),
  rope_theta: z.number().positive().nullish(),
  rope_parameters: rope,
  rope_scaling: rope,
  original_max_position_embeddings: count.nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  max_position_embeddings: count.nullish(),
  bos_token_id: tokenId,
  eos_token_id: endTokens,
});

/** The fields that `rotaryConfig` reads, beside that of the activation. */
export const rotaryFields = Object.keys(schema.shape);

/**
 * The keys that the families with rotary embeddings share. `attention_bias` and `mlp_bias` are read for all of them; a
 * family whose class has no such key refuses them. Throws a LambdamaxError that names the file and the key.
 */
export function rotaryConfig(config: ConfigFile, defaults: RotaryDefaults): RotaryConfig {
  const { activationKey = 'hidden_act', modelType } = defaults;
  requireValues(config, { [activationKey]: activationNames });
  const raw = parseConfig(config, schema);
  const maxPositions = raw.max_position_embeddings ?? defaults.maxPositions;
  const ends = raw.eos_token_id === undefined ? defaults.eosTokenId : raw.eos_token_id;
  return {
    modelType,
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    ...headSizes(config, raw, defaults),
    rmsNormEps: raw.rms_norm_eps ?? defaults.rmsNormEps ?? 1e-6,
    activation: (config.values[activationKey] as ActivationName | null | undefined) ?? defaults.activation ?? 'silu',
    rotary:
      defaults.rotary ??
      rotaryEmbedding(config, {
        theta: raw.rope_theta ?? defaults.theta ?? 10_000,
        originalMaxPositions: raw.original_max_position_embeddings ?? null,
        maxPositions,
      }),
    attentionBias: raw.attention_bias ? 'all' : 'none',
    feedForwardBias: raw.mlp_bias ?? false,
    tieWordEmbeddings: raw.tie_word_embeddings ?? defaults.tieWordEmbeddings ?? false,
    maxPositions,
    bosTokenId: (raw.bos_token_id === undefined ? defaults.bosTokenId : raw.bos_token_id) ?? null,
    eosTokenId: (Array.isArray(ends) ? ends[0] : ends) ?? null,
  };
}

type Sizes = Pick<z.infer<typeof schema>, 'hidden_size' | 'num_attention_heads' | 'num_key_value_heads' | 'head_dim'>;

function headSizes(
  { file }: ConfigFile,
  { hidden_size: hiddenSize, num_attention_heads: heads, num_key_value_heads: given, head_dim }: Sizes,
  defaults: RotaryDefaults,
): Pick<RotaryConfig, 'heads' | 'keyValueHeads' | 'headSize'> {
  const fault = (expected: string, got: string): LambdamaxError => new LambdamaxError({ subject: file, expected, got });
  const keyValueHeads = (given === undefined ? defaults.keyValueHeads : given) ?? heads;
  if (heads % keyValueHeads !== 0)
    throw fault('num_attention_heads to be a multiple of num_key_value_heads', `${heads} and ${keyValueHeads}`);
  const headSize = head_dim ?? defaults.headSize ?? hiddenSize / heads;
  if (!Number.isInteger(headSize))
    throw fault('hidden_size to be a multiple of num_attention_heads', `${hiddenSize} and ${heads}`);
  if (headSize % 2 !== 0) throw fault('an even head_dim', `${headSize}`);
  return { heads, keyValueHeads, headSize };
}
