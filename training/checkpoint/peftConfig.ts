import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { readJson } from './files.ts';

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
export interface PeftConfig {
  readonly kind: PeftKind;
  readonly rank: number;
  /** VeRA has none: 1. */
  readonly alpha: number;
  /** Names as PEFT matches them: a list of endings, or one regular expression for the whole name. */
  readonly targetModules: readonly string[] | string;
  /** Ranks and alphas of modules that differ from the rest, by PEFT's patterns; LoRA alone has them. */
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** Whether the adapted weights are stored [in, out], as GPT-2's. */
  readonly fanInFanOut: boolean;
  readonly baseModel: string | null;
}

/** The part of a configuration that each kind writes under names of its own. */
type Own = Pick<PeftConfig, 'kind' | 'alpha' | 'rankPattern' | 'alphaPattern'>;

/** One kind of PEFT: how its own fields are read and written. */
interface Dialect {
  read(raw: Readonly<Record<string, unknown>>, file: string): Own;
  write(config: PeftConfig): Record<string, unknown>;
  /** Fields that change what an adapter computes, beyond what we compute. */
  readonly unsupported: readonly string[];
}

const positive = z.number().positive();
const rank = z.int().min(1);
const flag = z.boolean().nullish();
const noPatterns = { rankPattern: {}, alphaPattern: {} };

const patterns = {
  rank_pattern: z.record(z.string(), rank).nullish(),
  alpha_pattern: z.record(z.string(), positive).nullish(),
};

const lora = z.looseObject({ lora_alpha: positive, use_rslora: flag, use_dora: flag, ...patterns });
const own = z.looseObject({ alpha: positive, ...patterns });
const gralora = z.looseObject({ alpha: positive, gralora_k: rank, hybrid_r: z.int().min(0).nullish() });
const randlora = z.looseObject({ randlora_alpha: positive });

const dialects: Readonly<Record<PeftKind['type'], Dialect>> = {
  LORA: {
    read(raw, file) {
      const values = parse(file, lora, raw);
      return {
        kind: { type: 'LORA', useRslora: values.use_rslora ?? false, useDora: values.use_dora ?? false },
        alpha: values.lora_alpha,
        rankPattern: values.rank_pattern ?? {},
        alphaPattern: values.alpha_pattern ?? {},
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
    unsupported: [
      'alora_invocation_tokens',
      'arrow_config',
      'kasa_config',
      'layer_replication',
      'lora_bias',
      'monteclora_config',
      'target_parameters',
      'use_bdlora',
      'use_qalora',
      'velora_config',
    ],
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
    unsupported: [],
  },
  RANDLORA: {
    read: (raw, file) => ({
      kind: { type: 'RANDLORA' },
      alpha: parse(file, randlora, raw).randlora_alpha,
      ...noPatterns,
    }),
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
    unsupported: [],
  },
  VERA: {
    read: () => ({ kind: { type: 'VERA' }, alpha: 1, ...noPatterns }),
    write: () => ({
      d_initial: 0.1,
      init_weights: true,
      projection_prng_key: 0,
      save_projection: true,
      vera_dropout: 0,
    }),
    unsupported: [],
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
    unsupported: [],
  },
};

const common = z.looseObject({
  r: rank,
  target_modules: z.union([z.string(), z.array(z.string()).min(1)]),
  fan_in_fan_out: flag,
  base_model_name_or_path: z.string().nullish(),
});

/**
 * Reads an adapter_config.json. Throws a LambdamaxError that names the file and the field for a kind of adapter that is not
 * known, and for a feature that would be computed wrongly.
 */
export async function readPeftConfig(file: string): Promise<PeftConfig> {
  const raw = parse(file, z.looseObject({}), await readJson(file));
  const { peft_type: type, bias } = raw;
  if (!(typeof type === 'string' && Object.hasOwn(dialects, type))) {
    const expected = Object.keys(dialects).slice(0, -1).join(', ');
    throw new LambdamaxError({ subject: `peft_type in ${file}`, expected, got: type ?? 'none' });
  }
  const dialect = dialects[type as PeftKind['type']];
  if ((bias ?? 'none') !== 'none')
    throw new LambdamaxError({ subject: `bias in ${file}`, expected: '"none"', got: bias });
  for (const key of [...dialect.unsupported, 'modules_to_save', 'trainable_token_indices']) {
    const value = raw[key] ?? false;
    if (value === false || (Array.isArray(value) && value.length === 0)) continue;
    const remedy = 'this feature of PEFT is not supported';
    throw new LambdamaxError({ subject: `${key} in ${file}`, expected: 'null or false', got: value, remedy });
  }
  const values = parse(file, common, raw);
  return {
    rank: values.r,
    targetModules: values.target_modules,
    fanInFanOut: values.fan_in_fan_out ?? false,
    baseModel: values.base_model_name_or_path ?? null,
    ...dialect.read(raw, file),
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
    modules_to_save: null,
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
  return Object.entries(patterns).find(([pattern]) => moduleEnd(pattern).test(module))?.[1];
}

/** Throws a LambdamaxError for a pattern that is no regular expression. */
function moduleEnd(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:.*\\.)?(?:${pattern})$`);
  } catch (cause) {
    const expected = 'the end of a module name, or a regular expression';
    throw new LambdamaxError({ subject: `module pattern ${JSON.stringify(pattern)}`, expected, cause });
  }
}

/** The value under a schema. Throws a LambdamaxError that names the file and the key. */
export function parse<T>(file: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const subject = path.length === 0 ? file : `${path.join('.')} in ${file}`;
  throw new LambdamaxError({ subject, expected: 'a valid value', got: message });
}
