import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { type ConfigFile, parseConfig, requireValues } from '../checkpoint/config.ts';
import { type LongRopeScaling, type RotaryEmbedding, type RotaryScaling, turningPairs } from './rotary.ts';

/** What stands outside the object that describes a rotary embedding. */
export interface RotarySurroundings {
  /** The base where the object names none. */
  readonly theta: number;
  readonly maxPositions: number;
  /** `original_max_position_embeddings` beside the object, which comes before the one in it; null if there is none. */
  readonly originalMaxPositions: number | null;
  /** The values of `rope_type` that the class in transformers knows; default: all but longrope. */
  readonly types?: readonly RotaryType[];
  /** What the class computes with beside whole heads; absent: it turns whole heads. */
  readonly partial?: PartialRotary;
}

/** A class that turns a share of each head. */
export interface PartialRotary {
  /** `partial_rotary_factor` beside the object, for one that names none. */
  readonly factor: number;
  readonly headSize: number;
}

type Values = ConfigFile['values'];

/**
 * The rotary embedding of a config.json, in transformers' order: `rope_scaling`, if it is there and not empty, stands for
 * `rope_parameters` as a whole; within it `rope_type` comes before `type`, and `rope_theta` before the one outside. Throws a
 * LambdamaxError that names the key for a kind that is not known, and for one that this kind does not know.
 */
export function rotaryEmbedding({ file, values }: ConfigFile, surroundings: RotarySurroundings): RotaryEmbedding {
  const scaling = (values.rope_scaling ?? {}) as Values;
  const key = Object.keys(scaling).length > 0 ? 'rope_scaling' : 'rope_parameters';
  const parameters = (values[key] ?? {}) as Values;
  return rotaryParameters({ file: `${key} in ${file}`, values: parameters }, surroundings);
}

const positive = z.number().positive();
const places = z.int().min(1).nullish();
const shared = z.looseObject({
  rope_theta: positive.nullish(),
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  partial_rotary_factor: z.number().positive().max(1).nullish(),
});
const kinds = {
  default: z.looseObject({}),
  linear: z.looseObject({ factor: positive }),
  llama3: z.looseObject({
    factor: positive,
    low_freq_factor: positive,
    high_freq_factor: positive,
    original_max_position_embeddings: places,
  }),
  yarn: z.looseObject({
    // The key must be there; its value may be left to the positions.
    factor: positive.nullable(),
    original_max_position_embeddings: places,
    attention_factor: z.number().min(0).nullish(),
    beta_fast: positive.nullish(),
    beta_slow: positive.nullish(),
    mscale: z.number().min(0).nullish(),
    mscale_all_dim: z.number().min(0).nullish(),
    truncate: z.boolean().default(true),
  }),
  longrope: z.looseObject({
    short_factor: z.array(positive),
    long_factor: z.array(positive),
    factor: positive.nullish(),
    original_max_position_embeddings: places,
    attention_factor: z.number().min(0).nullish(),
  }),
};

/** A value of `rope_type` that some class is computed with here. */
export type RotaryType = keyof typeof kinds;

const usualTypes: readonly RotaryType[] = ['default', 'linear', 'llama3', 'yarn'];

