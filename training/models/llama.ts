import * as tf from '@tensorflow/tfjs';
import type { TensorSpec } from '../../compute/index.ts';
import type { LlamaConfig } from '../checkpoint/config.ts';
import type { DecoderContext } from './decoder.ts';
import { attention, causalMask, paddingMask, rmsNorm, rotaryTables, rotate, splitHeads } from './layers.ts';

const embeddingName = 'model.embed_tokens.weight';
const outputName = 'lm_head.weight';

/**
 * The last hidden states of a Llama after the final norm, [rows * length, hidden]: pre-norm blocks of rotary grouped-query
 * attention and SwiGLU. Touvron et al. 2023, arXiv 2302.13971; agrees with transformers' LlamaForCausalLM.
 */
export function llamaHiddenStates(config: LlamaConfig, context: DecoderContext): tf.Tensor2D {
  const { rows, length, inputIds, keyMask } = context;
  const tables = rotaryTables(length, config.headSize, config.ropeTheta);
  const masks = [causalMask(length), ...(keyMask ? [paddingMask(keyMask)] : [])];
  const norm = (x: tf.Tensor2D, name: string) => rmsNorm(x, context.weight(name), config.rmsNormEps);

  let x = tf.gather(context.weight(embeddingName), tf.reshape(inputIds, [rows * length])) as tf.Tensor2D;
  for (let layer = 0; layer < config.layers; layer++) {
    const block = `model.layers.${layer}`;
    x = tf.add(x, selfAttention(config, context, norm(x, `${block}.input_layernorm.weight`), block, tables, masks));
    x = tf.add(x, swiglu(context, norm(x, `${block}.post_attention_layernorm.weight`), `${block}.mlp`));
  }
  return norm(x, 'model.norm.weight');
}

/** The weight [vocabulary, hidden] that turns hidden states into logits. */
export function llamaOutputName({ tieWordEmbeddings }: LlamaConfig): string {
  return tieWordEmbeddings ? embeddingName : outputName;
}

function selfAttention(
  { headSize }: LlamaConfig,
  { rows, linear }: DecoderContext,
  x: tf.Tensor2D,
  block: string,
  tables: ReturnType<typeof rotaryTables>,
  masks: readonly tf.Tensor[],
): tf.Tensor2D {
  const project = (name: string) => splitHeads(linear(x, `${block}.self_attn.${name}`), rows, headSize);
  const [q, k, v] = [project('q_proj'), project('k_proj'), project('v_proj')];
  const mixed = attention(rotate(q, tables), rotate(k, tables), v, masks);
  return linear(mixed, `${block}.self_attn.o_proj`);
}

/** down(silu(gate(x)) * up(x)). Shazeer 2020, arXiv 2002.05202. */
function swiglu({ linear }: DecoderContext, x: tf.Tensor2D, block: string): tf.Tensor2D {
  const gate = linear(x, `${block}.gate_proj`);
  const hidden = tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(x, `${block}.up_proj`));
  return linear(hidden as tf.Tensor2D, `${block}.down_proj`);
}

/** The weights of a Llama in the order of transformers' state dict, with their shapes; linear layers are [out, in]. */
export function llamaWeights(config: LlamaConfig): TensorSpec[] {
  const { vocabSize, hiddenSize } = config;
  const blocks = Array.from({ length: config.layers }, (_, layer) => [
    ...llamaBlockModules(config).map(({ name, shape }) => ({ name: `model.layers.${layer}.${name}.weight`, shape })),
    { name: `model.layers.${layer}.input_layernorm.weight`, shape: [hiddenSize] },
    { name: `model.layers.${layer}.post_attention_layernorm.weight`, shape: [hiddenSize] },
  ]);
  return [
    { name: embeddingName, shape: [vocabSize, hiddenSize] },
    ...blocks.flat(),
    { name: 'model.norm.weight', shape: [hiddenSize] },
    ...(config.tieWordEmbeddings ? [] : [{ name: outputName, shape: [vocabSize, hiddenSize] }]),
  ];
}

/** The linear layers that adapters may target, with the shapes [out, in] of their weights. */
export function llamaModules(config: LlamaConfig): TensorSpec[] {
  return Array.from({ length: config.layers }, (_, layer) =>
    llamaBlockModules(config).map(({ name, shape }) => ({ name: `model.layers.${layer}.${name}`, shape })),
  ).flat();
}

function llamaBlockModules(config: LlamaConfig): TensorSpec[] {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  return [
    { name: 'self_attn.q_proj', shape: [heads * headSize, hiddenSize] },
    { name: 'self_attn.k_proj', shape: [keyValueHeads * headSize, hiddenSize] },
    { name: 'self_attn.v_proj', shape: [keyValueHeads * headSize, hiddenSize] },
    { name: 'self_attn.o_proj', shape: [hiddenSize, heads * headSize] },
    { name: 'mlp.gate_proj', shape: [intermediateSize, hiddenSize] },
    { name: 'mlp.up_proj', shape: [intermediateSize, hiddenSize] },
    { name: 'mlp.down_proj', shape: [hiddenSize, intermediateSize] },
  ];
}
