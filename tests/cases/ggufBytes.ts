import { encode } from '../../compute/dtypes.ts';
import { randomStream } from '../../compute/random.ts';
import { sizeOf } from '../../compute/tensors.ts';
import { byteCharacters } from '../../training/data/tokenizer/tokenizerFile.ts';

type Scalar = string | number | boolean;

/** A field's value, or one with the number of its type where that is not the usual one. */
export type GgufField = Scalar | readonly Scalar[] | { readonly type: number; readonly bytes: Uint8Array };

/** A tensor in the bytes of its type. */
export interface GgufTensorBytes {
  /** Row-major. */
  readonly shape: readonly number[];
  /** ggml's number of its type; default 0, F32. */
  readonly type?: number;
  readonly bytes: Uint8Array;
  /** Default: behind the tensor before it. */
  readonly offset?: number;
}

/** What a GGUF file is built of. */
export interface GgufParts {
  readonly fields: Readonly<Record<string, GgufField>>;
  readonly tensors: Readonly<Record<string, GgufTensorBytes>>;
  readonly version?: number;
  /** Counts that differ from what follows. */
  readonly tensorCount?: bigint;
  readonly fieldCount?: bigint;
  /** Repeats the first field or tensor. */
  readonly twice?: 'field' | 'tensor';
}

const number = (bytes: number, write: (view: DataView) => void): Uint8Array => {
  const view = new DataView(new ArrayBuffer(bytes));
  write(view);
  return new Uint8Array(view.buffer);
};
const uint32 = (value: number) => number(4, (view) => view.setUint32(0, value, true));
export const uint64 = (value: bigint | number) => number(8, (view) => view.setBigUint64(0, BigInt(value), true));
const float32 = (value: number) => number(4, (view) => view.setFloat32(0, value, true));

function textBytes(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function typed(value: Scalar): readonly [type: number, bytes: Uint8Array] {
  if (typeof value === 'string') return [8, textBytes(value)];
  if (typeof value === 'boolean') return [7, Uint8Array.of(value ? 1 : 0)];
  return Number.isInteger(value) && value >= 0 ? [4, uint32(value)] : [6, float32(value)];
}

function fieldBytes(field: GgufField): Uint8Array {
  if (typeof field === 'object' && 'bytes' in field) return Buffer.concat([uint32(field.type), field.bytes]);
  if (typeof field !== 'object') {
    const [type, bytes] = typed(field);
    return Buffer.concat([uint32(type), bytes]);
  }
  const isFloat = field.some((value) => typeof value === 'number' && !(Number.isInteger(value) && value >= 0));
  const entries = field.map((value) => (isFloat ? ([6, float32(value as number)] as const) : typed(value)));
  return Buffer.concat([
    uint32(9),
    uint32(entries[0]?.[0] ?? 4),
    uint64(field.length),
    ...entries.map(([, bytes]) => bytes),
  ]);
}

/** A GGUF file built byte by byte, right or wrong. */
export function ggufBytes(parts: GgufParts): Uint8Array {
  const fields = Object.entries(parts.fields).map(([key, field]) => Buffer.concat([textBytes(key), fieldBytes(field)]));
  const alignment = typeof parts.fields['general.alignment'] === 'number' ? parts.fields['general.alignment'] : 32;
  const rounded = (length: number) => Math.ceil(length / alignment) * alignment;
  let offset = 0;
  const entries = Object.entries(parts.tensors).map(([name, tensor]) => {
    const { shape, type = 0, bytes } = tensor;
    const extents = [...shape].reverse().map(uint64);
    const entry = [textBytes(name), uint32(shape.length), ...extents, uint32(type), uint64(tensor.offset ?? offset)];
    offset = rounded(offset + bytes.length);
    return Buffer.concat(entry);
  });
  if (parts.twice === 'field') fields.push(fields[0]!);
  if (parts.twice === 'tensor') entries.push(entries[0]!);
  const header = Buffer.concat([
    ...[Buffer.from('GGUF'), uint32(parts.version ?? 3)],
    ...[uint64(parts.tensorCount ?? entries.length), uint64(parts.fieldCount ?? fields.length)],
    ...[...fields, ...entries],
  ]);
  const padded = (bytes: Uint8Array) => Buffer.concat([bytes, new Uint8Array(rounded(bytes.length) - bytes.length)]);
  return Buffer.concat([padded(header), ...Object.values(parts.tensors).map(({ bytes }) => padded(bytes))]);
}

/** The values as a tensor of F32. */
export function plainTensor(shape: readonly number[], values: ArrayLike<number>): GgufTensorBytes {
  return { shape, bytes: encode(values, 'F32') };
}

/** Sizes of `tinyGguf`: a block of 32 fits into every row. */
export const tinySizes = { hidden: 32, wide: 64, heads: 2, keyValueHeads: 1, headSize: 16, layers: 2 } as const;

const control = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];
/** Every byte, a few merges of them, and tokens that are split off. */
export const tinyTokens = [...control, ...byteCharacters(), 'Ġa', 'he', 'Ġt', 'Ġthe', 'ĠĠ'];
const merges = ['Ġ a', 'h e', 'Ġ t', 'Ġt he', 'Ġ Ġ'];

