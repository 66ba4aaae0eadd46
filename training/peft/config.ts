import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { readJson } from '../checkpoint/files.ts';
import { peftFields, requireKnownFields } from './fields.ts';
import { type RepeatedInitialisation, repeatedInitialisation } from './initialisation.ts';
import { endsAs, type PeftTargets } from './targets.ts';

/**
 * How an adapter computes, in PEFT's words. `LAMBDAMAX` stands for what PEFT does not know; everything else of such an
 * adapter is written as the others are.
 */
export type PeftKind =
  | { readonly type: 'LORA'; readonly useRslora: boolean; readonly useDora: boolean }
  | { readonly type: 'GRALORA'; readonly blocks: number; readonly hybridRank: number }
  | { readonly type: 'RANDLORA' }
  | { readonly type: 'VERA' }
  | { readonly type: 'LAMBDAMAX' };

/** What PEFT's adapter_config.json says about an adapter. */
export interface PeftConfig extends PeftTargets {
  readonly kind: PeftKind;
  readonly rank: number;
  /** VeRA has none: 1. */
  readonly alpha: number;
  /** Ranks and alphas of modules that differ from the rest, by PEFT's patterns; LoRA alone has them. */
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** Whether the adapted weights are stored [in, out], as GPT-2's. */
  readonly fanInFanOut: boolean;
  readonly baseModel: string | null;
  /** What the base loses while the adapter is loaded; absent: nothing. */
  readonly initialisation?: RepeatedInitialisation;
  /** Whether PEFT ties copies of an embedding matrix and an output projection that are tied in the base. */
  readonly ensureWeightTying?: boolean;
  /** Rows of embedding matrices that were trained, by ends of the modules' names; without a name the embedding of the tokens. */
  readonly trainableTokens?: Readonly<Record<string, readonly number[]>> | readonly number[];
}

/** The part of a configuration that each kind writes under names of its own. */
type Own = Pick<
  PeftConfig,
  'kind' | 'alpha' | 'rankPattern' | 'alphaPattern' | 'initialisation' | 'ensureWeightTying' | 'trainableTokens'
>;

/** One kind of PEFT: how its own fields are read and written. */
interface Dialect {
  read(raw: Readonly<Record<string, unknown>>, file: string): Own;
  write(config: PeftConfig): Record<string, unknown>;
}

const positive = z.number().positive();
const rank = z.int().min(1);
const flag = z.boolean().nullish();
const tokenId = z.int().min(0);
const noPatterns = { rankPattern: {}, alphaPattern: {} };

const patterns = {
  rank_pattern: z.record(z.string(), rank).nullish(),
  alpha_pattern: z.record(z.string(), positive).nullish(),
};

const lora = z.looseObject({
  lora_alpha: positive,
  use_rslora: flag,
  use_dora: flag,
  ...patterns,
  ensure_weight_tying: flag,
  trainable_token_indices: z.union([z.array(tokenId), z.record(z.string(), z.array(tokenId))]).nullish(),
});
const own = z.looseObject({ alpha: positive, ...patterns });
const gralora = z.looseObject({ alpha: positive, gralora_k: rank, hybrid_r: z.int().min(0).nullish() });
const randlora = z.looseObject({ randlora_alpha: positive });

const dialects: Readonly<Record<PeftKind['type'], Dialect>> = {
  LORA: {
    read(raw, file) {
      const values = parse(file, lora, raw);
      const { use_dora: useDora, trainable_token_indices: tokens } = values;
      const initialisation = repeatedInitialisation(raw.init_lora_weights, file);
      return {
        kind: { type: 'LORA', useRslora: values.use_rslora ?? false, useDora: useDora ?? false },
        alpha: values.lora_alpha,
        rankPattern: values.rank_pattern ?? {},
        alphaPattern: values.alpha_pattern ?? {},
        ...(initialisation && { initialisation }),
        ...(values.ensure_weight_tying && { ensureWeightTying: true }),
        ...(tokens && Object.keys(tokens).length > 0 && { trainableTokens: tokens }),
      };
    },
    // The fields of PEFT 0.21's LoraConfig that every version of the last years knows.
    write: ({ kind, alpha, rankPattern, alphaPattern }) => ({
      alpha_pattern: alphaPattern,
      // Whatever the method was: otherwise PEFT would start its initialisation anew while loading.
      init_lora_weights: true,
      loftq_config: {},
      lora_alpha: alpha,
      lora_dropout: 0,
      megatron_config: null,
      megatron_core: 'megatron.core',
      rank_pattern: rankPattern,
      use_dora: kind.type === 'LORA' && kind.useDora,
      use_rslora: kind.type === 'LORA' && kind.useRslora,
    }),
  },
  GRALORA: {
    read(raw, file) {
      const { alpha, gralora_k: blocks, hybrid_r: hybridRank } = parse(file, gralora, raw);
      return { kind: { type: 'GRALORA', blocks, hybridRank: hybridRank ?? 0 }, alpha, ...noPatterns };
    },
    write: ({ kind, alpha }) => ({
      alpha,
      gralora_dropout: 0,
      gralora_k: kind.type === 'GRALORA' ? kind.blocks : 1,
      hybrid_r: kind.type === 'GRALORA' ? kind.hybridRank : 0,
      init_weights: true,
    }),
  },
  RANDLORA: {
    read(raw, file) {
      requireProjections(raw, file);
      return { kind: { type: 'RANDLORA' }, alpha: parse(file, randlora, raw).randlora_alpha, ...noPatterns };
    },
    write: ({ alpha }) => ({
      init_weights: true,
      // The bases lie in the file, and are not drawn anew.
      projection_prng_key: 0,
      randlora_alpha: alpha,
      randlora_dropout: 0,
      save_projection: true,
      sparse: false,
      very_sparse: false,
    }),
  },
  VERA: {
    read(raw, file) {
      requireProjections(raw, file);
      return { kind: { type: 'VERA' }, alpha: 1, ...noPatterns };
    },
    write: () => ({
      d_initial: 0.1,
      init_weights: true,
      projection_prng_key: 0,
      save_projection: true,
      vera_dropout: 0,
    }),
  },
  LAMBDAMAX: {
    read(raw, file) {
      const { alpha, rank_pattern, alpha_pattern } = parse(file, own, raw);
      const others = { rankPattern: rank_pattern ?? {}, alphaPattern: alpha_pattern ?? {} };
      return { kind: { type: 'LAMBDAMAX' }, alpha, ...others };
    },
    write: ({ alpha, rankPattern, alphaPattern }) => ({
      alpha,
      alpha_pattern: alphaPattern,
      rank_pattern: rankPattern,
    }),
  },
};

