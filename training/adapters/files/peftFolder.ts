import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LambdamaxError } from '../../../errors.ts';
import { hashFile, readJson, writeJson } from '../../checkpoint/files.ts';
import { inResultFolder } from '../../checkpoint/resultFolder.ts';
import { readAllTensors, type TensorValues, writeSafetensors } from '../../checkpoint/safetensors.ts';
import { type PeftConfig, parse } from '../../peft/config.ts';
import { sizeOfModule } from '../../peft/targets.ts';
import { peftTypes } from '../index.ts';
import { readPeftConfig, toPeftJson } from './peftConfig.ts';

/** What PEFT has no field for, and what one needs to compute with the adapter again: the contents of `lambdamax.json`. */
export interface AdapterRecord {
  readonly method: string;
  readonly initSeed: number;
  readonly rank: number;
  readonly alpha: number;
  /** s, the factor before B A. */
  readonly scaling: number;
  /** The full names of the adapted modules. */
  readonly targetModules: readonly string[];
  /** `residualWeight`: the frozen weights are W - s B0 A0 with the initial B0 and A0, not the base checkpoint's W. */
  readonly keepsFunctionBy: 'zeroUpdate' | 'residualWeight';
  /** Ranks and alphas of modules that differ from the rest; absent: none. */
  readonly rankPattern?: Readonly<Record<string, number>> | undefined;
  readonly alphaPattern?: Readonly<Record<string, number>> | undefined;
  /**
   * Whether the tensors and the config are those of a plain LoRA on the base as it is, [A; A0] and [B, -B0] of twice the
   * ranks above: so is an adapter on residual weights the same function in PEFT, which knows nothing of this record.
   */
  readonly doubled?: boolean | undefined;
}

/**
 * A PEFT adapter folder. Tensors by PEFT's names without `base_model.model.`, `<module>.lora_A.weight` [rank, in], and those
 * that all modules share without `base_model.`: `vera_A`.
 */
export interface PeftAdapter {
  readonly config: PeftConfig;
  readonly tensors: ReadonlyMap<string, TensorValues>;
  /** Absent in adapters that other programs wrote. */
  readonly record?: AdapterRecord;
  /** The values before training; there if and only if the frozen weights are residual weights and the tensors not doubled. */
  readonly initial?: ReadonlyMap<string, TensorValues>;
}

/** Before the names of tensors that all modules share. */
const sharedPrefix = 'base_model.';
/** Before all others. */
const prefix = 'base_model.model.';
const files = {
  config: 'adapter_config.json',
  tensors: 'adapter_model.safetensors',
  record: 'lambdamax.json',
  initial: 'initial_adapter.safetensors',
} as const;

/** Whether a file of this name is a part of an adapter's folder. */
export function isAdapterFile(name: string): boolean {
  return (Object.values(files) as string[]).includes(name);
}

const pattern = z.record(z.string(), z.number().positive()).optional();

const recordSchema = z.object({
  method: z.string(),
  initSeed: z.number(),
  rank: z.int().min(1),
  alpha: z.number().positive(),
  scaling: z.number(),
  targetModules: z.array(z.string()),
  keepsFunctionBy: z.enum(['zeroUpdate', 'residualWeight']),
  rankPattern: pattern,
  alphaPattern: pattern,
  doubled: z.boolean().optional(),
  /** SHA-256 of the file of tensors that the record was written with; absent in those of earlier versions. */
  sha256: z.string().optional(),
});

/** Throws, with what to do, for folders of PEFT that hold adapters in another way than one on its top, as safetensors. */
async function refuseOtherFolders(directory: string): Promise<void> {
  const has = (...path: string[]) => existsSync(join(directory, ...path));
  if (!has(files.config)) {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    const inner = entries
      .filter((entry) => entry.isDirectory() && has(entry.name, files.config))
      .map(({ name }) => name);
    if (inner.length === 0) return;
    const remedy = `give the folder of one adapter: ${inner.map((name) => join(directory, name)).join(', ')}`;
    throw new LambdamaxError({ subject: directory, expected: files.config, got: 'folders with adapters', remedy });
  }
  if (has(files.tensors) || !has('adapter_model.bin')) return;
  const remedy = 'load it with PEFT and save it with save_pretrained(safe_serialization=True)';
  throw new LambdamaxError({ subject: directory, expected: files.tensors, got: 'adapter_model.bin', remedy });
}

/**
 * Reads a PEFT adapter folder. Throws a LambdamaxError that names the file, field or tensor if its kind is not known, it uses
 * a feature that would be computed wrongly, or its tensors contradict one another or the config.
 */