const chatTemplate =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** Fields and tensors of a small model with a byte-level vocabulary; random weights in F32, as llama.cpp has them. */
export function tinyGguf(architecture: 'llama' | 'qwen2' | 'qwen3' | 'gemma3', seed = 0): GgufParts {
  const { hidden, wide, heads, keyValueHeads, headSize, layers } = tinySizes;
  const random = randomStream(seed, `a GGUF file of ${architecture}`);
  const tensors: Record<string, GgufTensorBytes> = {};
  const add = (name: string, ...shape: number[]) => {
    const draw = () => (/norm/.test(name) ? 1 : 0) + 0.1 * random.normal();
    tensors[name] = plainTensor(shape, Float32Array.from({ length: sizeOf(shape) }, draw));
  };
  add('token_embd.weight', tinyTokens.length, hidden);
  for (let layer = 0; layer < layers; layer++) {
    const part = (name: string, ...shape: number[]) => add(`blk.${layer}.${name}`, ...shape);
    part('attn_norm.weight', hidden);
    part('attn_q.weight', heads * headSize, hidden);
    part('attn_k.weight', keyValueHeads * headSize, hidden);
    part('attn_v.weight', keyValueHeads * headSize, hidden);
    part('attn_output.weight', hidden, heads * headSize);
    part('ffn_norm.weight', hidden);
    part('ffn_gate.weight', wide, hidden);
    part('ffn_up.weight', wide, hidden);
    part('ffn_down.weight', hidden, wide);
    if (architecture === 'qwen2') {
      part('attn_q.bias', heads * headSize);
      part('attn_k.bias', keyValueHeads * headSize);
      part('attn_v.bias', keyValueHeads * headSize);
    }
    if (architecture === 'qwen3' || architecture === 'gemma3') {
      part('attn_q_norm.weight', headSize);
      part('attn_k_norm.weight', headSize);
    }
    if (architecture === 'gemma3') {
      part('post_attention_norm.weight', hidden);
      part('post_ffw_norm.weight', hidden);
    }
  }
  add('output_norm.weight', hidden);
  if (architecture !== 'gemma3') add('output.weight', tinyTokens.length, hidden);
  const fields = {
    'general.architecture': architecture,
    'general.name': 'Tiny',
    [`${architecture}.block_count`]: layers,
    [`${architecture}.context_length`]: 256,
    [`${architecture}.embedding_length`]: hidden,
    [`${architecture}.feed_forward_length`]: wide,
    [`${architecture}.attention.head_count`]: heads,
    [`${architecture}.attention.head_count_kv`]: keyValueHeads,
    [`${architecture}.attention.key_length`]: headSize,
    [`${architecture}.attention.layer_norm_rms_epsilon`]: 1e-5,
    [`${architecture}.rope.freq_base`]: 10_000,
    ...(architecture === 'gemma3' && { 'gemma3.attention.sliding_window': 8 }),
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': tinyTokens,
    'tokenizer.ggml.token_type': tinyTokens.map((token) => (control.includes(token) ? 3 : 1)),
    'tokenizer.ggml.merges': merges,
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.chat_template': chatTemplate,
  };
  return { fields, tensors };
}

/** The parts with other fields; undefined takes one out. */
export function withFields(parts: GgufParts, changed: Readonly<Record<string, GgufField | undefined>>): GgufParts {
  const fields = Object.entries({ ...parts.fields, ...changed }).filter(([, field]) => field !== undefined);
  return { ...parts, fields: Object.fromEntries(fields) as GgufParts['fields'] };
}

/** The parts with other tensors; undefined takes one out. */
export function withTensors(
  parts: GgufParts,
  changed: Readonly<Record<string, GgufTensorBytes | undefined>>,
): GgufParts {
  const tensors = Object.entries({ ...parts.tensors, ...changed }).filter(([, tensor]) => tensor !== undefined);
  return { ...parts, tensors: Object.fromEntries(tensors) as GgufParts['tensors'] };
}
