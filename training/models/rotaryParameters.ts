import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { type ConfigFile, parseConfig, requireValues } from '../checkpoint/config.ts';
import type { RotaryEmbedding, RotaryScaling } from './rotary.ts';

/** What stands outside the object that describes a rotary embedding. */
export interface RotarySurroundings {
  /** The base where the object names none. */
  readonly theta: number;
  readonly maxPositions: number;
  /** `original_max_position_embeddings` beside the object, which comes before the one in it; null if there is none. */
  readonly originalMaxPositions: number | null;
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
  partial_rotary_factor: z.number().nullish(),
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
};

/** The rotary embedding that one object of a config.json describes. Throws as `rotaryEmbedding`. */
export function rotaryParameters(own: ConfigFile, surroundings: RotarySurroundings): RotaryEmbedding {
  requireValues(own, { partial_rotary_factor: [1] });
  const { rope_theta, rope_type, type: olderName } = parseConfig(own, shared);
  const type = rope_type ?? olderName ?? 'default';
  if (!Object.hasOwn(kinds, type)) {
    const known = Object.keys(kinds).map((kind) => JSON.stringify(kind));
    const expected = `rope_type ${known.slice(0, -1).join(', ')} or ${known.at(-1)}`;
    throw new LambdamaxError({ subject: own.file, expected, got: type });
  }
  const known = { ...shared.shape, ...kinds[type as keyof typeof kinds].shape };
  const unknown = Object.keys(own.values).find((key) => !Object.hasOwn(known, key));
  if (unknown !== undefined)
    throw new LambdamaxError({
      subject: `${unknown} in ${own.file}`,
      expected: `no such key for rope_type ${JSON.stringify(type)}`,
      got: own.values[unknown],
    });
  return { theta: rope_theta ?? surroundings.theta, scaling: scalingOf(own, type as keyof typeof kinds, surroundings) };
}

function scalingOf(
  own: ConfigFile,
  type: keyof typeof kinds,
  { maxPositions, originalMaxPositions }: RotarySurroundings,
): RotaryScaling | null {
  if (type === 'default') return null;
  if (type === 'linear') return { type, factor: parseConfig(own, kinds.linear).factor };
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

/** YaRN's factor of cosines and sines, 0.1 m ln(factor) + 1; a ratio of two where the file has both of its weights m. */
function attentionFactor(factor: number, mscale?: number | null, mscaleAll?: number | null): number {
  const scale = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  return mscale && mscaleAll ? scale(mscale) / scale(mscaleAll) : scale(1);
}
