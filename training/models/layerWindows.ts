import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { type ConfigFile, parseConfig } from '../checkpoint/config.ts';
import { count } from './rotaryConfig.ts';

/** What `layer_types` in config.json may hold. */
export const layerTypes = z.array(z.enum(['full_attention', 'sliding_attention'])).nullish();

const schema = z.looseObject({
  layer_types: layerTypes,
  use_sliding_window: z.boolean().nullish(),
  sliding_window: count.nullish(),
  max_window_layers: z.int().min(0).nullish(),
});

/** The fields that `layerWindows` reads. */
export const windowFields = Object.keys(schema.shape);

/** How a family fills in what its config.json leaves out. */
export interface WindowDefaults {
  /** Which layers have the window; default: those from `max_window_layers` (28) on. */
  isSliding?(layer: number): boolean;
  /** The window; default 4096. */
  readonly fallback?: number | null;
}

/**
 * The sliding window of every layer, null for one that sees all, as Qwen's configs say it: none without
 * `use_sliding_window`; else by `layer_types`, or by the family's rule. Throws a LambdamaxError that names the key for a
 * list that does not fit.
 */
export function layerWindows(config: ConfigFile, layers: number, defaults: WindowDefaults = {}): (number | null)[] {
  const raw = parseConfig(config, schema);
  const given =
    raw.sliding_window === undefined
      ? defaults.fallback === undefined
        ? 4096
        : defaults.fallback
      : raw.sliding_window;
  const window = raw.use_sliding_window ? given : null;
  if (raw.layer_types) return windowsOf(config, raw.layer_types, layers, window);
  const isSliding = defaults.isSliding ?? ((layer: number) => layer >= (raw.max_window_layers ?? 28));
  return Array.from({ length: layers }, (_, layer) => (isSliding(layer) ? window : null));
}

/** The window of every layer by its type. Throws a LambdamaxError for a list of another length, and for no window. */
export function windowsOf(
  { file }: ConfigFile,
  types: readonly ('full_attention' | 'sliding_attention')[],
  layers: number,
  window: number | null,
): (number | null)[] {
  if (types.length !== layers)
    throw new LambdamaxError({
      subject: `layer_types in ${file}`,
      expected: `one for each of ${layers} layers`,
      got: `${types.length}`,
    });
  if (window === null && types.includes('sliding_attention'))
    throw new LambdamaxError({
      subject: `sliding_window in ${file}`,
      expected: 'a width, since some layer_types are sliding_attention',
      got: 'none in use',
    });
  return types.map((type) => (type === 'sliding_attention' ? window : null));
}
