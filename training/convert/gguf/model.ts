import { LambdamaxError } from '../../../errors.ts';
import type { ConfigFile } from '../../checkpoint/config.ts';
import type { Decoder } from '../../models/decoder.ts';
import { decoderOf } from '../../models/index.ts';
import { type Architecture, architectures, type Sizes } from './architectures.ts';
import type { GgufHeader, GgufTensor } from './header.ts';
import type { Metadata } from './metadata.ts';

/** The model of a GGUF file, as transformers describes it. */
export interface GgufModel {
  /** Its name in llama.cpp: `llama`. */
  readonly name: string;
  readonly architecture: Architecture;
  /** The fields of config.json but those of tokens and of the dtype. */
  readonly config: ConfigFile['values'];
  readonly decoder: Decoder;
  /** The file's tensor for each of the decoder's weights, by the weight's name. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Tensors that follow from the metadata: old files have tables of rotary frequencies in every block. */
const tables = /^rope_freqs\.weight$|\.attn_rot_embd\.weight$/;

/**
 * What model the metadata and tensors of a file make, checked against our own model of that family. `divisors` are the values of
 * `rope_freqs.weight`. Throws a LambdamaxError that names the field or tensor for what is missing, of another shape, or
 * known to nobody here.
 */
export function modelOf(metadata: Metadata, { tensors }: GgufHeader, divisors: Float32Array | null): GgufModel {
  const { file } = metadata;
  metadata.only('general.type', ['model']);
  requireWhole(metadata);
  const name = metadata.required('general.architecture', metadata.text);
  const architecture = architectures.get(name);
  if (architecture === undefined)
    throw metadata.fault('general.architecture', `one of ${[...architectures.keys()].join(', ')}`, name);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const vocabulary = vocabularyOf(metadata, name, byName);
  const sizes = sizesOf(metadata, name);
  const config = {
    ...architecture.config({
      ...{ metadata, sizes, divisors, has: (tensor: string) => byName.has(tensor) },
      ...{ headSize: sizes.head_dim, maxPositions: sizes.max_position_embeddings },
    }),
    ...sizes,
    vocab_size: vocabulary,
    tie_word_embeddings: !byName.has(outputName),
  };
  const decoder = decoderOf({ file, values: config });
  return { name, architecture, config, decoder, tensors: tensorsOf(file, decoder, architecture, byName) };
}

/** Throws for one of several files that a model was cut into. */
function requireWhole(metadata: Metadata): void {
  const parts = metadata.count('split.count', 0) ?? 0;
  for (const key of ['split.no', 'split.tensors.count']) metadata.count(key, 0);
  if (parts > 1)
    throw metadata.fault('split.count', 'a model in one file', parts, "join the files with llama.cpp's gguf-split");
}

const [embeddingName, outputName] = ['token_embd.weight', 'output.weight'];

function vocabularyOf(metadata: Metadata, name: string, tensors: ReadonlyMap<string, GgufTensor>): number {
  const rows = tensors.get(embeddingName)?.shape[0];
  if (rows === undefined)
    throw new LambdamaxError({ subject: metadata.file, expected: `tensor ${embeddingName}`, got: 'no such tensor' });
  metadata.only(`${name}.vocab_size`, [rows]);
  return rows;
}

/** The largest released models have a few hundred. */
const mostLayers = 10_000;

function sizesOf(metadata: Metadata, name: string): Sizes {
  const key = (part: string) => `${name}.${part}`;
  const count = (part: string) => metadata.required(key(part), (own) => metadata.count(own));
  const heads = count('attention.head_count');
  const hidden = count('embedding_length');
  const headSize = metadata.count(key('attention.key_length')) ?? hidden / heads;
  metadata.only(key('attention.value_length'), [headSize]);
  for (const part of ['expert_count', 'expert_used_count']) metadata.only(key(part), [0]);
  metadata.only(key('attention.causal'), [true]);
  metadata.only(key('use_parallel_residual'), [false]);
  return {
    hidden_size: hidden,
    intermediate_size: count('feed_forward_length'),
    num_hidden_layers: metadata.required(key('block_count'), (own) => metadata.count(own, 1, mostLayers)),
    num_attention_heads: heads,
    num_key_value_heads: metadata.count(key('attention.head_count_kv')) ?? heads,
    head_dim: headSize,
    max_position_embeddings: count('context_length'),
    rms_norm_eps: metadata.required(key('attention.layer_norm_rms_epsilon'), metadata.number),
  };
}

/** The parts of Llama's blocks: their names in transformers, and in llama.cpp. */
const blockParts: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
};

/** llama.cpp's name for a weight of transformers. */
function nameInFile(weight: string, { parts }: Architecture): string {
  const [, layer, part = '', kind] = /^model\.layers\.(\d+)\.(.*)\.(weight|bias)$/.exec(weight) ?? [];
  if (layer !== undefined) return `blk.${layer}.${parts[part] ?? blockParts[part]}.${kind}`;
  return (
    { 'model.embed_tokens.weight': embeddingName, 'model.norm.weight': 'output_norm.weight' }[weight] ?? outputName
  );
}

function tensorsOf(
  file: string,
  { weights }: Decoder,
  architecture: Architecture,
  byName: ReadonlyMap<string, GgufTensor>,
): ReadonlyMap<string, GgufTensor> {
  const left = new Set([...byName.keys()].filter((name) => !tables.test(name)));
  const found = new Map<string, GgufTensor>();
  for (const { name, shape } of weights) {
    const own = nameInFile(name, architecture);
    const tensor = byName.get(own);
    if (tensor === undefined)
      throw new LambdamaxError({ subject: file, expected: `tensor ${own}`, got: 'no such tensor' });
    if (tensor.shape.join() !== shape.join())
      throw new LambdamaxError({
        subject: `tensor ${own} in ${file}`,
        expected: `shape [${shape.join(', ')}], as its metadata says`,
        got: tensor.shape,
      });
    left.delete(own);
    found.set(name, tensor);
  }
  const [unknown] = left;
  if (unknown === undefined) return found;
  throw new LambdamaxError({
    subject: `tensor ${unknown} in ${file}`,
    expected: 'a tensor that is known here',
    got: 'one that nothing asks for',
    remedy: 'this kind of model is not supported',
  });
}