/** PEFT draws the projections anew where this is false, whatever lies in the file. */
function requireProjections(raw: Readonly<Record<string, unknown>>, file: string): void {
  const { save_projection: got } = raw;
  if (got === undefined || got === true) return;
  const remedy = 'save the adapter with save_projection=True';
  throw new LambdamaxError({ subject: `save_projection in ${file}`, expected: 'true', got, remedy });
}

const names = z.array(z.string());
const common = z.looseObject({
  r: rank,
  target_modules: z.union([z.string(), names.min(1)]),
  exclude_modules: z.union([z.string(), names]).nullish(),
  layers_to_transform: z.union([z.int(), z.array(z.int())]).nullish(),
  layers_pattern: z.union([z.string(), names]).nullish(),
  modules_to_save: names.nullish(),
  fan_in_fan_out: flag,
  base_model_name_or_path: z.string().nullish(),
});

/**
 * Reads an adapter_config.json. Throws a LambdamaxError that names the file and the field for a kind of adapter that is not
 * known, for a feature that would be computed wrongly, and for a field that is not known.
 */
export async function readPeftConfig(file: string): Promise<PeftConfig> {
  const raw = parse(file, z.looseObject({}), await readJson(file));
  const { peft_type: type, bias } = raw;
  if (!(typeof type === 'string' && Object.hasOwn(dialects, type))) {
    const expected = Object.keys(dialects).slice(0, -1).join(', ');
    throw new LambdamaxError({ subject: `peft_type in ${file}`, expected, got: type ?? 'none' });
  }
  const kind = type as PeftKind['type'];
  requireKnownFields(file, peftFields[kind], raw);
  const biases = ['none', 'all', `${type.toLowerCase()}_only`];
  if (!biases.includes((bias ?? 'none') as string))
    throw new LambdamaxError({ subject: `bias in ${file}`, expected: biases.join(', '), got: bias });
  const values = parse(file, common, raw);
  return {
    rank: values.r,
    ...targetsOf(values, file),
    fanInFanOut: values.fan_in_fan_out ?? false,
    baseModel: values.base_model_name_or_path ?? null,
    ...dialects[kind].read(raw, file),
  };
}

function targetsOf(values: z.infer<typeof common>, file: string): PeftTargets {
  const { target_modules: targetModules, exclude_modules: exclude, layers_to_transform: layers } = values;
  const { layers_pattern: pattern, modules_to_save: saved } = values;
  if (typeof targetModules === 'string' && ((layers ?? null) !== null || (pattern ?? null) !== null)) {
    const expected = 'null beside target_modules that are a string, as in PEFT';
    throw new LambdamaxError({ subject: `layers_to_transform and layers_pattern in ${file}`, expected });
  }
  const layerList = typeof layers === 'number' ? [layers] : layers;
  return {
    targetModules,
    ...(exclude && exclude.length > 0 && { excludeModules: exclude }),
    ...(layerList && layerList.length > 0 && { layersToTransform: layerList }),
    ...(pattern && pattern.length > 0 && { layersPattern: typeof pattern === 'string' ? [pattern] : pattern }),
    ...(saved && saved.length > 0 && { modulesToSave: saved }),
  };
}

/** The contents of adapter_config.json that PEFT reads as this configuration. */
export function toPeftJson(config: PeftConfig): Record<string, unknown> {
  return {
    auto_mapping: null,
    base_model_name_or_path: config.baseModel,
    bias: 'none',
    fan_in_fan_out: config.fanInFanOut,
    inference_mode: true,
    layers_pattern: null,
    layers_to_transform: null,
    modules_to_save: config.modulesToSave ?? null,
    peft_type: config.kind.type,
    r: config.rank,
    revision: null,
    target_modules: config.targetModules,
    task_type: 'CAUSAL_LM',
    ...dialects[config.kind.type].write(config),
  };
}

/** Rank and alpha of one module. A pattern counts as in PEFT: a regular expression for the end of the name, the first wins. */
export function sizeOfModule(
  module: string,
  { rank, alpha, rankPattern, alphaPattern }: Pick<PeftConfig, 'rank' | 'alpha' | 'rankPattern' | 'alphaPattern'>,
): { rank: number; alpha: number } {
  return { rank: patternValue(rankPattern, module) ?? rank, alpha: patternValue(alphaPattern, module) ?? alpha };
}

function patternValue(patterns: Readonly<Record<string, number>>, module: string): number | undefined {
  return Object.entries(patterns).find(([pattern]) => endsAs(module, pattern))?.[1];
}

/** The value under a schema. Throws a LambdamaxError that names the file and the key. */
export function parse<T>(file: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const subject = path.length === 0 ? file : `${path.join('.')} in ${file}`;
  throw new LambdamaxError({ subject, expected: 'a valid value', got: message });
}
