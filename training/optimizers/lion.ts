import { type TensorSpec, totalSize } from '../../compute/tensors.ts';
import { type GroupOptions, segmentsOf } from './groups.ts';
import { checkBetas, checkStep, copyVectors, type Optimizer, restoreVectors } from './optimizer.ts';

/** Lion's settings; what is not given is that of `lionDefaults`. */
export interface LionOptions extends GroupOptions {
  /** How much of the momentum counts in a step, and how much of it is kept; both in [0, 1). */
  readonly betas?: readonly [beta1: number, beta2: number];
}

/** Lion's settings where none are given: its authors'. */
export const lionDefaults = { betas: [0.9, 0.99] } as const;

/**
 * Lion, which moves every parameter by the rate or not at all. With gradient g and rate lr:
 *
 *     p <- p (1 - lr weightDecay) - lr sign(beta1 m + (1 - beta1) g)          m <- beta2 m + (1 - beta2) g
 *
 * Chen et al. 2023, arXiv 2302.06675, algorithm 2. Its steps are no linear rule: they keep their size as the gradient shrinks.
 *
 * @throws ArgumentError that names the field for settings out of range.
 */
export function lion(specs: readonly TensorSpec[], options: LionOptions = {}): Optimizer {
  const { betas = lionDefaults.betas } = options;
  checkBetas(betas);
  const segments = segmentsOf(specs, options);
  const size = totalSize(specs);
  const [beta1, beta2] = betas;
  const momentum = new Float64Array(size);
  const vectors = { momentum };
  let steps = 0;

  return {
    name: 'lion',
    step(parameters, gradient, learningRate) {
      checkStep(size, parameters, gradient, learningRate);
      steps += 1;
      for (const { start, end, rateFactor, weightDecay } of segments) {
        const rate = rateFactor * learningRate;
        const keep = 1 - rate * weightDecay;
        for (let index = start; index < end; index++) {
          const slope = gradient[index]!;
          const mean = momentum[index]!;
          parameters[index] = keep * parameters[index]! - rate * Math.sign(beta1 * mean + (1 - beta1) * slope);
          momentum[index] = beta2 * mean + (1 - beta2) * slope;
        }
      }
    },
    state: () => ({ optimizer: 'lion', steps, vectors: copyVectors(vectors) }),
    restore(state) {
      restoreVectors('lion', vectors, state);
      steps = state.steps;
    },
  };
}
