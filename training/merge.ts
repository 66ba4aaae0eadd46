import { copyFile, readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesPerEntry, type FloatDtype, overflow } from '../compute/dtypes.ts';
import { sizeOf } from '../compute/index.ts';
import { LambdamaxError } from '../errors.ts';
import { type Adapter, moduleUpdate } from './adapters/create.ts';
import { fileFault, makeFolder, readJson, writeJson } from './checkpoint/files.ts';
import { requireBelow, requireFinite } from './checkpoint/finite.ts';
import { type TensorToWrite, writeSafetensors } from './checkpoint/safetensors.ts';
import type { Model } from './model.ts';

/** How a merged checkpoint is written. */
export interface MergeOptions {
  /** Of all weights; default: of each what it is in the base. */
  readonly dtype?: FloatDtype;
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
 * plus the adapter's update, added in float64 and rounded once; all else is the base's own. Throws a LambdamaxError for the
 * base's own folder, and one that names the file that cannot be written, or the tensor that would not be finite: the folder is
 * then no checkpoint.
 */
export async function mergeIntoBase(
  model: Model,
  adapter: Adapter,
  out: string,
  { dtype, mostBytesAFile = 4e9 }: MergeOptions = {},
): Promise<MergeResult> {
  const { checkpoint } = model;
  const dtypeOf = (name: string) => dtype ?? checkpoint.locate(name).dtype;
  await makeFolder(out, 'a folder to write a checkpoint in');
  await removeWeights(checkpoint.directory, out);
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
      requireBelow(unfit, values, overflow[written], dtype && 'give another --dtype');
      tensors.set(name, { shape: checkpoint.shapeOf(like(name)), values, dtype: written });
      places[name] = nameOf(index);
    }
    await writeSafetensors(join(out, nameOf(index)), tensors, { format: 'pt' });
  }
  const bytes = names.reduce((sum, name) => sum + bytesOf(name), 0);
  if (groups.length > 1)
    await writeJson(join(out, 'model.safetensors.index.json'), { metadata: { total_size: bytes }, weight_map: places });
  await copyRest(checkpoint.directory, out, dtype);
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

/** Weights that lay in the folder before, and the config that they went with. */
async function removeWeights(from: string, out: string): Promise<void> {
  try {
    if ((await realpath(from)) === (await realpath(out)))
      throw new LambdamaxError({
        subject: `--out ${out}`,
        expected: 'another folder than that of the base',
        got: 'the same',
      });
    for (const name of await readdir(out)) if (isWeights(name) || name === 'config.json') await rm(join(out, name));
  } catch (cause) {
    if (cause instanceof LambdamaxError) throw cause;
    throw fileFault(out, 'a writable folder', cause);
  }
}

/** Tokenizer, configs and the like: small files beside the weights. */
async function copyRest(from: string, out: string, dtype: FloatDtype | undefined): Promise<void> {
  try {
    for (const name of await readdir(from))
      if (/\.(?:json|jinja|model|txt)$/.test(name) && !isWeights(name))
        await copyFile(join(from, name), join(out, name));
  } catch (cause) {
    throw fileFault(out, 'a writable folder', cause);
  }
  if (dtype === undefined) return;
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

function isWeights(name: string): boolean {
  return /\.safetensors$|\.safetensors\.index\.json$/.test(name);
}

function padded(index: number): string {
  return String(index).padStart(5, '0');
}
