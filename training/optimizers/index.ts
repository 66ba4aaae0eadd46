import type { TensorSpec } from '../../compute/tensors.ts';
import { ArgumentError } from '../../errors.ts';
import { adam, adamDefaults, adamw } from './adamw.ts';
import { genAdamw } from './genAdamw.ts';
import { groupDefaults } from './groups.ts';
import { lion, lionDefaults } from './lion.ts';
import { type LoftOptions, loft, loftDefaults } from './loft.ts';
import { type LoraPlusOptions, loraPlus } from './loraPlus.ts';
import type { Optimizer, OptimizerSettings } from './optimizer.ts';
import { prodigy } from './prodigy.ts';
import { type SgdOptions, sgd, sgdDefaults } from './sgd.ts';

/** Settings of every optimizer together; each takes its own and leaves the rest. */
export interface OptimizerOptions extends LoraPlusOptions, LoftOptions, SgdOptions {}

/** What settings are where neither the user nor the optimizer itself says otherwise: PyTorch's, but no decay. */
export const usualSettings: OptimizerSettings = { ...adamDefaults, ...groupDefaults, ...sgdDefaults };

/** An optimizer as it is known by its name. */
interface OptimizerDefinition {
  readonly create: (parameters: readonly TensorSpec[], options: OptimizerOptions) => Optimizer;
  /** The settings that it takes, in the order in which they are said. */
  readonly settings: readonly (keyof OptimizerSettings)[];
  /** Its own settings where they differ from `usualSettings`. */
  readonly defaults?: Partial<OptimizerSettings>;
}

const adamSettings = ['betas', 'eps', 'weightDecay'] as const;

/** All optimizers, sorted by name; a new one is a file and a line. */
const optimizers: Readonly<Record<string, OptimizerDefinition>> = {
  adam: { create: adam, settings: adamSettings },
  adamw: { create: adamw, settings: adamSettings },
  'gen-adamw': { create: genAdamw, settings: adamSettings },
  lion: { create: lion, settings: ['betas', 'weightDecay'], defaults: lionDefaults },
  loft: { create: loft, settings: adamSettings, defaults: loftDefaults },
  'lora+': { create: loraPlus, settings: adamSettings },
  prodigy: { create: prodigy, settings: adamSettings },
  sgd: { create: sgd, settings: ['momentum', 'weightDecay'] },
};

/** The names of all optimizers, sorted. */
export const optimizerNames: readonly string[] = Object.keys(optimizers);

/**
 * The optimizer called `name` for these parameters, flattened one after another.
 *
 * @throws ArgumentError that lists the known names, or names the setting that is out of range.
 */
export function createOptimizer(
  name: string,
  parameters: readonly TensorSpec[],
  options: OptimizerOptions = {},
): Optimizer {
  return definitionOf(name).create(parameters, options);
}

/**
 * The settings of an optimizer: what is asked for, else its own.
 *
 * @throws ArgumentError that lists the known names.
 */
export function optimizerSettings(
  name: string,
  asked: { readonly [Name in keyof OptimizerSettings]?: OptimizerSettings[Name] | undefined } = {},
): OptimizerSettings {
  const own = { ...usualSettings, ...definitionOf(name).defaults };
  const { betas = own.betas, eps = own.eps, weightDecay = own.weightDecay, momentum = own.momentum } = asked;
  return { betas, eps, weightDecay, momentum };
}

/**
 * The names of the settings that an optimizer takes; it leaves the others.
 *
 * @throws ArgumentError that lists the known names.
 */
export function settingsTaken(name: string): readonly (keyof OptimizerSettings)[] {
  return definitionOf(name).settings;
}

function definitionOf(name: string): OptimizerDefinition {
  if (Object.hasOwn(optimizers, name)) return optimizers[name]!;
  throw new ArgumentError({ subject: 'optimizer', expected: `one of ${optimizerNames.join(', ')}`, got: name });
}
