import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LambdamaxError } from '../../../errors.ts';
import { type ByteSource, openFile } from '../../checkpoint/byteSource.ts';
import { besideWeights, chatTemplateFolder } from '../../checkpoint/checkpoint.ts';
import { copyFileWhole, writeFileWhole, writeJson } from '../../checkpoint/files.ts';
import { inResultFolder } from '../../checkpoint/resultFolder.ts';
import { streamSafetensors } from '../../checkpoint/safetensors.ts';
import { chatTemplatesOf } from './chatTemplates.ts';
import { isHarmless } from './harmless.ts';
import { type GgufHeader, readGguf } from './header.ts';
import { metadataOf } from './metadata.ts';
import { type GgufModel, modelOf } from './model.ts';
import { type GgufTokenizer, tokenizerOf } from './tokenizer.ts';
import { losslessDtype, parametersOf, streamOf } from './values.ts';

/** How a GGUF file is converted. */
export interface ConvertGgufOptions {
  /** The folder that gets the checkpoint. */
  readonly out: string;
  /** What weights are written in; default: BF16 if every value is a number of it, else F32, so that nothing is lost. */
  readonly dtype?: 'BF16' | 'F32';
  /** A tokenizer.json in the place of the one that follows from the metadata. */
  readonly tokenizer?: string;
  /** Replaces a checkpoint that lies in the folder; absent: such a folder is refused. */
  readonly overwrite?: boolean;
  /** So many of all weights have been written. */
  readonly onWeight?: (done: number, total: number) => void;
}

/** What was converted. */
export interface ConvertGgufResult {
  /** Its name in llama.cpp: `llama`. */
  readonly architecture: string;
  readonly parameters: number;
  readonly config: GgufModel['decoder']['config'];
  readonly dtype: 'BF16' | 'F32';
  /** How many weights the file has in each of ggml's types. */
  readonly types: Readonly<Record<string, number>>;
  /** Whether any of them is quantised: what is measured on the checkpoint is then true of the quantised weights only. */
  readonly isQuantised: boolean;
  /** Whether tokenizer.json was written. */
  readonly hasTokenizer: boolean;
}

/**
 * Writes the model of a GGUF file of llama.cpp as a Hugging Face folder: config.json, model.safetensors, generation_config.json, and
 * tokenizer and chat template where the file has them. Weights are decoded piece by piece, to the bits that transformers reads.
 * The folder is as it was until all is written. Throws a LambdamaxError that names the file and its field or tensor for what is
 * broken, or not known here: every field of the metadata is used, known to be harmless, or refused.
 */
export async function convertGguf(file: string, options: ConvertGgufOptions): Promise<ConvertGgufResult> {
  const source = await openFile(file);
  try {
    const header = await readGguf(source);
    const metadata = metadataOf(file, header.metadata);
    const model = modelOf(metadata, header, await divisorsOf(source, header));
    const isReplaced = options.tokenizer !== undefined;
    const tokenizer = tokenizerOf(metadata, {
      ...{ architecture: model.name, rows: model.decoder.config.vocabSize },
      isReplaced,
    });
    const templates = chatTemplatesOf(metadata);
    metadata.only('general.quantization_version', [2]);
    metadata.number('general.alignment');
    metadata.requireAllKnown((key) => isHarmless(key) || (isReplaced && key.startsWith('tokenizer.ggml.')));
    const { out, overwrite = false } = options;
    return await inResultFolder(out, { isResult, overwrite }, async (place) => {
      const result = await writeAll(source, { model, tokenizer, templates }, place, options);
      return { isGood: true, result };
    });
  } finally {
    await source.close();
  }
}

function isResult(name: string): boolean {
  return (
    ['config.json', chatTemplateFolder, ...besideWeights].includes(name) ||
    /^model.*\.safetensors(?:\.index\.json)?$/.test(name)
  );
}

/** No head has more pairs than that. */
const mostDivisors = 4096;

/** The values of `rope_freqs.weight`; null if there is none. */
async function divisorsOf(source: ByteSource, { tensors }: GgufHeader): Promise<Float32Array | null> {
  const tensor = tensors.find(({ name }) => name === 'rope_freqs.weight');
  if (tensor === undefined) return null;
  const { shape, type, start, end } = tensor;
  if (shape.length === 1 && shape[0]! <= mostDivisors && type.name === 'F32')
    return type.decode(await source.read(start, end));
  const subject = `tensor ${tensor.name} in ${source.name}`;
  throw new LambdamaxError({ subject, expected: 'half a head of F32', got: `${type.name} ${JSON.stringify(shape)}` });
}

interface Parts {
  readonly model: GgufModel;
  readonly tokenizer: GgufTokenizer | null;
  readonly templates: ReadonlyMap<string, string>;
}

async function writeAll(
  source: ByteSource,
  { model, tokenizer, templates }: Parts,
  place: string,
  options: ConvertGgufOptions,
): Promise<ConvertGgufResult> {
  const dtype = options.dtype ?? (await losslessDtype(source, model));
  const at = (name: string) => join(place, name);
  const tokens = tokensOf(tokenizer);
  await writeJson(at('config.json'), {
    ...model.config,
    ...tokens,
    ...{ dtype: dtype === 'BF16' ? 'bfloat16' : 'float32', initializer_range: 0.02, use_cache: true },
  });
  await writeJson(at('generation_config.json'), {
    ...tokens,
    ...(tokenizer && { eos_token_id: tokenizer.special.ends }),
  });
  if (options.tokenizer !== undefined) await copyFileWhole(options.tokenizer, at('tokenizer.json'));
  else if (tokenizer?.definition) await writeJson(at('tokenizer.json'), tokenizer.definition);
  if (tokenizer !== null) await writeJson(at('tokenizer_config.json'), tokenizer.settings);
  for (const [name, template] of templates) {
    await mkdir(dirname(at(name)), { recursive: true });
    await writeFileWhole(at(name), template);
  }
  let done = 0;
  const weights = [...model.tensors.keys()];
  const onStart = () => options.onWeight?.(done++, weights.length);
  const streams = weights.map((weight) => [weight, streamOf(source, model, weight, dtype, onStart)] as const);
  await streamSafetensors(at('model.safetensors'), new Map(streams), { format: 'pt' });
  options.onWeight?.(weights.length, weights.length);
  return {
    ...{ architecture: model.name, parameters: parametersOf(model), config: model.decoder.config, dtype },
    types: typesOf(model),
    isQuantised: [...model.tensors.values()].some(({ type }) => type.isQuantised),
    hasTokenizer: options.tokenizer !== undefined || tokenizer !== null,
  };
}

/** The special tokens that config.json has. */
function tokensOf(tokenizer: GgufTokenizer | null): object {
  const { bos, eos, pad } = tokenizer?.special ?? {};
  const named = Object.entries({ bos_token_id: bos, eos_token_id: eos, pad_token_id: pad });
  return Object.fromEntries(named.map(([name, id]) => [name, id ?? null]));
}

function typesOf({ tensors }: GgufModel): Record<string, number> {
  const types: Record<string, number> = {};
  for (const { type } of tensors.values()) types[type.name] = (types[type.name] ?? 0) + 1;
  return types;
}
