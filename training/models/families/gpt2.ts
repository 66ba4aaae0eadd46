import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { TensorSpec } from '../../../compute/index.ts';
import { LambdamaxError } from '../../../errors.ts';
import { type ConfigFile, parseConfig, requireValues, withValues } from '../../checkpoint/config.ts';
import { splitHeads } from '../attention.ts';
import type { Decoder, DecoderConfig, DecoderContext, Family, LinearModule } from '../decoder.ts';
import { type ActivationName, activationNames, activations, embed, layerNorm } from '../layers.ts';
import { projector } from '../projections.ts';
import { count, endTokens, layerCount, tokenId } from '../rotaryConfig.ts';
import { moduleWeights } from '../rotaryDecoder.ts';

const schema = z.looseObject({
  vocab_size: count,
  n_embd: count,
  n_layer: layerCount,
  n_head: count,
  n_inner: count.nullish(),
  n_positions: count.nullish(),
  layer_norm_epsilon: z.number().positive().nullish(),
  scale_attn_weights: z.boolean().nullish(),
  scale_attn_by_inverse_layer_idx: z.boolean().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  bos_token_id: tokenId,
  eos_token_id: endTokens,
});

/** Names of other families, under which transformers takes a value before it looks for GPT-2's own name. */
const otherNames = {
  hidden_size: 'n_embd',
  max_position_embeddings: 'n_positions',
  num_attention_heads: 'n_head',
  num_hidden_layers: 'n_layer',
} as const;

/**
 * Pre-norm blocks of attention and a two-layer network, with learned positions, biases, and matrices stored as [in, out].
 * Radford et al. 2019; agrees with transformers' GPT2LMHeadModel.
 */
export const gpt2: Family = {
  modelType: 'gpt2',
  className: 'GPT2LMHeadModel',
  fields: { used: [...Object.keys(schema.shape), 'activation_function', ...Object.keys(otherNames)] },
  decoder: (config) => gpt2Decoder(gpt2Config(config)),
};

interface Gpt2Config extends DecoderConfig {
  /** The width of the feed-forward layer. */
  readonly intermediateSize: number;
  readonly heads: number;
  readonly layerNormEps: number;
  readonly activation: ActivationName;
  /** Whether scores are divided by sqrt(headSize). */
  readonly scalesAttention: boolean;
  /** Whether scores are divided by the layer's number, counted from 1. */
  readonly scalesByLayer: boolean;
}

function gpt2Config(file: ConfigFile): Gpt2Config {
  const given = Object.entries(otherNames).filter(([name]) => file.values[name] !== undefined);
  const config = withValues(file, Object.fromEntries(given.map(([name, own]) => [own, file.values[name]])));
  requireValues(config, { activation_function: activationNames });
  const raw = parseConfig(config, schema);
  if (raw.n_embd % raw.n_head !== 0)
    throw new LambdamaxError({
      subject: config.file,
      expected: 'n_embd to be a multiple of n_head',
      got: `${raw.n_embd} and ${raw.n_head}`,
    });
  const { bos_token_id: bos = 50256, eos_token_id: eos = 50256 } = raw;
  return {
    modelType: 'gpt2',
    vocabSize: raw.vocab_size,
    hiddenSize: raw.n_embd,
    intermediateSize: raw.n_inner ?? 4 * raw.n_embd,
    layers: raw.n_layer,
    heads: raw.n_head,
    keyValueHeads: raw.n_head,
    headSize: raw.n_embd / raw.n_head,
    layerNormEps: raw.layer_norm_epsilon ?? 1e-5,
    activation: (config.values.activation_function as ActivationName | null | undefined) ?? 'gelu_new',
    scalesAttention: raw.scale_attn_weights ?? true,
    scalesByLayer: raw.scale_attn_by_inverse_layer_idx ?? false,
    tieWordEmbeddings: raw.tie_word_embeddings ?? true,
    maxPositions: raw.n_positions ?? 1024,
    bosTokenId: bos ?? null,
    eosTokenId: (Array.isArray(eos) ? eos[0] : eos) ?? null,
  };
}