export async function readAdapter(directory: string): Promise<PeftAdapter> {
  await refuseOtherFolders(directory);
  const config = await readPeftConfig(join(directory, files.config));
  const tensors = await readPrefixed(join(directory, files.tensors));
  requireTensors(join(directory, files.tensors), config, tensors);
  const record = await readRecord(directory, config);
  if (record === undefined) return { config, tensors };
  if (!needsInitial(record)) return { config, tensors, record };
  const initialFile = join(directory, files.initial);
  const initial = await readPrefixed(initialFile);
  requireSameShapes(initialFile, tensors, initial);
  return { config, tensors, record, initial };
}

/**
 * The record of these very tensors. Where another program has trained an adapter on and saved it over ours, what it wrote is
 * the adapter, on the base as it is, and the record is of one that is gone.
 */
async function readRecord(directory: string, config: PeftConfig): Promise<AdapterRecord | undefined> {
  const path = join(directory, files.record);
  if (!existsSync(path)) {
    if (!existsSync(join(directory, files.initial))) return undefined;
    const expected = `the record of an adapter on residual weights, which ${files.initial} says that this is`;
    throw new LambdamaxError({
      subject: path,
      expected,
      got: 'no such file',
      remedy: 'copy the folder again, all of it',
    });
  }
  // We write no such config: it is PEFT's word that it takes initial values of its own off the base.
  if (config.initialisation !== undefined) return undefined;
  const { sha256, ...record } = parse(path, recordSchema, await readJson(path));
  if (sha256 === undefined) {
    if (record.keepsFunctionBy === 'residualWeight') await requireOwnConfig(directory, config);
    return record;
  }
  const found = await hashFile(join(directory, files.tensors));
  if (found === sha256) return record;
  if (config.kind.type !== 'LAMBDAMAX') return undefined;
  throw new LambdamaxError({
    subject: join(directory, files.tensors),
    expected: `the file that ${files.record} was written with (SHA-256 ${sha256})`,
    got: found,
    remedy: 'copy the folder again, all of it',
  });
}

/** Throws unless a folder on residual weights, from before records had a hash, is as we left it: PEFT would not know of those. */
async function requireOwnConfig(directory: string, config: PeftConfig): Promise<void> {
  const own = toPeftJson(config);
  const raw = parse(join(directory, files.config), z.looseObject({}), await readJson(join(directory, files.config)));
  const foreign = Object.keys(raw).find((key) => !(key in own));
  if (foreign === undefined) return;
  throw new LambdamaxError({
    subject: directory,
    expected: `the adapter that ${files.record} describes, which stands on residual weights`,
    got: `an ${files.config} of another program, with a field ${foreign}`,
    remedy: `if that program trained it on the base as it is, remove ${files.record} and ${files.initial}`,
  });
}

function needsInitial({ keepsFunctionBy, doubled }: AdapterRecord): boolean {
  return keepsFunctionBy === 'residualWeight' && doubled !== true;
}

/**
 * Writes a folder that `PeftModel.from_pretrained` loads, and beside it what PEFT has no place for. An adapter that lies there is
 * replaced once the new one is whole, unless `overwrite` is false. Throws a LambdamaxError that names the file that cannot be
 * written, or the adapter that may not be replaced.
 */
export async function writeAdapter(directory: string, adapter: PeftAdapter, overwrite = true): Promise<void> {
  const { config, tensors, record, initial } = adapter;
  requireTensors(directory, config, tensors);
  if ((record !== undefined && needsInitial(record)) !== (initial !== undefined)) {
    const expected =
      'initial values if and only if the frozen weights are residual weights that the tensors do not hold';
    throw new LambdamaxError({ subject: `adapter for ${directory}`, expected, got: record?.keepsFunctionBy ?? 'none' });
  }
  await inResultFolder(directory, { isResult: isAdapterFile, overwrite }, async (place) => {
    if (initial !== undefined) await writePrefixed(join(place, files.initial), initial);
    await writePrefixed(join(place, files.tensors), tensors);
    if (record !== undefined) {
      const sha256 = await hashFile(join(place, files.tensors));
      await writeJson(join(place, files.record), { ...record, sha256 });
    }
    await writeJson(join(place, files.config), toPeftJson(config));
    return { result: undefined, isGood: true };
  });
}

/** The modules that an adapter has tensors for, in the order of those. */
export function adaptedModules({ config, tensors, record }: PeftAdapter): readonly string[] {
  if (config.kind.type === 'LAMBDAMAX' && record !== undefined) return record.targetModules;
  const modules = [...tensors.keys()].map((name) => ownTensor.exec(name)?.[1]);
  return [...new Set(modules.filter((module) => module !== undefined))];
}

