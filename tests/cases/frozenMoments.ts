import type { TensorSpec } from '../../compute/tensors.ts';
import { createOptimizer, type OptimizerOptions } from '../../training/optimizers/index.ts';
import type { Optimizer } from '../../training/optimizers/optimizer.ts';

/**
 * An optimizer that keeps second moments, with these and for good: so long on its way, and with a beta2 so near 1, that no further
 * gradient changes them by more than rounding does.
 */
export function withFrozenMoments(
  name: string,
  specs: readonly TensorSpec[],
  secondMoment: Float64Array,
  options: OptimizerOptions,
): Optimizer {
  const optimizer = createOptimizer(name, specs, { ...options, betas: [options.betas?.[0] ?? 0.9, 1 - 2 ** -50] });
  const firstMoment = new Float64Array(secondMoment.length);
  optimizer.restore({ optimizer: name, steps: 2 ** 60, vectors: { firstMoment, secondMoment } });
  return optimizer;
}
