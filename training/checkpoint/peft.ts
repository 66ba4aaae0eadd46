import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { fileFault, makeFolder, readJson, writeJson } from './files.ts';
import { type PeftConfig, parse, readPeftConfig, sizeOfModule, toPeftJson } from './peftConfig.ts';
import { readAllTensors, type TensorValues, writeSafetensors } from './safetensors.ts';

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
  /** The values before training; there if and only if `record.keepsFunctionBy` is `residualWeight`. */
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

const recordSchema: z.ZodType<AdapterRecord> = z.object({
  method: z.string(),
  initSeed: z.number(),
  rank: z.int().min(1),
  alpha: z.number().positive(),
  scaling: z.number(),
  targetModules: z.array(z.string()),
  keepsFunctionBy: z.enum(['zeroUpdate', 'residualWeight']),
});

/**
 * Reads a PEFT adapter folder. Throws a LambdamaxError that names the file, field or tensor if its kind is not known, it uses
 * a feature that would be computed wrongly, or its tensors contradict one another or the config.
 */
export async function readAdapter(directory: string): Promise<PeftAdapter> {
  const config = await readPeftConfig(join(directory, files.config));
  const tensors = await readPrefixed(join(directory, files.tensors));
  requireTensors(join(directory, files.tensors), config, tensors);
  const recordFile = join(directory, files.record);
  if (!existsSync(recordFile)) return { config, tensors };
  const record = parse(recordFile, recordSchema, await readJson(recordFile));
  if (record.keepsFunctionBy === 'zeroUpdate') return { config, tensors, record };
  const initialFile = join(directory, files.initial);
  const initial = await readPrefixed(initialFile);
  requireSameShapes(initialFile, tensors, initial);
  return { config, tensors, record, initial };
}

/** Writes a folder that `PeftModel.from_pretrained` loads, and beside it what PEFT has no place for. */
export async function writeAdapter(directory: string, adapter: PeftAdapter): Promise<void> {
  const { config, tensors, record, initial } = adapter;
  requireTensors(directory, config, tensors);
  if ((record?.keepsFunctionBy === 'residualWeight') !== (initial !== undefined)) {
    const expected = 'initial values if and only if the frozen weights are residual weights';
    throw new LambdamaxError({ subject: `adapter for ${directory}`, expected, got: record?.keepsFunctionBy ?? 'none' });
  }
  await makeFolder(directory);
  try {
    // Of an adapter that lay here before. A folder without its config, which is written last, is no adapter.
    for (const file of [files.config, files.record, files.initial]) await rm(join(directory, file), { force: true });
  } catch (cause) {
    throw fileFault(directory, 'a writable folder', cause);
  }
  if (initial !== undefined) await writePrefixed(join(directory, files.initial), initial);
  if (record !== undefined) await writeJson(join(directory, files.record), record);
  await writePrefixed(join(directory, files.tensors), tensors);
  await writeJson(join(directory, files.config), toPeftJson(config));
}

/** The modules that an adapter has tensors for, in the order of those. */
export function adaptedModules({ config, tensors, record }: PeftAdapter): readonly string[] {
  if (config.kind.type === 'LAMBDAMAX' && record !== undefined) return record.targetModules;
  const modules = [...tensors.keys()].map((name) => ownTensor.exec(name)?.[1]);
  return [...new Set(modules.filter((module) => module !== undefined))];
}

/** `<module>.lora_A.weight`, `<module>.vera_lambda_b`, ... */
const ownTensor = /^(.+)\.(?:lora|gralora|randlora|vera)_\w+(?:\.weight)?$/;

/** The tensors that all modules share, by kind. PEFT's copies of them, one for each module, are left out. */
const sharedTensors: Readonly<Partial<Record<PeftConfig['kind']['type'], readonly string[]>>> = {
  RANDLORA: ['randlora_A', 'randlora_B'],
  VERA: ['vera_A', 'vera_B'],
};

async function readPrefixed(file: string): Promise<Map<string, TensorValues>> {
  const tensors = new Map<string, TensorValues>();
  for (const [name, tensor] of await readAllTensors(file)) {
    if (/\.(?:randlora|vera)_[AB]$/.test(name) && name.startsWith(prefix)) continue;
    const known = [prefix, sharedPrefix].find((start) => name.startsWith(start));
    if (known === undefined) {
      throw new LambdamaxError({ subject: file, expected: `names that start with ${prefix}`, got: name });
    }
    tensors.set(name.slice(known.length), tensor);
  }
  return tensors;
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
  const missing = (sharedTensors[type] ?? []).find((name) => !tensors.has(name));
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
