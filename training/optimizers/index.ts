import type { TensorSpec } from '../../compute/tensors.ts';
import { ArgumentError } from '../../errors.ts';
import { adam, adamw } from './adamw.ts';
import { type LoftOptions, loft } from './loft.ts';
import { type LoraPlusOptions, loraPlus } from './loraPlus.ts';
import type { Optimizer } from './optimizer.ts';
import { type SgdOptions, sgd } from './sgd.ts';

/** Settings of every optimizer together; each takes its own and leaves the rest. */
export interface OptimizerOptions extends LoraPlusOptions, LoftOptions, SgdOptions {}

type OptimizerMaker = (parameters: readonly TensorSpec[], options: OptimizerOptions) => Optimizer;

/** All optimizers, sorted by name; a new one is a file and a line. */
const makers: Readonly<Record<string, OptimizerMaker>> = {
  adam,
  adamw,
  loft,
  'lora+': loraPlus,
  sgd,
};

/** The names of all optimizers, sorted. */
export const optimizerNames: readonly string[] = Object.keys(makers);

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
  if (!Object.hasOwn(makers, name)) {
    throw new ArgumentError({ subject: 'optimizer', expected: `one of ${optimizerNames.join(', ')}`, got: name });
  }
  return makers[name]!(parameters, options);
}
