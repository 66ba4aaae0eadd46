import { type BatchCurvature, batchedCurvature, type CurvatureOperator } from './curvature.ts';

/**
 * The generalised Gauss-Newton matrix of the mean loss over all scored tokens: G = sum_i (n_i / N) J_i' (d2 loss / dz2) J_i
 * over batches of n_i scored tokens, N in all. Positive semidefinite for the cross-entropy, whose own second derivative
 * is, and then the Fisher matrix too (Martens 2014, arXiv 1412.1193).
 *
 *     const linearised = await program.linearise(point, batch, 'gaussNewton');
 *     await using operator = await gaussNewton([{ scored: 120, linearised }]);
 *
 * All parts must be linearised at one point; the operator then owns them. Throws as `batchedCurvature`.
 */
export function gaussNewton(parts: readonly BatchCurvature[]): Promise<CurvatureOperator> {
  return batchedCurvature('gaussNewton', parts);
}
