import type { TensorSpec } from '../../compute/tensors.ts';
import { ArgumentError } from '../../errors.ts';
import { type AdamOptions, adaptive } from './adamw.ts';
import type { OptimizerGroup } from './groups.ts';
import { type AdaptiveOptimizer, checkArgument } from './optimizer.ts';

/** LoRA+'s settings: those of AdamW, and one. */
export interface LoraPlusOptions extends AdamOptions {
  /** B's learning rate as a multiple of A's, above 0; 16. */
  readonly loraPlusRatio?: number | undefined;
}

/** LoRA+'s own setting where none is given. */
export const loraPlusDefaults = { loraPlusRatio: 16 } as const;

/**
 * AdamW with two learning rates: the schedule's for A, and `loraPlusRatio` times as much for B and for trainable vectors,
 * as PEFT's `create_loraplus_optimizer`. Hayou, Ghosh and Yu 2024, arXiv 2402.12354, section 4. Factors that
 * the user gives to tensors count instead of it.
 *
 * @throws ArgumentError for settings out of range, and for an adapter without B.
 */
export function loraPlus(parameters: readonly TensorSpec[], options: LoraPlusOptions = {}): AdaptiveOptimizer {
  const { loraPlusRatio = loraPlusDefaults.loraPlusRatio, groups = [], ...adam } = options;
  const faster = fasterTensors(parameters, loraPlusRatio);
  return adaptive('lora+', 'decoupled', parameters, { ...adam, groups: [...groups, faster] });
}

/** The group of B and of trainable vectors, whose rate is `ratio` times that of the rest. Throws as {@link loraPlus}. */
export function fasterTensors(parameters: readonly TensorSpec[], ratio: number): OptimizerGroup {
  checkArgument('loraPlusRatio', ratio, 'a number above 0', (value) => value > 0 && value < Infinity);
  if (!parameters.some(({ name }) => /lora_B/.test(name))) {
    throw new ArgumentError({
      subject: 'LoRA+',
      expected: 'an adapter with factors A and B',
      got: `tensors such as ${parameters[0]?.name}`,
      remedy: 'use adamw',
    });
  }
  const vectors = parameters
    .filter(({ shape }) => shape.length === 1)
    .map(({ name }) => `^${name.replaceAll('.', '\\.')}$`);
  return { tensors: ['lora_B', ...vectors].join('|'), rateFactor: ratio };
}
