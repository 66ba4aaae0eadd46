import { checkOption, checkStep, copyVectors, type Optimizer, restoreVectors } from './optimizer.ts';

/** Settings of gradient descent; the defaults are PyTorch's. */
export interface SgdOptions {
  /** How much of the velocity is kept in a step, in [0, 1); 0 is plain gradient descent. */
  readonly momentum?: number;
  /** Factor of the L2 penalty's gradient, at least 0; 0. */
  readonly weightDecay?: number;
}

/**
 * Gradient descent with heavy-ball momentum, as PyTorch's `SGD` without dampening: with g' = g + weightDecay p,
 * u <- momentum u + g' (u = g' in the first step), p <- p - lr u. Polyak 1964; Sutskever et al. 2013.
 *
 * @throws UsageError that names the option for settings out of range.
 */
export function sgd(size: number, options: SgdOptions = {}): Optimizer {
  const { momentum = 0, weightDecay = 0 } = options;
  checkOption('--momentum', momentum, 'a number from 0 to below 1', (value) => value >= 0 && value < 1);
  checkOption('--weight-decay', weightDecay, 'a number of at least 0', (value) => value >= 0 && value < Infinity);

  const velocity = new Float64Array(momentum === 0 ? 0 : size);
  const vectors = momentum === 0 ? {} : { velocity };
  let steps = 0;

  return {
    name: 'sgd',
    step(parameters, gradient, learningRate) {
      checkStep(size, parameters, gradient, learningRate);
      steps += 1;
      for (let index = 0; index < size; index++) {
        const value = parameters[index]!;
        let move = gradient[index]! + weightDecay * value;
        if (momentum !== 0) {
          move += momentum * velocity[index]!;
          velocity[index] = move;
        }
        parameters[index] = value - learningRate * move;
      }
    },
    state: () => ({ optimizer: 'sgd', steps, vectors: copyVectors(vectors) }),
    restore(state) {
      restoreVectors('sgd', vectors, state);
      steps = state.steps;
    },
  };
}
