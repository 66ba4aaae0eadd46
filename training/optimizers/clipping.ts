import type { Vector } from '../../compute/tensors.ts';
import { checkArgument } from './optimizer.ts';

/** The Euclidean norm of all entries together, summed in float64. */
export function globalNorm(vector: Vector): number {
  let sum = 0;
  for (let index = 0; index < vector.length; index++) sum += vector[index]! * vector[index]!;
  return Math.sqrt(sum);
}

/**
 * Scales a gradient in place by maxNorm / (norm + 1e-6) where that is below 1, as PyTorch's `clip_grad_norm_`, and
 * returns its norm before. A norm that is not finite leaves no finite gradient: look at it before taking the step.
 * Pascanu et al. 2013, arXiv 1211.5063, algorithm 1.
 *
 * @throws ArgumentError unless `maxNorm` is above 0.
 */
export function clipGlobalNorm(gradient: Vector, maxNorm: number): number {
  checkArgument('maxGradNorm', maxNorm, 'a number above 0', (value) => value > 0);
  const norm = globalNorm(gradient);
  // PyTorch's constant, which keeps a zero gradient from a division by zero.
  const factor = maxNorm / (norm + 1e-6);
  // Not `factor < 1`, so that a NaN norm spoils the gradient visibly.
  if (!(factor >= 1)) for (let index = 0; index < gradient.length; index++) gradient[index]! *= factor;
  return norm;
}
