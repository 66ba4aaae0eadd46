import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import type { FieldRules } from './fields.ts';
import type { RepeatedInitialisation } from './initialisation.ts';
import type { PeftTargets } from './targets.ts';

/**
 * How an adapter computes, in PEFT's words: its `peft_type`, and settings that tell forms of one type apart. The type
 * `LAMBDAMAX` stands for what PEFT does not know; everything else of such an adapter is written as the others are.
 */
export interface PeftKind {
  readonly type: string;
  readonly [setting: string]: string | number | boolean;
}

/** What PEFT's adapter_config.json says about an adapter. */
export interface PeftConfig extends PeftTargets {
  readonly kind: PeftKind;
  readonly rank: number;
  /** A type without one: 1. */
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

/** The part of a configuration that each type writes under names of its own. */
export type OwnFields = Pick<
  PeftConfig,
  'kind' | 'alpha' | 'rankPattern' | 'alphaPattern' | 'initialisation' | 'ensureWeightTying' | 'trainableTokens'
>;

/** One `peft_type`: what its folders hold besides what all have, and how that is read and written. */
export interface PeftType {
  /** Its name in adapter_config.json: `GRALORA`. */
  readonly type: string;
  /** Every field that its class in PEFT has besides those of all that adapt linear layers, with what is done with it. */
  readonly fields: FieldRules;
  /** How the names of a module's tensors begin: `gralora_`. */
  readonly tensors: RegExp;
  /** The tensors that all modules share; PEFT may write a copy for each module besides. */
  readonly shared?: readonly string[];
  /** Whether modules may have ranks and alphas of their own; default no. */
  readonly hasPatterns?: boolean;
  /** Whether it has an alpha; default yes. */
  readonly hasAlpha?: boolean;
  /** Whether its class in PEFT has `fan_in_fan_out`, for weights that are stored [in, out]; default yes. */
  readonly hasFanInFanOut?: boolean;
  /** Throws a LambdamaxError that names file and field for a value that would be computed wrongly. */
  read(raw: Readonly<Record<string, unknown>>, file: string): OwnFields;
  write(config: PeftConfig): Record<string, unknown>;
}

/** Fields of an adapter whose modules all have one rank and one alpha. */
export const noPatterns = { rankPattern: {}, alphaPattern: {} };

/** The scheme of an alpha. */
export const positive = z.number().positive();

/** The schemes of fields for ranks and alphas of single modules. */
export const patterns = {
  rank_pattern: z.record(z.string(), z.int().min(1)).nullish(),
  alpha_pattern: z.record(z.string(), positive).nullish(),
};

/** Throws a LambdamaxError that names the file where `save_projection` is false: PEFT then draws shared projections anew. */
export function requireProjections(raw: Readonly<Record<string, unknown>>, file: string): void {
  const { save_projection: got } = raw;
  if (got === undefined || got === true) return;
  const remedy = 'save the adapter with save_projection=True';
  throw new LambdamaxError({ subject: `save_projection in ${file}`, expected: 'true', got, remedy });
}

/** The value under a schema. Throws a LambdamaxError that names the file and the key. */
export function parse<T>(file: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const subject = path.length === 0 ? file : `${path.join('.')} in ${file}`;
  throw new LambdamaxError({ subject, expected: 'a valid value', got: message });
}
