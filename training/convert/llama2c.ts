import { join } from 'node:path';
import { openFile } from '../checkpoint/byteSource.ts';
import { copyFileWhole } from '../checkpoint/files.ts';
import { requireFinite } from '../checkpoint/finite.ts';
import { type Llama2cHeader, readLlama2c } from '../checkpoint/llama2c.ts';
import { inResultFolder } from '../checkpoint/resultFolder.ts';
import { decode, type TensorToWrite, writeSafetensors } from '../checkpoint/safetensors.ts';
import { writeLlamaConfig } from '../models/families/llama.ts';
import type { RotaryConfig } from '../models/rotaryConfig.ts';
import { pairsToHalves } from './rotaryRows.ts';

/** How a llama2.c checkpoint is converted. */
export interface ConvertLlama2cOptions {
  /** The folder that gets config.json and model.safetensors. */
  readonly out: string;
  /** A tokenizer.json to lie beside them. */
  readonly tokenizer?: string;
  /** Replaces a checkpoint that lies in the folder; absent: such a folder is refused. */
  readonly overwrite?: boolean;
}

/** What was converted. */
export interface ConvertLlama2cResult {
  readonly version: 0 | 1;
  readonly parameters: number;
  readonly config: RotaryConfig;
}

/**
 * Writes a llama2.c checkpoint as a Hugging Face folder, in float32. The rows of queries and keys change their places:
 * llama2.c turns neighbours (2i, 2i+1) of a head, transformers its halves (i, i + headSize/2). Throws a LambdamaxError that
 * names the file if it is no such checkpoint, and the tensor if one is not finite.
 */
export async function convertLlama2c(
  file: string,
  { out, tokenizer, overwrite = false }: ConvertLlama2cOptions,
): Promise<ConvertLlama2cResult> {
  const source = await openFile(file);
  try {
    const { header, tensors } = await readLlama2c(source);
    const config = configOf(header);
    const weights = new Map<string, TensorToWrite>();
    for (const { name, shape, start, end } of tensors) {
      const target = nameOf(name);
      if (target === undefined) continue;
      const values = decode(await source.read(start, end), 'F32', 'float32') as Float32Array;
      requireFinite(`tensor ${name} in ${file}`, values, 'the file is broken: download it again');
      const turns = /\.w[qk]$/.test(name);
      weights.set(target, { shape, values: turns ? pairsToHalves(values, config.headSize, header.dim) : values });
    }
    const isResult = (name: string) => ['model.safetensors', 'config.json', 'tokenizer.json'].includes(name);
    return await inResultFolder(out, { isResult, overwrite }, async (place) => {
      await writeSafetensors(join(place, 'model.safetensors'), weights, { format: 'pt' });
      await writeLlamaConfig(place, config);
      if (tokenizer !== undefined) await copyFileWhole(tokenizer, join(place, 'tokenizer.json'));
      const parameters = [...weights.values()].reduce((sum, { values }) => sum + values.length, 0);
      return { isGood: true, result: { version: header.version, parameters, config } };
    });
  } finally {
    await source.close();
  }
}

/** llama2.c's own constants: 1e-5 in its norms, 10000 as rotary base, tokens 1 and 2 around a text. */
function configOf(header: Llama2cHeader): RotaryConfig {
  return {
    modelType: 'llama',
    vocabSize: header.vocabSize,
    hiddenSize: header.dim,
    intermediateSize: header.hiddenDim,
    layers: header.layers,
    heads: header.heads,
    keyValueHeads: header.keyValueHeads,
    headSize: header.dim / header.heads,
    rmsNormEps: 1e-5,
    activation: 'silu',
    rotary: { theta: 10_000, scaling: null },
    attentionBias: 'none',
    feedForwardBias: false,
    tieWordEmbeddings: header.sharedClassifier,
    maxPositions: header.maxLength,
    bosTokenId: 1,
    eosTokenId: 2,
  };
}

const parts: Readonly<Record<string, string>> = {
  tok_embeddings: 'model.embed_tokens',
  norm: 'model.norm',
  output: 'lm_head',
  attention_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  'attention.wq': 'self_attn.q_proj',
  'attention.wk': 'self_attn.k_proj',
  'attention.wv': 'self_attn.v_proj',
  'attention.wo': 'self_attn.o_proj',
  'feed_forward.w1': 'mlp.gate_proj',
  'feed_forward.w2': 'mlp.down_proj',
  'feed_forward.w3': 'mlp.up_proj',
};

/** The name of a weight in transformers; undefined for tables that follow from the config. */
function nameOf(name: string): string | undefined {
  const [, layer, own = name] = /^layers\.(\d+)\.(.*)$/.exec(name) ?? [];
  const part = parts[own];
  if (part === undefined) return undefined;
  return `${layer === undefined ? '' : `model.layers.${layer}.`}${part}.weight`;
}
