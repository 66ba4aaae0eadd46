import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { z } from 'zod';
import type { FloatDtype } from '../../compute/dtypes.ts';
import type { WeightLocation, WeightSource } from '../../compute/program.ts';
import type { Precision, Vector } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import { type ByteSource, openFile } from './byteSource.ts';
import { readJson, readText } from './files.ts';
import { readHeader, type TensorEntry } from './header.ts';
import { readTensor } from './safetensors.ts';

/** The weights of a Hugging Face checkpoint folder: what and where they are. Holds open files until `close`. */
export interface Checkpoint extends WeightSource {
  readonly directory: string;
  /** The names of all weights. */
  names(): string[];
  /** The shape of a weight. Throws a LambdamaxError if there is none of this name. */
  shapeOf(name: string): readonly number[];
  /** The values of a weight, row-major. Throws a LambdamaxError if there is none of this name. */
  read(name: string, precision: Precision): Promise<Vector>;
  /** SHA-256 (hexadecimal) over config.json, tokenizer, chat template and the weight files: equal contents, equal hash, wherever the folder is. */
  contentHash(): Promise<string>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A weight: in which file, and where in it. */
interface Weight {
  readonly source: ByteSource;
  readonly entry: TensorEntry;
}

const singleFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';

/**
 * Opens a checkpoint folder with model.safetensors, or model.safetensors.index.json and its shards.
 * Throws a LambdamaxError that names what is missing or wrong; no file is left open then.
 */
export async function openCheckpoint(directory: string): Promise<Checkpoint> {
  const sources: ByteSource[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(sources.splice(0).map((source) => source.close()));
  };
  const open = async (file: string): Promise<Map<string, Weight>> => {
    const source = await openFile(join(directory, file));
    sources.push(source);
    return new Map((await readHeader(source)).tensors.map((entry) => [entry.name, { source, entry }]));
  };
  try {
    const weights = await openWeights(directory, open);
    return { directory, close, ...access(directory, weights, sources), [Symbol.asyncDispose]: close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** All weights by name, from the one file or from the shards that the index names. */
async function openWeights(
  directory: string,
  open: (file: string) => Promise<Map<string, Weight>>,
): Promise<Map<string, Weight>> {
  // transformers, too, prefers the single file where both are there.
  if (existsSync(join(directory, singleFile))) return open(singleFile);
  if (!existsSync(join(directory, indexFile))) {
    const other = otherWeights(await readdir(directory).catch(() => []));
    throw new LambdamaxError({
      subject: directory,
      expected: `weights in ${singleFile} or ${indexFile}`,
      got: other ?? 'neither',
      remedy: saveAgain(directory),
    });
  }
  const index = await readIndex(join(directory, indexFile));
  const shards = new Map<string, Map<string, Weight>>();
  for (const file of [...new Set(index.values())].sort()) shards.set(file, await open(file));
  const weights = new Map<string, Weight>();
  // What lies in a shard and not in the index is there, to transformers too.
  for (const shard of shards.values()) for (const [name, weight] of shard) weights.set(name, weight);
  for (const [name, file] of index) {
    const weight = shards.get(file)?.get(name);
    if (weight === undefined) {
      const expected = `tensor ${name}, as ${indexFile} says`;
      throw new LambdamaxError({ subject: join(directory, file), expected, got: 'no such tensor' });
    }
    weights.set(name, weight);
  }
  return weights;
}

/** The first of a folder's files that holds weights in a format that is not read here, by its name; undefined if there is none. */
export function otherWeights(files: readonly string[]): string | undefined {
  return [...files]
    .sort()
    .find((name) => /^(?:pytorch_|tf_|flax_)?model.*\.(?:bin|pt|pth|h5|msgpack)$|\.gguf$/.test(name));
}

/** How to turn weights of another format into those that are read here. */
export const saveAgain = (model: string): string =>
  `python -c "import transformers; transformers.AutoModelForCausalLM.from_pretrained('${model}').save_pretrained('OUT')", and its ` +
  `tokenizer likewise, writes safetensors`;

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** The shard of every tensor. Refuses shards outside the folder: an index is data from strangers. */
async function readIndex(file: string): Promise<Map<string, string>> {
  const raw = await readJson(file);
  const parsed = indexSchema.safeParse(raw);
  if (!parsed.success) {
    throw new LambdamaxError({ subject: file, expected: 'a weight_map from tensors to file names', got: raw });
  }
  const index = new Map(Object.entries(parsed.data.weight_map));
  for (const [name, shard] of index) {
    const path = normalize(shard.replaceAll('\\', '/'));
    if (isAbsolute(path) || path.split(sep)[0] === '..' || path === '.' || /^[A-Za-z]:/.test(shard)) {
      const subject = `weight_map of ${name} in ${file}`;
      throw new LambdamaxError({ subject, expected: 'a file inside the folder', got: shard });
    }
  }
  return index;
}

/** What a checkpoint offers once its weights are found. */
function access(
  directory: string,
  weights: ReadonlyMap<string, Weight>,
  sources: readonly ByteSource[],
): Omit<Checkpoint, 'directory' | 'close' | typeof Symbol.asyncDispose> {
  const find = (name: string): Weight => {
    const weight = weights.get(name);
    if (weight !== undefined) return weight;
    throw new LambdamaxError({ subject: directory, expected: `tensor ${name}`, got: 'no such tensor' });
  };
  return {
    names: () => [...weights.keys()],
    shapeOf: (name) => find(name).entry.shape,
    locate: (name) => toLocation(find(name)),
    read: (name, precision) => {
      const { source, entry } = find(name);
      return readTensor(source, entry, precision);
    },
    contentHash: () => hashContents(directory, sources),
  };
}

const floatDtypes: readonly string[] = ['F64', 'F32', 'F16', 'BF16'] satisfies FloatDtype[];

function toLocation({ source, entry }: Weight): WeightLocation {
  const { name, dtype, shape, start, end } = entry;
  if (!floatDtypes.includes(dtype)) {
    const subject = `tensor ${name} in ${source.name}`;
    const remedy = 'quantised weights are not read: save the model dequantised';
    throw new LambdamaxError({ subject, expected: `a dtype of ${floatDtypes.join(', ')}`, got: dtype, remedy });
  }
  return { file: source.name, offset: start, bytes: end - start, dtype: dtype as FloatDtype, shape };
}

/** The files that say how text becomes tokens, and when a response is over. */
export const besideWeights: readonly string[] = [
  ...['generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'],
  ...['chat_template.json', 'special_tokens_map.json', 'added_tokens.json'],
];

/** The folder of further chat templates beside the weights, each a file in `.jinja`. */
export const chatTemplateFolder = 'additional_chat_templates';

async function filesBesideWeights(directory: string): Promise<string[]> {
  const folder = join(directory, chatTemplateFolder);
  const templates = existsSync(folder) ? (await readdir(folder)).filter((name) => name.endsWith('.jinja')).sort() : [];
  const files = besideWeights.filter((file) => existsSync(join(directory, file)));
  return [...files, ...templates.map((name) => `${chatTemplateFolder}/${name}`)];
}

const bytesPerHashStep = 2 ** 22;

async function hashContents(directory: string, sources: readonly ByteSource[]): Promise<string> {
  const hash = createHash('sha256').update(await readText(join(directory, 'config.json')));
  for (const name of await filesBesideWeights(directory))
    hash.update(`\n${name}\n`).update(await readText(join(directory, name)));
  for (const source of sources) {
    // Lengths between the files, so that bytes moved from one to the next change the hash.
    hash.update(`\n${source.byteLength}\n`);
    for (let start = 0; start < source.byteLength; start += bytesPerHashStep) {
      hash.update(await source.read(start, Math.min(start + bytesPerHashStep, source.byteLength)));
    }
  }
  return hash.digest('hex');
}
