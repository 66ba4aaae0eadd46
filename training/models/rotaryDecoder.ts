import * as tf from '@tensorflow/tfjs';
import type { TensorSpec } from '../../compute/index.ts';
import { splitHeads } from './attention.ts';
import type { Decoder, DecoderContext, LinearModule } from './decoder.ts';
import { activations, embed, rmsNorm } from './layers.ts';
import { type Projections, projector, widthOf } from './projections.ts';
import type { RotaryEmbedding } from './rotary.ts';
import type { RotaryConfig } from './rotaryConfig.ts';

/** What a family composes its blocks of. */
export interface Block {
  readonly layer: number;
  /** The norm of this block with the weight called `name`, over the last axis. */
  norm<T extends tf.Tensor>(x: T, name: string): T;
  /** The attention of this block: projections of x [positions, hidden], rotary embedding, mixing, output projection. */
  selfAttention(x: tf.Tensor2D, options: SelfAttentionOptions): tf.Tensor2D;
  /** The gated feed-forward layer of this block, down(activation(gate(x)) * up(x)). Shazeer 2020, arXiv 2002.05202. */
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
  /** The linear layers that compute queries, keys and values; default: one for each. */
  readonly attention?: Projections<'q' | 'k' | 'v'>;
  /** The linear layers that compute the gate and what it is multiplied with; default: one for each. */
  readonly feedForward?: Projections<'gate' | 'up'>;
  /** Default: `rmsNorm`. */
  norm?<T extends tf.Tensor>(x: T, weight: tf.Tensor, eps: number): T;
}

const separateAttention: Projections<'q' | 'k' | 'v'> = { q_proj: ['q'], k_proj: ['k'], v_proj: ['v'] };
const separateFeedForward: Projections<'gate' | 'up'> = { gate_proj: ['gate'], up_proj: ['up'] };

const embeddingName = 'model.embed_tokens.weight';
const headName = 'lm_head.weight';
const finalNormName = 'model.norm.weight';

/** A decoder whose weights are called as Llama's are: embedding, blocks, a final norm. */
export function rotaryDecoder(config: RotaryConfig, family: RotaryFamily): Decoder {
  const { hiddenSize, vocabSize, tieWordEmbeddings, layers, rmsNormEps } = config;
  const { norm = rmsNorm } = family;
  const outputName = tieWordEmbeddings ? embeddingName : headName;
  const blocks = Array.from({ length: layers }, (_, layer) => `model.layers.${layer}`);
  const modules = new Map(blocks.map((block) => [block, blockModules(config, family, block)]));
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
        (x, name, layer) => family.block(x, blockOf(config, family, context, name, layer)),
        family.scaleEmbedding?.(embedded) ?? embedded,
      );
      return norm(last, context.weight(finalNormName), rmsNormEps);
    },
  };
}

function blockOf(
  config: RotaryConfig,
  { norm = rmsNorm, attention = separateAttention, feedForward = separateFeedForward }: RotaryFamily,
  context: DecoderContext,
  name: string,
  layer: number,
): Block {
  const { headSize, rmsNormEps, activation } = config;
  const widths = widthsOf(config);
  return {
    layer,
    norm: (x, own) => norm(x, context.weight(`${name}.${own}.weight`), rmsNormEps),
    feedForward: (x) => {
      const part = projector(feedForward, widths, (own) => context.linear(x, `${name}.mlp.${own}`));
      const hidden = tf.mul(activations[activation](part('gate')), part('up')) as tf.Tensor2D;
      return context.linear(hidden, `${name}.mlp.down_proj`);
    },
    selfAttention: (x, { rotary, window = null, scale = 1 / Math.sqrt(headSize), normalise }) => {
      const part = projector(attention, widths, (own) => context.linear(x, `${name}.self_attn.${own}`));
      const heads = (own: 'q' | 'k') => {
        const projected = part(own);
        const split = splitHeads(normalise?.(projected, `self_attn.${own}_norm`) ?? projected, context.rows, headSize);
        return rotary === null ? split : context.rotate(split, rotary);
      };
      const [q, k, v] = [heads('q'), heads('k'), splitHeads(part('v'), context.rows, headSize)];
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

/** The widths of the projections of a block. */
function widthsOf({ heads, keyValueHeads, headSize, intermediateSize }: RotaryConfig) {
  const [q, k] = [heads * headSize, keyValueHeads * headSize];
  return { q, k, v: k, gate: intermediateSize, up: intermediateSize };
}

function blockModules(
  config: RotaryConfig,
  { attention = separateAttention, feedForward = separateFeedForward }: RotaryFamily,
  block: string,
): LinearModule[] {
  const { hiddenSize, attentionBias, feedForwardBias } = config;
  const widths = widthsOf(config);
  const module = (name: string, out: number, inputs: number, bias: boolean): LinearModule => ({
    ...{ name: `${block}.${name}`, out, in: inputs, bias, transposed: false },
  });
  return [
    ...Object.entries(attention).map(([name, parts]) =>
      module(`self_attn.${name}`, widthOf(parts, widths), hiddenSize, attentionBias !== 'none'),
    ),
    module('self_attn.o_proj', hiddenSize, widths.q, attentionBias === 'all'),
    ...Object.entries(feedForward).map(([name, parts]) =>
      module(`mlp.${name}`, widthOf(parts, widths), hiddenSize, feedForwardBias),
    ),
    module('mlp.down_proj', hiddenSize, widths.up, feedForwardBias),
  ];
}

/** The weights of a linear layer as a checkpoint stores them. */
export function moduleWeights({ name, out, in: inputs, bias, transposed }: LinearModule): TensorSpec[] {
  return [
    { name: `${name}.weight`, shape: transposed ? [inputs, out] : [out, inputs] },
    ...(bias ? [{ name: `${name}.bias`, shape: [out] }] : []),
  ];
}