/** The rotary embedding that one object of a config.json describes. Throws as `rotaryEmbedding`. */
export function rotaryParameters(own: ConfigFile, surroundings: RotarySurroundings): RotaryEmbedding {
  const { types = usualTypes, partial } = surroundings;
  if (partial === undefined) requireValues(own, { partial_rotary_factor: [1] });
  const { rope_theta, rope_type, type: olderName, partial_rotary_factor } = parseConfig(own, shared);
  const named = rope_type ?? olderName ?? 'default';
  const type = types.find((one) => one === named);
  if (type === undefined) {
    const quoted = types.map((kind) => JSON.stringify(kind));
    const expected = `rope_type ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
    throw new LambdamaxError({ subject: own.file, expected, got: named });
  }
  const known = { ...shared.shape, ...kinds[type].shape };
  const unknown = Object.keys(own.values).find((key) => !Object.hasOwn(known, key));
  if (unknown !== undefined)
    throw new LambdamaxError({
      subject: `${unknown} in ${own.file}`,
      expected: `no such key for rope_type ${JSON.stringify(type)}`,
      got: own.values[unknown],
    });
  const embedding: RotaryEmbedding = {
    theta: rope_theta ?? surroundings.theta,
    scaling: scalingOf(own, type, surroundings),
    ...(partial && { partialFactor: partial_rotary_factor ?? partial.factor }),
  };
  if (partial) requirePairs(own, partial.headSize, embedding);
  return embedding;
}

/** Throws a LambdamaxError unless some pair turns, and a LongRoPE has one factor for each that does. */
function requirePairs(own: ConfigFile, headSize: number, embedding: RotaryEmbedding): void {
  const pairs = turningPairs(headSize, embedding);
  if (pairs === 0)
    throw new LambdamaxError({
      subject: `partial_rotary_factor for ${own.file}`,
      expected: `a share that leaves some of ${headSize} entries of a head to turn`,
      got: embedding.partialFactor,
    });
  if (embedding.scaling?.type !== 'longrope') return;
  for (const key of ['short_factor', 'long_factor'])
    if ((own.values[key] as number[]).length !== pairs)
      throw new LambdamaxError({
        subject: `${key} in ${own.file}`,
        expected: `one number for each of ${pairs} pairs that turn`,
        got: `${(own.values[key] as number[]).length}`,
      });
}

function scalingOf(
  own: ConfigFile,
  type: RotaryType,
  { maxPositions, originalMaxPositions }: RotarySurroundings,
): RotaryScaling | null {
  if (type === 'default') return null;
  if (type === 'linear') return { type, factor: parseConfig(own, kinds.linear).factor };
  if (type === 'longrope') return longRope(own, originalMaxPositions, maxPositions);
  if (type === 'yarn') {
    const raw = parseConfig(own, kinds.yarn);
    const original = originalMaxPositions ?? raw.original_max_position_embeddings ?? maxPositions;
    const factor = raw.factor ?? maxPositions / original;
    return {
      ...{ type, factor, originalMaxPositions: original, truncate: raw.truncate },
      attentionFactor: raw.attention_factor ?? attentionFactor(factor, raw.mscale, raw.mscale_all_dim),
      fastTurns: raw.beta_fast ?? 32,
      slowTurns: raw.beta_slow ?? 1,
    };
  }
  const raw = parseConfig(own, kinds.llama3);
  if (!(raw.high_freq_factor > raw.low_freq_factor))
    throw new LambdamaxError({
      subject: `high_freq_factor in ${own.file}`,
      expected: `more than low_freq_factor, ${raw.low_freq_factor}`,
      got: raw.high_freq_factor,
    });
  return {
    type,
    factor: raw.factor,
    lowFrequencyFactor: raw.low_freq_factor,
    highFrequencyFactor: raw.high_freq_factor,
    originalMaxPositions: originalMaxPositions ?? raw.original_max_position_embeddings ?? maxPositions,
  };
}

function longRope(own: ConfigFile, outside: number | null, maxPositions: number): LongRopeScaling {
  const raw = parseConfig(own, kinds.longrope);
  const originalMaxPositions = outside ?? raw.original_max_position_embeddings ?? maxPositions;
  const factor = raw.factor ?? maxPositions / originalMaxPositions;
  const suggested = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalMaxPositions));
  return {
    ...{ type: 'longrope', factor, originalMaxPositions, shortFactors: raw.short_factor },
    attentionFactor: raw.attention_factor ?? suggested,
  };
}

/** YaRN's factor of cosines and sines, 0.1 m ln(factor) + 1; a ratio of two where the file has both of its weights m. */
function attentionFactor(factor: number, mscale?: number | null, mscaleAll?: number | null): number {
  const scale = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  return mscale && mscaleAll ? scale(mscale) / scale(mscaleAll) : scale(1);
}
