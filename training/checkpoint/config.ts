import { join } from 'node:path';
import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { readJson, writeJson } from './files.ts';

/** The numbers that determine a Llama decoder, from Hugging Face's config.json. */
export interface LlamaConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** The width of the SwiGLU layer. */
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Divides `heads`; each key and value head serves heads / keyValueHeads query heads. */
  readonly keyValueHeads: number;
  /** Even, because the rotary embedding turns pairs of entries. */
  readonly headSize: number;
  readonly rmsNormEps: number;
  /** Pair i of a head turns by position * ropeTheta^(-2i/headSize). */
  readonly ropeTheta: number;
  /** Whether the output projection is the embedding matrix. */
  readonly tieWordEmbeddings: boolean;
  readonly maxPositions: number;
  readonly bosTokenId: number | null;
  /** The first one where the file lists several. */
  readonly eosTokenId: number | null;
}

/** Model types and their classes in transformers that can be loaded. */
const architectures: Readonly<Record<string, string>> = { llama: 'LlamaForCausalLM' };

const count = z
  .int()
  .min(1)
  .max(2 ** 31);
const tokenId = z.int().min(0).nullish();
const rope = z.looseObject({ rope_theta: z.number().positive().nullish() }).nullish();

// Defaults are those of transformers' LlamaConfig, save that sizes must be given: a file without them is a broken one.
const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().nullish(),
  rope_parameters: rope,
  rope_scaling: rope,
  tie_word_embeddings: z.boolean().default(false),
  max_position_embeddings: count.default(2048),
  bos_token_id: tokenId.default(1),
  eos_token_id: z.union([tokenId, z.array(z.int().min(0)).min(1)]).default(2),
});

/** What Llama checkpoints may say beside the sizes, and the only value under which our Llama computes the same. */
const requiredValues: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ['silu', 'swish'],
  attention_bias: [false],
  mlp_bias: [false],
  partial_rotary_factor: [1],
  quantization_config: [],
};

/**
 * Reads and checks `config.json` of a Hugging Face checkpoint folder. Throws a LambdamaxError that names the file and the
 * key if the model is not a Llama, has features that would be computed wrongly, or its numbers contradict one another.
 */
export async function readConfig(directory: string): Promise<LlamaConfig> {
  const file = join(directory, 'config.json');
  const raw = await readJson(file);
  const parsed = z.looseObject({}).safeParse(raw);
  if (!parsed.success) throw new LambdamaxError({ subject: file, expected: 'a JSON object', got: raw });
  requireArchitecture(file, parsed.data);
  const values = schema.safeParse(parsed.data);
  if (!values.success) {
    const { path, message } = values.error.issues[0]!;
    const key = path.join('.');
    const got = path.reduce<unknown>((value, part) => (value as Record<PropertyKey, unknown>)?.[part], raw);
    throw new LambdamaxError({
      subject: `${key} in ${file}`,
      expected: `a valid value (${message})`,
      got: got ?? 'none',
    });
  }
  requireSupported(file, values.data);
  return toConfig(file, values.data);
}

/** Writes `config.json` such that transformers, old and new, loads the model. */
export async function writeConfig(directory: string, config: LlamaConfig): Promise<void> {
  await writeJson(join(directory, 'config.json'), {
    architectures: [architectures.llama],
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: config.bosTokenId,
    dtype: 'float32',
    eos_token_id: config.eosTokenId,
    head_dim: config.headSize,
    hidden_act: 'silu',
    hidden_size: config.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: config.maxPositions,
    mlp_bias: false,
    model_type: 'llama',
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.keyValueHeads,
    rms_norm_eps: config.rmsNormEps,
    rope_parameters: { rope_theta: config.ropeTheta, rope_type: 'default' },
    // transformers before version 5 looks for it here.
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tieWordEmbeddings,
    use_cache: true,
    vocab_size: config.vocabSize,
  });
}

function requireArchitecture(file: string, raw: Readonly<Record<string, unknown>>): void {
  const { model_type: type, architectures: classes } = raw;
  const known = Object.entries(architectures).map(([name, label]) => `${name} (${label})`);
  const expected = `a known model_type: ${known.join(', ')}`;
  if (typeof type === 'string') {
    if (!Object.hasOwn(architectures, type)) throw new LambdamaxError({ subject: file, expected, got: type });
  } else if (type !== undefined || !Array.isArray(classes)) {
    throw new LambdamaxError({ subject: file, expected, got: type ?? 'none' });
  }
  const wanted = Object.values(architectures);
  if (Array.isArray(classes) && !classes.some((label) => wanted.includes(String(label)))) {
    throw new LambdamaxError({ subject: `architectures in ${file}`, expected: wanted.join(' or '), got: classes });
  }
}

/** Throws where the file asks for what our Llama does not compute. */
function requireSupported(file: string, raw: z.infer<typeof schema>): void {
  for (const [key, allowed] of Object.entries(requiredValues)) {
    const value = raw[key] ?? undefined;
    if (value === undefined || allowed.includes(value)) continue;
    const expected = allowed.length === 0 ? 'no such key' : allowed.map((one) => JSON.stringify(one)).join(' or ');
    throw new LambdamaxError({
      subject: `${key} in ${file}`,
      expected,
      got: value,
      remedy: 'this kind of Llama is not supported',
    });
  }
  for (const key of ['rope_parameters', 'rope_scaling'] as const) {
    const type = raw[key]?.rope_type ?? raw[key]?.type ?? 'default';
    if (type !== 'default') {
      throw new LambdamaxError({ subject: `${key} in ${file}`, expected: 'rope_type "default"', got: type });
    }
  }
}

function toConfig(file: string, raw: z.infer<typeof schema>): LlamaConfig {
  const heads = raw.num_attention_heads;
  const keyValueHeads = raw.num_key_value_heads ?? heads;
  const fault = (expected: string, got: string): LambdamaxError => new LambdamaxError({ subject: file, expected, got });
  if (heads % keyValueHeads !== 0) {
    throw fault('num_attention_heads to be a multiple of num_key_value_heads', `${heads} and ${keyValueHeads}`);
  }
  const headSize = raw.head_dim ?? raw.hidden_size / heads;
  if (!Number.isInteger(headSize)) {
    throw fault('hidden_size to be a multiple of num_attention_heads', `${raw.hidden_size} and ${heads}`);
  }
  if (headSize % 2 !== 0) throw fault('an even head_dim', `${headSize}`);
  const { bos_token_id: bos, eos_token_id: eos } = raw;
  return {
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads,
    keyValueHeads,
    headSize,
    rmsNormEps: raw.rms_norm_eps,
    ropeTheta: raw.rope_parameters?.rope_theta ?? raw.rope_theta ?? raw.rope_scaling?.rope_theta ?? 10000,
    tieWordEmbeddings: raw.tie_word_embeddings,
    maxPositions: raw.max_position_embeddings,
    bosTokenId: bos ?? null,
    eosTokenId: (Array.isArray(eos) ? eos[0] : eos) ?? null,
  };
}
