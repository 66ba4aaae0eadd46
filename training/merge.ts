import { existsSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesPerEntry, type FloatDtype, overflow } from '../compute/dtypes.ts';
import { sizeOf } from '../compute/index.ts';
import { LambdamaxError } from '../errors.ts';
import { type Adapter, moduleUpdate } from './adapters/create.ts';
import { copyFileWhole, fileFault, readJson, writeJson } from './checkpoint/files.ts';
import { requireBelow, requireFinite } from './checkpoint/finite.ts';
import { inResultFolder } from './checkpoint/resultFolder.ts';
import { type TensorToWrite, writeSafetensors } from './checkpoint/safetensors.ts';
import type { Model } from './model.ts';

/** How a merged checkpoint is written. */
export interface MergeOptions {
  /** Dtype of all weights; default: for each what it is in the base. */
  readonly dtype?: FloatDtype;
  /** Replaces a checkpoint that lies in the folder; absent: such a folder is refused. */
  readonly overwrite?: boolean;
  /** A file of weights is closed when it would grow beyond; default 4 GB. */
  readonly mostBytesAFile?: number;
}

/** What was written. */
export interface MergeResult {
  /** Linear layers whose weight is another than the base's. */
  readonly modules: number;
  /** Other weights that the adapter brought. */
  readonly replaced: number;
  readonly tensors: number;
  readonly files: number;
}

/**
 * Writes the base with an adapter merged into it as a Hugging Face checkpoint folder: every adapted matrix is the frozen one
 * plus the adapter's update, added in float64 and rounded once; all else is the base's own. The folder is as it was until all
 * is written. Throws a LambdamaxError for the base's own folder, for one that holds a checkpoint which may not be replaced or
 * an adapter, and one that names the file that cannot be written, or the tensor that would not be finite.
 */
export async function mergeIntoBase(
  model: Model,
  adapter: Adapter,
  out: string,
  options: MergeOptions = {},
): Promise<MergeResult> {
  const from = model.checkpoint.directory;
  await requireCheckpointFolder(from, out);
  const rest = await restOf(from);
  const isResult = (name: string) => isWeights(name) || rest.includes(name);
  const { overwrite = false } = options;
  return inResultFolder(out, { isResult, overwrite }, async (place) => {
    for (const name of rest) await copyFileWhole(join(from, name), join(place, name));
    return { isGood: true, result: await writeMerged(model, adapter, place, options) };
  });
}

/**
 * Throws a LambdamaxError for a folder that cannot get a merged checkpoint: the base's own, and one with an adapter, which
 * transformers would add to the checkpoint once more.
 */
async function requireCheckpointFolder(from: string, out: string): Promise<void> {
  const place = await realpath(out).catch(() => null);
  if (place !== null && place === (await realpath(from)))
    throw new LambdamaxError({
      subject: `\`out: ${out}\``,
      expected: 'another folder than that of the base',
      got: 'the same',
    });
  if (!existsSync(join(out, 'adapter_config.json'))) return;
  const remedy = 'transformers would add the adapter to the checkpoint once more';
  throw new LambdamaxError({
    subject: out,
    expected: 'a folder without an adapter',
    got: 'adapter_config.json',
    remedy,
  });
}

