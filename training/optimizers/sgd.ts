import { type TensorSpec, totalSize } from '../../compute/tensors.ts';
import { type GroupOptions, segmentsOf, spread } from './groups.ts';
import { checkArgument, checkStep, copyVectors, type Optimizer, restoreVectors } from './optimizer.ts';

/** Settings of gradient descent; the defaults are PyTorch's. */
export interface SgdOptions extends GroupOptions {
  /** How much of the velocity is kept in a step, in [0, 1); 0 is plain gradient descent. */
  readonly momentum?: number;
}

/** The settings of gradient descent where none are given. */
export const sgdDefaults = { momentum: 0 } as const;

/**
 * Gradient descent with heavy-ball momentum, as PyTorch's `SGD` without dampening: with g' = g + weightDecay p,
 * u <- momentum u + g' (u = g' in the first step), p <- p - lr u: weight decay is an L2 penalty's gradient. Polyak 1964; Sutskever et al. 2013.
 *
 * @throws ArgumentError that names the field for settings out of range.
 */
export function sgd(specs: readonly TensorSpec[], options: SgdOptions = {}): Optimizer {
  const { momentum = sgdDefaults.momentum } = options;
  checkArgument('momentum', momentum, 'a number from 0 to below 1', (value) => value >= 0 && value < 1);
  const segments = segmentsOf(specs, options);
  const size = totalSize(specs);
  const velocity = new Float64Array(momentum === 0 ? 0 : size);
  const vectors = momentum === 0 ? {} : { velocity };
  let steps = 0;

  return {
    name: 'sgd',
    step(parameters, gradient, learningRate) {
      checkStep(size, parameters, gradient, learningRate);
      steps += 1;
      for (const { start, end, rateFactor, weightDecay } of segments) {
        const rate = rateFactor * learningRate;
        for (let index = start; index < end; index++) {
          const value = parameters[index]!;
          let move = gradient[index]! + weightDecay * value;
          if (momentum !== 0) {
            move += momentum * velocity[index]!;
            velocity[index] = move;
          }
          parameters[index] = value - rate * move;
        }
      }
    },
    state: () => ({ optimizer: 'sgd', steps, vectors: copyVectors(vectors) }),
    restore(state) {
      restoreVectors('sgd', vectors, state);
      steps = state.steps;
    },
    stepRule: () => ({
      memory: momentum,
      gain: 1,
      scale: spread(segments, ({ rateFactor }) => rateFactor),
      penalty: spread(segments, ({ weightDecay }) => weightDecay),
      decay: new Float64Array(size),
    }),
  };
}