/** `<module>.lora_A.weight`, `<module>.vera_lambda_b`, ... */
const ownTensor = new RegExp(
  `^(.+)\\.(?:${peftTypes.map(({ tensors }) => tensors.source).join('|')})\\w+(?:\\.weight)?$`,
);

/** The tensors that all modules share, of every type. PEFT's copies of them, one for each module, are left out. */
const sharedNames = peftTypes.flatMap(({ shared = [] }) => shared);

async function readPrefixed(file: string): Promise<Map<string, TensorValues>> {
  const tensors = new Map<string, TensorValues>();
  const all = await readAllTensors(file);
  for (const [name, tensor] of all) {
    const shared = sharedNames.find((one) => name.endsWith(`.${one}`));
    if (shared !== undefined && name.startsWith(prefix)) {
      requireCopy(file, name, tensor, `${sharedPrefix}${shared}`, all);
      continue;
    }
    const known = [prefix, sharedPrefix].find((start) => name.startsWith(start));
    if (known === undefined) {
      throw new LambdamaxError({ subject: file, expected: `names that start with ${prefix}`, got: name });
    }
    tensors.set(name.slice(known.length), tensor);
  }
  return tensors;
}

/** Throws unless a module's own copy of a shared tensor holds the values of that. */
function requireCopy(
  file: string,
  name: string,
  { shape, values }: TensorValues,
  shared: string,
  all: ReadonlyMap<string, TensorValues>,
): void {
  const original = all.get(shared);
  if (original?.shape.join() === shape.join() && original.values.every((value, index) => value === values[index]))
    return;
  const expected = `the values of ${shared}, which all modules share`;
  throw new LambdamaxError({ subject: `tensor ${name} in ${file}`, expected, got: original ? 'others' : 'none' });
}

async function writePrefixed(file: string, tensors: ReadonlyMap<string, TensorValues>): Promise<void> {
  // transformers refuses files without this entry.
  const metadata = { format: 'pt' };
  const full = (name: string) => `${name.includes('.') ? prefix : sharedPrefix}${name}`;
  await writeSafetensors(file, new Map([...tensors].map(([name, tensor]) => [full(name), tensor])), metadata);
}

/** Throws unless the tensors are those of the config's kind: some at least, the shared ones, and pairs of LoRA's factors. */
function requireTensors(file: string, config: PeftConfig, tensors: ReadonlyMap<string, TensorValues>): void {
  const { type } = config.kind;
  const { shared = [] } = peftTypes.find((one) => one.type === type) ?? {};
  const missing = shared.find((name) => !tensors.has(name));
  if (missing !== undefined) {
    const remedy = 'save the adapter with save_projection=True';
    throw new LambdamaxError({ subject: file, expected: `tensor ${sharedPrefix}${missing}`, got: 'none', remedy });
  }
  if (type === 'LORA') requirePairs(file, config, tensors);
  else if (tensors.size === 0) throw new LambdamaxError({ subject: file, expected: `tensors of ${type}`, got: 'none' });
}

/** Throws unless every A [rank, in] has its B [out, rank], with the rank that the config gives the module. */
function requirePairs(file: string, config: PeftConfig, tensors: ReadonlyMap<string, TensorValues>): void {
  const modules = adaptedModules({ config, tensors });
  if (modules.length === 0) throw new LambdamaxError({ subject: file, expected: 'LoRA tensors', got: 'none' });
  for (const module of modules) {
    const a = tensors.get(`${module}.lora_A.weight`)?.shape;
    const b = tensors.get(`${module}.lora_B.weight`)?.shape;
    const { rank } = sizeOfModule(module, config);
    if (a?.length === 2 && b?.length === 2 && a[0] === rank && b[1] === rank) continue;
    throw new LambdamaxError({
      subject: `module ${module} in ${file}`,
      expected: `lora_A.weight [${rank}, in] and lora_B.weight [out, ${rank}]`,
      got: `${a ? `[${a.join(', ')}]` : 'none'} and ${b ? `[${b.join(', ')}]` : 'none'}`,
    });
  }
}

function requireSameShapes(
  file: string,
  tensors: ReadonlyMap<string, TensorValues>,
  initial: ReadonlyMap<string, TensorValues>,
): void {
  for (const [name, { shape }] of tensors) {
    const got = initial.get(name)?.shape;
    if (got?.join() === shape.join()) continue;
    throw new LambdamaxError({
      subject: `tensor ${name} in ${file}`,
      expected: `shape [${shape.join(', ')}]`,
      got: got ?? 'none',
    });
  }
}
