import type { RotaryEmbedding, RotaryScaling } from '../../models/rotary.ts';
import type { Metadata } from './metadata.ts';

/** What a rotary embedding depends on beside its own fields. */
export interface RotaryPlaces {
  readonly headSize: number;
  readonly maxPositions: number;
  /** The tensor `rope_freqs.weight`: a divisor for the frequency of each pair of a head; null if there is none. */
  readonly divisors: Float32Array | null;
}

/**
 * The rotary embedding that `ARCHITECTURE.rope.*` and `rope_freqs.weight` describe. Throws a LambdamaxError that names the field for
 * one that turns a part of each head, for scaling other than `linear`, `yarn` as published and Llama 3's, and for two at once.
 */
export function rotaryOf(metadata: Metadata, architecture: string, places: RotaryPlaces): RotaryEmbedding {
  const { headSize } = places;
  const key = (name: string) => `${architecture}.rope.${name}`;
  metadata.only(key('dimension_count'), [headSize]);
  const theta = metadata.number(key('freq_base')) ?? 10_000;
  if (!(theta > 0)) throw metadata.fault(key('freq_base'), 'a number above 0', theta);
  const scaling = scalingOf(metadata, key, places);
  const llama3 = llama3Scaling(metadata, theta, places);
  if (scaling && llama3) throw metadata.fault(key('scaling.type'), 'no scaling beside rope_freqs.weight', scaling.type);
  return { theta, scaling: scaling ?? llama3 };
}

function scalingOf(metadata: Metadata, key: (name: string) => string, places: RotaryPlaces): RotaryScaling | null {
  const type = metadata.text(key('scaling.type')) ?? 'linear';
  // The second is the name of old files.
  const old = metadata.number(key('scale_linear'));
  const factor = metadata.number(key('scaling.factor')) ?? old ?? 0;
  const original = metadata.count(key('scaling.original_context_length'), 0);
  // Whether a model was trained further with its scaling: a note.
  metadata.flag(key('scaling.finetuned'));
  for (const name of ['attn_factor', 'yarn_ext_factor', 'yarn_attn_factor']) metadata.only(key(`scaling.${name}`), [1]);
  const fastTurns = metadata.number(key('scaling.yarn_beta_fast')) ?? 32;
  const slowTurns = metadata.number(key('scaling.yarn_beta_slow')) ?? 1;
  if (factor < 0) throw metadata.fault(key('scaling.factor'), 'a number from 0 on', factor);
  if (type === 'none' || factor === 0 || factor === 1) return null;
  if (type === 'linear') return { type, factor };
  if (type !== 'yarn') throw metadata.fault(key('scaling.type'), 'none, linear or yarn', type, 'it is not read');
  return {
    ...{ type, factor, fastTurns, slowTurns, truncate: true },
    originalMaxPositions: original || places.maxPositions,
    attentionFactor: 0.1 * Math.log(factor) + 1,
  };
}

/** Llama 3.1 and all after it. */
const llama3 = { lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositions: 8192 } as const;

/**
 * llama.cpp keeps Llama 3's scaling as the divisors that follow from it. The largest is `factor`; the other settings are those of
 * every Llama 3, under which the divisors must come out as they are stored.
 */
function llama3Scaling(metadata: Metadata, theta: number, { headSize, divisors }: RotaryPlaces): RotaryScaling | null {
  if (divisors === null || divisors.every((divisor) => divisor === 1)) return null;
  const factor = Math.max(...divisors);
  const expected = llama3Divisors(theta, headSize, factor);
  // Both sides were rounded to float32 some ten times.
  const isClose = (divisor: number, index: number) => Math.abs(divisor - expected[index]!) <= 1e-5 * divisor;
  if (divisors.length === expected.length && divisors.every(isClose)) return { type: 'llama3', factor, ...llama3 };
  const remedy = 'these were made with other settings, which config.json has no way to say';
  throw metadata.fault('rope_freqs.weight', `the divisors of Llama 3's scaling by ${factor}`, [...divisors], remedy);
}

/** What each frequency is divided by, theta^(-2i/headSize) for pair i: 1 for high ones, `factor` for low ones, blended between. */
export function llama3Divisors(theta: number, headSize: number, factor: number): number[] {
  const { lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositions } = llama3;
  return Array.from({ length: headSize / 2 }, (_, pair) => {
    const turns = (originalMaxPositions * theta ** ((-2 * pair) / headSize)) / (2 * Math.PI);
    if (turns > high) return 1;
    if (turns < low) return factor;
    const share = (turns - low) / (high - low);
    return 1 / ((1 - share) / factor + share);
  });
}