const tokens = 'transformer.wte.weight';
const head = 'lm_head.weight';
const positions = 'transformer.wpe.weight';
const finalNorm = 'transformer.ln_f';

function gpt2Decoder(config: Gpt2Config): Decoder {
  const { hiddenSize, vocabSize, maxPositions, layers, tieWordEmbeddings } = config;
  const blocks = Array.from({ length: layers }, (_, layer) => `transformer.h.${layer}`);
  const outputName = tieWordEmbeddings ? tokens : head;
  return {
    config,
    modules: blocks.flatMap((block) => blockModules(config, block)),
    weights: [
      { name: tokens, shape: [vocabSize, hiddenSize] },
      { name: positions, shape: [maxPositions, hiddenSize] },
      ...blocks.flatMap((block) => [
        ...blockModules(config, block).flatMap(moduleWeights),
        ...normWeights(config, `${block}.ln_1`),
        ...normWeights(config, `${block}.ln_2`),
      ]),
      ...normWeights(config, finalNorm),
      ...(tieWordEmbeddings ? [] : [{ name: outputName, shape: [vocabSize, hiddenSize] }]),
    ],
    ...{ basePrefix: 'transformer', embeddingName: tokens, headName: head, outputName },
    learnedPositions: maxPositions,
    addsTokenTypes: true,
    hiddenStates: (context) => hiddenStates(config, blocks, context),
  };
}

function hiddenStates(config: Gpt2Config, blocks: readonly string[], context: DecoderContext): tf.Tensor2D {
  const { rows, length, weight, linear } = context;
  const norm = (x: tf.Tensor2D, name: string) =>
    layerNorm(x, weight(`${name}.weight`), weight(`${name}.bias`), config.layerNormEps);
  const embedded = tf.reshape(embed(context, weight(tokens)), [rows, length, config.hiddenSize]);
  const placed = tf.add(embedded, context.learned(weight(positions) as tf.Tensor2D));
  let x = tf.reshape(placed, [rows * length, config.hiddenSize]) as tf.Tensor2D;
  for (const [layer, block] of blocks.entries()) {
    x = tf.add(x, selfAttention(config, context, norm(x, `${block}.ln_1`), `${block}.attn`, layer));
    const hidden = activations[config.activation](linear(norm(x, `${block}.ln_2`), `${block}.mlp.c_fc`));
    x = tf.add(x, linear(hidden, `${block}.mlp.c_proj`));
  }
  return norm(x, finalNorm);
}

const fused = { c_attn: ['q', 'k', 'v'] } as const;

function selfAttention(
  { hiddenSize, headSize, scalesAttention, scalesByLayer }: Gpt2Config,
  { rows, linear, attend }: DecoderContext,
  x: tf.Tensor2D,
  name: string,
  layer: number,
): tf.Tensor2D {
  const scale = (scalesAttention ? 1 / Math.sqrt(headSize) : 1) / (scalesByLayer ? layer + 1 : 1);
  const part = projector(fused, { q: hiddenSize, k: hiddenSize, v: hiddenSize }, (own) => linear(x, `${name}.${own}`));
  const [q, k, v] = [part('q'), part('k'), part('v')].map((one) => splitHeads(one, rows, headSize));
  return linear(attend(layer, q!, k!, v!, { scale, window: null }), `${name}.c_proj`);
}

function blockModules({ hiddenSize, intermediateSize }: Gpt2Config, block: string): LinearModule[] {
  const module = (name: string, out: number, inputs: number): LinearModule => ({
    ...{ name: `${block}.${name}`, out, in: inputs, bias: true, transposed: true },
  });
  return [
    module('attn.c_attn', 3 * hiddenSize, hiddenSize),
    module('attn.c_proj', hiddenSize, hiddenSize),
    module('mlp.c_fc', intermediateSize, hiddenSize),
    module('mlp.c_proj', hiddenSize, intermediateSize),
  ];
}

function normWeights({ hiddenSize }: Gpt2Config, name: string): TensorSpec[] {
  return ['weight', 'bias'].map((part) => ({ name: `${name}.${part}`, shape: [hiddenSize] }));
}
