import { type TensorSpec, totalSize } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import { type GroupOptions, segmentsOf, spread } from './groups.ts';
import {
  type AdaptiveOptimizer,
  checkArgument,
  checkBetas,
  checkStep,
  copyVectors,
  type OptimizerState,
  restoreVectors,
} from './optimizer.ts';

/** Adam's settings; what is not given is that of `adamDefaults`. */
export interface AdamOptions extends GroupOptions {
  /** How much of each running mean is kept in a step, both in [0, 1). */
  readonly betas?: readonly [beta1: number, beta2: number];
  /** Added to the root of the second moment; above 0. */
  readonly eps?: number;
}

/** Adam's settings where none are given: PyTorch's. */
export const adamDefaults = { betas: [0.9, 0.999], eps: 1e-8 } as const;

/**
 * Adam with decoupled weight decay, as PyTorch's `AdamW`. With gradient g and rate lr, step t = 1, 2, ...:
 *
 *     p <- p (1 - lr weightDecay)
 *     m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
 *     p <- p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2.
 *
 * @throws ArgumentError that names the field for settings out of range.
 */
export function adamw(parameters: readonly TensorSpec[], options: AdamOptions = {}): AdaptiveOptimizer {
  return adaptive('adamw', 'decoupled', parameters, options);
}

/**
 * Adam, as PyTorch's `Adam`: the steps of {@link adamw}, but weight decay is the gradient of an L2 penalty,
 * g + weightDecay p, and so passes through the moments. Kingma and Ba 2015, arXiv 1412.6980, algorithm 1.
 */
export function adam(parameters: readonly TensorSpec[], options: AdamOptions = {}): AdaptiveOptimizer {
  return adaptive('adam', 'penalty', parameters, options);
}

/** The common part, under the name by which its state is known again. */
export function adaptive(
  name: string,
  decay: 'decoupled' | 'penalty',
  specs: readonly TensorSpec[],
  options: AdamOptions,
): AdaptiveOptimizer {
  const { betas = adamDefaults.betas, eps = adamDefaults.eps } = options;
  checkMoments(betas, eps);
  const segments = segmentsOf(specs, options);
  const size = totalSize(specs);
  const [beta1, beta2] = betas;
  const firstMoment = new Float64Array(size);
  const secondMoment = new Float64Array(size);
  const vectors = { firstMoment, secondMoment };
  let steps = 0;
  const correctedMoment = (): Float64Array => {
    if (steps === 0) {
      throw new LambdamaxError({
        subject: `the second moment of ${name}`,
        expected: 'at least one step before it is read',
        got: `${steps} steps`,
      });
    }
    const correction = 1 / (1 - beta2 ** steps);
    return secondMoment.map((second) => second * correction);
  };

  return {
    name,
    step(parameters, gradient, learningRate) {
      checkStep(size, parameters, gradient, learningRate);
      steps += 1;
      const rootScale = 1 / Math.sqrt(1 - beta2 ** steps);
      for (const { start, end, rateFactor, weightDecay } of segments) {
        const rate = rateFactor * learningRate;
        const keep = decay === 'decoupled' ? 1 - rate * weightDecay : 1;
        const penalty = decay === 'penalty' ? weightDecay : 0;
        const stride = rate / (1 - beta1 ** steps);
        for (let index = start; index < end; index++) {
          const value = parameters[index]!;
          const slope = gradient[index]! + penalty * value;
          const first = beta1 * firstMoment[index]! + (1 - beta1) * slope;
          const second = beta2 * secondMoment[index]! + (1 - beta2) * slope * slope;
          firstMoment[index] = first;
          secondMoment[index] = second;
          parameters[index] = keep * value - (stride * first) / (rootScale * Math.sqrt(second) + eps);
        }
      }
    },
    state: () => ({ optimizer: name, steps, vectors: copyVectors(vectors) }),
    restore(state: OptimizerState) {
      restoreVectors(name, vectors, state);
      steps = state.steps;
    },
    secondMoment: correctedMoment,
    stepRule() {
      const factors = spread(segments, ({ rateFactor }) => rateFactor);
      const decays = spread(segments, ({ weightDecay }) => weightDecay);
      const none = new Float64Array(size);
      const firstCorrection = 1 - beta1 ** steps;
      return {
        memory: beta1,
        gain: 1 - beta1,
        scale: correctedMoment().map((second, index) =>
          second === 0 ? 0 : factors[index]! / (firstCorrection * (Math.sqrt(second) + eps)),
        ),
        penalty: decay === 'penalty' ? decays : none,
        decay: decay === 'decoupled' ? decays.map((rate, index) => rate * factors[index]!) : none,
      };
    },
  };
}

/** Refuses decay rates and an epsilon that Adam makes no sense with. */
export function checkMoments(betas: readonly [number, number], eps: number): void {
  checkBetas(betas);
  checkArgument('eps', eps, 'a number above 0', (value) => value > 0 && value < Infinity);
}
