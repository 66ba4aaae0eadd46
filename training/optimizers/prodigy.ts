import { type TensorSpec, totalSize } from '../../compute/tensors.ts';
import { ArgumentError } from '../../errors.ts';
import { type AdamOptions, adamDefaults, checkMoments } from './adamw.ts';
import { segmentsOf } from './groups.ts';
import { checkStep, copyVectors, type Optimizer, restoreVectors } from './optimizer.ts';

/** Prodigy's first estimate of the distance, small beside any. */
const firstDistance = 1e-6;

/**
 * Prodigy: AdamW that estimates its own learning rate as it goes. The rate given is a factor of that, usually 1. With x0 where it
 * began, gradient g, rate lr, distance d (d0 = 1e-6 at first) and beta3 = sqrt(beta2):
 *
 *     r <- beta3 r + d^2 lr / d0 g'(x0 - x)         s <- beta3 s + d^2 lr / d0 g
 *     m <- beta1 m + (1 - beta1) d g                v <- beta2 v + (1 - beta2) d^2 g^2
 *     d' = max(d, r / |s|_1)                        x <- x (1 - d lr weightDecay) - d lr m / (sqrt(v) + d' eps)         d <- d'
 *
 * Mishchenko and Defazio 2023, arXiv 2306.06101, algorithm 4, as its authors' package `prodigyopt` computes it by default: without
 * bias correction. A step at the rate 0 leaves r, s and the moments as they are, as there.
 *
 * @throws ArgumentError for settings out of range, and for tensors with a rate of their own other than 0.
 */
export function prodigy(specs: readonly TensorSpec[], options: AdamOptions = {}): Optimizer {
  const { betas = adamDefaults.betas, eps = adamDefaults.eps } = options;
  checkMoments(betas, eps);
  const segments = segmentsOf(specs, options);
  for (const { rateFactor } of segments)
    if (rateFactor !== 0 && rateFactor !== 1)
      throw new ArgumentError({
        subject: 'rate factors of prodigy',
        expected: '0 or 1, as it has one rate for all tensors',
        got: rateFactor,
      });
  const size = totalSize(specs);
  const [beta1, beta2] = betas;
  const beta3 = Math.sqrt(beta2);
  const vectors = {
    firstMoment: new Float64Array(size),
    secondMoment: new Float64Array(size),
    /** The s above. */
    weightedGradients: new Float64Array(size),
    /** x0. */
    origin: new Float64Array(size),
    /** d and r. */
    estimate: Float64Array.of(firstDistance, 0),
  };
  const { firstMoment, secondMoment, weightedGradients, origin, estimate } = vectors;
  let steps = 0;

  return {
    name: 'prodigy',
    step(parameters, gradient, learningRate) {
      checkStep(size, parameters, gradient, learningRate);
      if (steps === 0) origin.set(parameters);
      steps += 1;
      if (learningRate === 0) return;
      const moving = segments.filter(({ rateFactor }) => rateFactor === 1);
      const distance = estimate[0]!;
      const rate = distance * learningRate;
      const weight = (distance / firstDistance) * rate;
      let [progress, norm] = [beta3 * estimate[1]!, 0];
      for (const { start, end } of moving) {
        let along = 0;
        for (let index = start; index < end; index++) {
          const slope = gradient[index]!;
          along += slope * (origin[index]! - parameters[index]!);
          firstMoment[index] = beta1 * firstMoment[index]! + (1 - beta1) * distance * slope;
          secondMoment[index] = beta2 * secondMoment[index]! + (1 - beta2) * distance * distance * slope * slope;
          weightedGradients[index] = beta3 * weightedGradients[index]! + weight * slope;
          norm += Math.abs(weightedGradients[index]!);
        }
        progress += weight * along;
      }
      // No gradient has been other than zero yet.
      if (norm === 0) return;
      const estimated = progress / norm;
      // Not Math.max, so that an estimate that is no number leaves the one before.
      const next = estimated > distance ? estimated : distance;
      estimate.set([next, progress]);
      for (const { start, end, weightDecay } of moving) {
        const keep = 1 - rate * weightDecay;
        for (let index = start; index < end; index++) {
          const move = (rate * firstMoment[index]!) / (Math.sqrt(secondMoment[index]!) + next * eps);
          parameters[index] = keep * parameters[index]! - move;
        }
      }
    },
    state: () => ({ optimizer: 'prodigy', steps, vectors: copyVectors(vectors) }),
    restore(state) {
      restoreVectors('prodigy', vectors, state);
      steps = state.steps;
    },
  };
}
