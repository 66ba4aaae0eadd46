import type { RotaryEmbedding } from './rotary.ts';

/** What `rope_parameters` of a config.json says of a rotary embedding; `rotaryParameters` reads it. */
export function rotaryEntries({ theta, scaling }: RotaryEmbedding): Readonly<Record<string, unknown>> {
  return {
    rope_theta: theta,
    rope_type: scaling?.type ?? 'default',
    ...(scaling && { factor: scaling.factor }),
    ...(scaling?.type === 'llama3' && {
      low_freq_factor: scaling.lowFrequencyFactor,
      high_freq_factor: scaling.highFrequencyFactor,
      original_max_position_embeddings: scaling.originalMaxPositions,
    }),
    ...(scaling?.type === 'yarn' && {
      original_max_position_embeddings: scaling.originalMaxPositions,
      attention_factor: scaling.attentionFactor,
      beta_fast: scaling.fastTurns,
      beta_slow: scaling.slowTurns,
      truncate: scaling.truncate,
    }),
  };
}

/** The fields of a config.json whose layers all turn by one rotary embedding, such that transformers, old and new, finds it. */
export function rotaryFieldsFor(rotary: RotaryEmbedding): Readonly<Record<string, unknown>> {
  const { rope_theta, ...rest } = rotaryEntries(rotary);
  return {
    rope_parameters: { rope_theta, ...rest },
    // transformers before version 5 looks for them here.
    ...(rotary.scaling && { rope_scaling: rest }),
    rope_theta,
  };
}