/** Writes weights and config of the merged checkpoint beside what was copied from the base. */
async function writeMerged(
  model: Model,
  adapter: Adapter,
  out: string,
  { dtype, mostBytesAFile = 4e9 }: MergeOptions,
): Promise<MergeResult> {
  const { checkpoint } = model;
  const dtypeOf = (name: string) => dtype ?? checkpoint.locate(name).dtype;
  if (dtype !== undefined) await setDtype(out, dtype);
  const stored = new Set(checkpoint.names());
  // An output projection that the adapter has untied from the embedding matrix, whose shape and dtype it has.
  const untied = (adapter.layout.replaced?.weights ?? []).map(({ name }) => name).filter((name) => !stored.has(name));
  const like = (name: string) => (stored.has(name) ? name : model.decoder.embeddingName);
  const names = [...stored, ...untied];
  const bytesOf = (name: string) => sizeOf(checkpoint.shapeOf(like(name))) * bytesPerEntry[dtypeOf(like(name))];
  const groups = filesOf(names, mostBytesAFile, bytesOf);
  const nameOf = (index: number) =>
    groups.length === 1 ? 'model.safetensors' : `model-${padded(index + 1)}-of-${padded(groups.length)}.safetensors`;
  const places: Record<string, string> = {};
  for (const [index, group] of groups.entries()) {
    const tensors = new Map<string, TensorToWrite>();
    for (const name of group) {
      const precision = checkpoint.locate(like(name)).dtype === 'F64' ? 'float64' : 'float32';
      const values = (await mergedWeight(model, adapter, name)) ?? (await checkpoint.read(name, precision));
      const written = dtypeOf(like(name));
      const unfit = `tensor ${name}, merged and rounded to ${written}`;
      requireBelow(unfit, values, overflow[written], dtype && 'give another `dtype`');
      tensors.set(name, { shape: checkpoint.shapeOf(like(name)), values, dtype: written });
      places[name] = nameOf(index);
    }
    await writeSafetensors(join(out, nameOf(index)), tensors, { format: 'pt' });
  }
  const bytes = names.reduce((sum, name) => sum + bytesOf(name), 0);
  if (groups.length > 1)
    await writeJson(join(out, 'model.safetensors.index.json'), { metadata: { total_size: bytes }, weight_map: places });
  if (untied.length > 0) await setInConfig(out, { tie_word_embeddings: false });
  const replaced = adapter.layout.replaced?.weights.length ?? 0;
  return { modules: adapter.layout.modules.size, replaced, tensors: names.length, files: groups.length };
}

/** A weight that the adapter changes, as the checkpoint stores it, or undefined for any other. */
async function mergedWeight(model: Model, adapter: Adapter, name: string) {
  const module = name.endsWith('.weight') ? name.slice(0, -'.weight'.length) : '';
  if (!adapter.layout.modules.has(module)) return adapter.weights.get(name);
  const linear = model.module(module);
  const frozen = model.turned(linear, adapter.weights.get(name)!);
  requireFinite(`tensor ${name} in ${model.checkpoint.directory}`, frozen);
  const update = moduleUpdate(adapter.layout, module, adapter.parameters, { shared: adapter.weights, weight: frozen });
  for (let index = 0; index < frozen.length; index++) frozen[index]! += update[index]!;
  return model.stored(linear, frozen);
}

/** Names in their order, in groups of at most so many bytes each, or of one tensor that is larger. */
function filesOf(names: readonly string[], most: number, bytesOf: (name: string) => number): string[][] {
  const groups: string[][] = [[]];
  let bytes = 0;
  for (const name of names) {
    const own = bytesOf(name);
    if (bytes > 0 && bytes + own > most) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(name);
    bytes += own;
  }
  return groups;
}

/** Tokenizer, configs and the like: the names of the small files beside the weights. */
async function restOf(from: string): Promise<string[]> {
  const names = await readdir(from).catch((cause: unknown) => {
    throw fileFault(from, 'a readable folder', cause);
  });
  return names.filter((name) => /\.(?:json|jinja|model|txt)$/.test(name) && !/\.index\.json$/.test(name));
}

async function setDtype(out: string, dtype: FloatDtype): Promise<void> {
  const config = (await readJson(join(out, 'config.json'))) as Record<string, unknown>;
  await setInConfig(out, { ['dtype' in config ? 'dtype' : 'torch_dtype']: torchNames[dtype] });
}

async function setInConfig(out: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
  const config = (await readJson(join(out, 'config.json'))) as Record<string, unknown>;
  await writeJson(join(out, 'config.json'), { ...config, ...changes });
}

const torchNames: Readonly<Record<FloatDtype, string>> = {
  ...{ F64: 'float64', F32: 'float32', F16: 'float16', BF16: 'bfloat16' },
};

/** Names of the weights of a checkpoint, and of no other file that ends in .safetensors. */
function isWeights(name: string): boolean {
  return /^model(?:-\d+-of-\d+)?\.safetensors$|^model\.safetensors\.index\.json$/.test(name);
}

function padded(index: number): string {
  return String(index).padStart(5, '0');
}
