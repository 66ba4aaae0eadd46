import * as tf from '@tensorflow/tfjs';
import type { TensorSpec } from '../../compute/index.ts';
import { splitHeads } from './attention.ts';
import type { Decoder, DecoderContext, LinearModule } from './decoder.ts';
import { activations, embed, gatedFeedForward, rmsNorm } from './layers.ts';
import type { RotaryEmbedding } from './rotary.ts';
import type { RotaryConfig } from './rotaryConfig.ts';

/** What a family composes its blocks of. */
export interface Block {
  readonly layer: number;
  /** The norm of this block with the weight called `name`, over the last axis. */
  norm<T extends tf.Tensor>(x: T, name: string): T;
  /** The attention of this block: projections of x [positions, hidden], rotary embedding, mixing, output projection. */
  selfAttention(x: tf.Tensor2D, options: SelfAttentionOptions): tf.Tensor2D;
  /** The gated feed-forward layer of this block. */
  feedForward(x: tf.Tensor2D): tf.Tensor2D;
}

export interface SelfAttentionOptions {
  /** Null: queries and keys do not know their positions. */
  readonly rotary: RotaryEmbedding | null;
  /** Null or absent: every token before. */
  readonly window?: number | null;
  /** The factor before q k'; default 1 / sqrt(headSize). */
  readonly scale?: number;
  /** Applied to projected queries and keys [positions, heads * headSize]; `name` is `q_norm` or `k_norm`. */
  readonly normalise?: (x: tf.Tensor2D, name: string) => tf.Tensor2D;
}

/** How a family differs from the others over the same weights. */
export interface RotaryFamily {
  /** The norm weights of a block, by their names within it. */
  readonly blockNorms: readonly TensorSpec[];
  /** x [positions, hidden] after a block, residual connections included. */
  block(x: tf.Tensor2D, block: Block): tf.Tensor2D;
  /** Before the first block; default: nothing. */
  scaleEmbedding?(x: tf.Tensor2D): tf.Tensor2D;
  /** Default: `rmsNorm`. */
  norm?<T extends tf.Tensor>(x: T, weight: tf.Tensor, eps: number): T;
}

const embeddingName = 'model.embed_tokens.weight';
const headName = 'lm_head.weight';
const finalNormName = 'model.norm.weight';

/** A decoder whose weights are called as Llama's are: embedding, blocks, a final norm. */
export function rotaryDecoder(config: RotaryConfig, family: RotaryFamily): Decoder {
  const { hiddenSize, vocabSize, tieWordEmbeddings, layers, rmsNormEps } = config;
  const norm = family.norm ?? rmsNorm;
  const outputName = tieWordEmbeddings ? embeddingName : headName;
  const blocks = Array.from({ length: layers }, (_, layer) => `model.layers.${layer}`);
  const modules = new Map(blocks.map((block) => [block, blockModules(config, block)]));
  return {
    config,
    modules: [...modules.values()].flat(),
    weights: [
      { name: embeddingName, shape: [vocabSize, hiddenSize] },
      ...blocks.flatMap((block) => [
        ...modules.get(block)!.flatMap(moduleWeights),
        ...family.blockNorms.map(({ name, shape }) => ({ name: `${block}.${name}.weight`, shape })),
      ]),
      { name: finalNormName, shape: [hiddenSize] },
      ...(tieWordEmbeddings ? [] : [{ name: outputName, shape: [vocabSize, hiddenSize] }]),
    ],
    ...{ basePrefix: 'model', embeddingName, headName, outputName },
    hiddenStates: (context) => {
      const embedded = embed(context, context.weight(embeddingName));
      const last = blocks.reduce(
        (x, name, layer) => family.block(x, blockOf(config, norm, context, name, layer)),
        family.scaleEmbedding?.(embedded) ?? embedded,
      );
      return norm(last, context.weight(finalNormName), rmsNormEps);
    },
  };
}

