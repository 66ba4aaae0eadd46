import { type BatchCurvature, batchedCurvature, type CurvatureOperator } from './curvature.ts';

/**
 * The Hessian of the mean loss over all scored tokens: H = sum_i (n_i / N) H_i over batches of n_i scored tokens, N in all.
 *
 *     await using operator = await hessian([{ scored: 120, linearised: await program.linearise(point, batch) }]);
 *
 * All parts must be linearised at one point; the operator then owns them. Throws as `batchedCurvature`.
 */
export function hessian(parts: readonly BatchCurvature[]): Promise<CurvatureOperator> {
  return batchedCurvature('hessian', parts);
}
