import { LambdamaxError } from '../../errors.ts';
import {
  type AdaptiveOptimizer,
  checkOption,
  checkStep,
  copyVectors,
  type OptimizerState,
  restoreVectors,
} from './optimizer.ts';

/** Adam's settings; the defaults are PyTorch's, but no decay. */
export interface AdamOptions {
  /** How much of each running mean is kept in a step, both in [0, 1); 0.9, 0.999. */
  readonly betas?: readonly [beta1: number, beta2: number];
  /** Added to the root of the second moment; above 0; 1e-8. */
  readonly eps?: number;
  /** At least 0; 0. */
  readonly weightDecay?: number;
}

/**
 * Adam with decoupled weight decay, as PyTorch's `AdamW`. With gradient g and rate lr, step t = 1, 2, ...:
 *
 *     p <- p (1 - lr weightDecay)
 *     m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
 *     p <- p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2.
 *
 * @throws UsageError that names the option for settings out of range.
 */
export function adamw(size: number, options: AdamOptions = {}): AdaptiveOptimizer {
  return adaptive('adamw', size, options);
}

/**
 * Adam, as PyTorch's `Adam`: the steps of {@link adamw}, but weight decay is the gradient of an L2 penalty,
 * g + weightDecay p, and so passes through the moments. Kingma and Ba 2015, arXiv 1412.6980, algorithm 1.
 */
export function adam(size: number, options: AdamOptions = {}): AdaptiveOptimizer {
  return adaptive('adam', size, options);
}

function adaptive(name: 'adam' | 'adamw', size: number, options: AdamOptions): AdaptiveOptimizer {
  const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
  const [beta1, beta2] = betas;
  for (const beta of betas)
    checkOption('--betas', beta, 'numbers from 0 to below 1', (value) => value >= 0 && value < 1);
  checkOption('--eps', eps, 'a number above 0', (value) => value > 0 && value < Infinity);
  checkOption('--weight-decay', weightDecay, 'a number of at least 0', (value) => value >= 0 && value < Infinity);

  const firstMoment = new Float64Array(size);
  const secondMoment = new Float64Array(size);
  const vectors = { firstMoment, secondMoment };
  let steps = 0;

  return {
    name,
    step(parameters, gradient, learningRate) {
      checkStep(size, parameters, gradient, learningRate);
      steps += 1;
      const keep = name === 'adamw' ? 1 - learningRate * weightDecay : 1;
      const penalty = name === 'adam' ? weightDecay : 0;
      const rate = learningRate / (1 - beta1 ** steps);
      const rootScale = 1 / Math.sqrt(1 - beta2 ** steps);
      for (let index = 0; index < size; index++) {
        const value = parameters[index]!;
        const slope = gradient[index]! + penalty * value;
        const first = beta1 * firstMoment[index]! + (1 - beta1) * slope;
        const second = beta2 * secondMoment[index]! + (1 - beta2) * slope * slope;
        firstMoment[index] = first;
        secondMoment[index] = second;
        parameters[index] = keep * value - (rate * first) / (rootScale * Math.sqrt(second) + eps);
      }
    },
    state: () => ({ optimizer: name, steps, vectors: copyVectors(vectors) }),
    restore(state: OptimizerState) {
      restoreVectors(name, vectors, state);
      steps = state.steps;
    },
    secondMoment() {
      if (steps === 0) {
        throw new LambdamaxError({
          subject: `the second moment of ${name}`,
          expected: 'at least one step before it is read',
          got: `${steps} steps`,
        });
      }
      const correction = 1 / (1 - beta2 ** steps);
      return secondMoment.map((second) => second * correction);
    },
  };
}