function blockOf(
  config: RotaryConfig,
  norm: typeof rmsNorm,
  context: DecoderContext,
  name: string,
  layer: number,
): Block {
  const { headSize, rmsNormEps, activation } = config;
  return {
    layer,
    norm: (x, own) => norm(x, context.weight(`${name}.${own}.weight`), rmsNormEps),
    feedForward: (x) => gatedFeedForward(context, x, `${name}.mlp`, activations[activation]),
    selfAttention: (x, { rotary, window = null, scale = 1 / Math.sqrt(headSize), normalise }) => {
      const project = (own: string) => context.linear(x, `${name}.self_attn.${own}`);
      const heads = (own: 'q' | 'k') => {
        const projected = project(`${own}_proj`);
        const split = splitHeads(normalise?.(projected, `self_attn.${own}_norm`) ?? projected, context.rows, headSize);
        return rotary === null ? split : context.rotate(split, rotary);
      };
      const [q, k, v] = [heads('q'), heads('k'), splitHeads(project('v_proj'), context.rows, headSize)];
      return context.linear(context.attend(layer, q, k, v, { scale, window }), `${name}.self_attn.o_proj`);
    },
  };
}

/** The names and shapes of the norms of `preNormBlock`. */
export function preNorms({ hiddenSize }: RotaryConfig): TensorSpec[] {
  return ['input_layernorm', 'post_attention_layernorm'].map((name) => ({ name, shape: [hiddenSize] }));
}

/** A block whose norms stand before its two layers: x + attention(norm(x)), then y + feedForward(norm(y)). */
export function preNormBlock(
  x: tf.Tensor2D,
  { norm, selfAttention, feedForward }: Block,
  options: SelfAttentionOptions,
): tf.Tensor2D {
  const y = tf.add(x, selfAttention(norm(x, 'input_layernorm'), options)) as tf.Tensor2D;
  return tf.add(y, feedForward(norm(y, 'post_attention_layernorm')));
}

/** The names and shapes of the norms of `normHeads`. */
export function headNorms({ headSize }: RotaryConfig): TensorSpec[] {
  return ['self_attn.q_norm', 'self_attn.k_norm'].map((name) => ({ name, shape: [headSize] }));
}

/** Queries or keys [positions, heads * headSize], each head normalised by itself. Dehghani et al. 2023, arXiv 2302.05442. */
export function normHeads(x: tf.Tensor2D, { norm }: Block, name: string, headSize: number): tf.Tensor2D {
  return tf.reshape(norm(tf.reshape(x, [-1, headSize]), name), x.shape);
}

function blockModules(config: RotaryConfig, block: string): LinearModule[] {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize, attentionBias, feedForwardBias } = config;
  const module = (name: string, out: number, inputs: number, bias: boolean): LinearModule => ({
    ...{ name: `${block}.${name}`, out, in: inputs, bias, transposed: false },
  });
  const inputBias = attentionBias !== 'none';
  return [
    module('self_attn.q_proj', heads * headSize, hiddenSize, inputBias),
    module('self_attn.k_proj', keyValueHeads * headSize, hiddenSize, inputBias),
    module('self_attn.v_proj', keyValueHeads * headSize, hiddenSize, inputBias),
    module('self_attn.o_proj', hiddenSize, heads * headSize, attentionBias === 'all'),
    module('mlp.gate_proj', intermediateSize, hiddenSize, feedForwardBias),
    module('mlp.up_proj', intermediateSize, hiddenSize, feedForwardBias),
    module('mlp.down_proj', hiddenSize, intermediateSize, feedForwardBias),
  ];
}

/** The weights of a linear layer as a checkpoint stores them. */
export function moduleWeights({ name, out, in: inputs, bias, transposed }: LinearModule): TensorSpec[] {
  return [
    { name: `${name}.weight`, shape: transposed ? [inputs, out] : [out, inputs] },
    ...(bias ? [{ name: `${name}.bias`, shape: [out] }] : []),
  ];
}
