import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { fileFault, makeFolder, readJson, writeJson } from './files.ts';
import { readAllTensors, type TensorValues, writeSafetensors } from './safetensors.ts';

/** What PEFT's adapter_config.json says about a LoRA adapter. */
export interface PeftConfig {
  readonly rank: number;
  readonly alpha: number;
  /** Names as PEFT matches them: a list of endings, or one regular expression for the whole name. */
  readonly targetModules: readonly string[] | string;
  readonly useRslora: boolean;
  readonly useDora: boolean;
  /** Ranks and alphas of modules that differ from the rest, by PEFT's patterns. */
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  readonly baseModel: string | null;
}

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

/** A PEFT adapter folder. Tensors by PEFT's names without `base_model.model.`: `<module>.lora_A.weight` [rank, in]. */
export interface PeftAdapter {
  readonly config: PeftConfig;
  readonly tensors: ReadonlyMap<string, TensorValues>;
  /** Absent in adapters that other programs wrote. */
  readonly record?: AdapterRecord;
  /** The values before training; there if and only if `record.keepsFunctionBy` is `residualWeight`. */
  readonly initial?: ReadonlyMap<string, TensorValues>;
}

const prefix = 'base_model.model.';
const files = {
  config: 'adapter_config.json',
  tensors: 'adapter_model.safetensors',
  record: 'lambdamax.json',
  initial: 'initial_adapter.safetensors',
} as const;

const rank = z.int().min(1);
const pattern = <T extends z.ZodType<number>>(value: T) => z.record(z.string(), value).nullish();

const configSchema = z.looseObject({
  r: rank,
  lora_alpha: z.number().positive(),
  target_modules: z.union([z.string(), z.array(z.string()).min(1)]),
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  rank_pattern: pattern(rank),
  alpha_pattern: pattern(z.number().positive()),
  base_model_name_or_path: z.string().nullish(),
});

const recordSchema: z.ZodType<AdapterRecord> = z.object({
  method: z.string(),
  initSeed: z.number(),
  rank,
  alpha: z.number().positive(),
  scaling: z.number(),
  targetModules: z.array(z.string()),
  keepsFunctionBy: z.enum(['zeroUpdate', 'residualWeight']),
});

/** Fields of PEFT that change what an adapter computes, beyond what we compute. */
const unsupported = [
  'alora_invocation_tokens',
  'arrow_config',
  'layer_replication',
  'lora_bias',
  'modules_to_save',
  'target_parameters',
  'trainable_token_indices',
  'use_bdlora',
  'use_qalora',
];

/**
 * Reads a PEFT LoRA adapter folder. Throws a LambdamaxError that names the file, field or tensor if it is no LoRA adapter,
 * uses a feature that would be computed wrongly, or its tensors contradict one another or the config.
 */
export async function readAdapter(directory: string): Promise<PeftAdapter> {
  const config = await readPeftConfig(join(directory, files.config));
  const tensors = await readPrefixed(join(directory, files.tensors));
  requirePairs(join(directory, files.tensors), config, tensors);
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
  requirePairs(directory, config, tensors);
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
  await writeJson(join(directory, files.config), toPeft(config));
}

async function readPeftConfig(file: string): Promise<PeftConfig> {
  const raw = parse(file, z.looseObject({}), await readJson(file));
  const { peft_type: type, bias } = raw;
  if (type !== 'LORA')
    throw new LambdamaxError({ subject: `peft_type in ${file}`, expected: 'LORA', got: type ?? 'none' });
  if ((bias ?? 'none') !== 'none')
    throw new LambdamaxError({ subject: `bias in ${file}`, expected: '"none"', got: bias });
  for (const key of unsupported) {
    const value = raw[key] ?? false;
    if (value === false || (Array.isArray(value) && value.length === 0)) continue;
    const remedy = 'this feature of PEFT is not supported';
    throw new LambdamaxError({ subject: `${key} in ${file}`, expected: 'null or false', got: value, remedy });
  }
  const values = parse(file, configSchema, raw);
  return {
    rank: values.r,
    alpha: values.lora_alpha,
    targetModules: values.target_modules,
    useRslora: values.use_rslora ?? false,
    useDora: values.use_dora ?? false,
    rankPattern: values.rank_pattern ?? {},
    alphaPattern: values.alpha_pattern ?? {},
    baseModel: values.base_model_name_or_path ?? null,
  };
}

/** The fields of PEFT 0.21's LoraConfig that every version of the last years knows. */
function toPeft(config: PeftConfig): Record<string, unknown> {
  return {
    alpha_pattern: config.alphaPattern,
    auto_mapping: null,
    base_model_name_or_path: config.baseModel,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    // Whatever the method was: otherwise PEFT would start its initialisation anew while loading.
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: config.alpha,
    lora_dropout: 0,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: null,
    peft_type: 'LORA',
    r: config.rank,
    rank_pattern: config.rankPattern,
    revision: null,
    target_modules: config.targetModules,
    task_type: 'CAUSAL_LM',
    use_dora: config.useDora,
    use_rslora: config.useRslora,
  };
}

async function readPrefixed(file: string): Promise<Map<string, TensorValues>> {
  const tensors = new Map<string, TensorValues>();
  for (const [name, tensor] of await readAllTensors(file)) {
    if (!name.startsWith(prefix)) {
      throw new LambdamaxError({ subject: file, expected: `names that start with ${prefix}`, got: name });
    }
    tensors.set(name.slice(prefix.length), tensor);
  }
  return tensors;
}

async function writePrefixed(file: string, tensors: ReadonlyMap<string, TensorValues>): Promise<void> {
  // transformers refuses files without this entry.
  const metadata = { format: 'pt' };
  await writeSafetensors(file, new Map([...tensors].map(([name, tensor]) => [prefix + name, tensor])), metadata);
}

/** Throws unless every A [rank, in] has its B [out, rank], with the config's rank where that is one number. */
function requirePairs(file: string, config: PeftConfig, tensors: ReadonlyMap<string, TensorValues>): void {
  const modules = new Set([...tensors.keys()].map((name) => /^(.*)\.lora_[AB]\.weight$/.exec(name)?.[1]));
  modules.delete(undefined);
  if (modules.size === 0) throw new LambdamaxError({ subject: file, expected: 'LoRA tensors', got: 'none' });
  for (const module of modules) {
    const a = tensors.get(`${module}.lora_A.weight`)?.shape;
    const b = tensors.get(`${module}.lora_B.weight`)?.shape;
    const uniform = Object.keys(config.rankPattern).length === 0;
    const wanted = uniform ? config.rank : a?.[0];
    if (a?.length === 2 && b?.length === 2 && a[0] === wanted && b[1] === wanted) continue;
    throw new LambdamaxError({
      subject: `module ${module} in ${file}`,
      expected: `lora_A.weight [${wanted ?? 'rank'}, in] and lora_B.weight [out, ${wanted ?? 'rank'}]`,
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

/** The value under a schema. Throws a LambdamaxError that names the file and the key. */
function parse<T>(file: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const subject = path.length === 0 ? file : `${path.join('.')} in ${file}`;
  throw new LambdamaxError({ subject, expected: 'a valid value', got: message });
}
