import type { Curvature, Linearised } from '../../compute/program.ts';
import { precisionOf, type Vector } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import { dot } from '../vectors.ts';
import { shares, weightedMean, weightedSum } from './batches.ts';
import { type BatchedOperator, type BatchValue, checkLength } from './operator.ts';

/** The loss linearised at one point on one batch. Its value is the mean over the batch's scored tokens. */
export interface BatchCurvature {
  readonly scored: number;
  readonly linearised: Linearised;
}

/** A curvature of the mean loss over all scored tokens of all batches, with the loss and the gradient at the same point. */
export interface CurvatureOperator extends BatchedOperator {
  /** Mean loss in nats per scored token. */
  readonly loss: number;
  /** Its gradient [size], in float64. */
  readonly gradient: Float64Array;
  /** Releases the linearised batches; no product may follow. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * sum_i (n_i / N) C_i, C_i the curvature of batch i's mean loss over its n_i scored tokens and N their sum: the curvature of
 * the mean loss over all scored tokens at once. All parts must be linearised at one point; the operator then owns them.
 * Throws a LambdamaxError for no parts, a part without scored tokens, parts of different sizes or precisions, and for one
 * that was linearised as another curvature.
 */
export async function batchedCurvature(
  curvature: Curvature,
  parts: readonly BatchCurvature[],
): Promise<CurvatureOperator> {
  shares(parts);
  const first = parts[0]!.linearised.gradient;
  const size = first.length;
  for (const [index, { linearised }] of parts.entries()) {
    if (linearised.curvature !== curvature)
      throw new LambdamaxError({
        subject: `linearised batch ${index}`,
        expected: `the curvature ${curvature}`,
        got: linearised.curvature,
        remedy: `linearise(program, point, batch, '${curvature}')`,
      });
    if (precisionOf(linearised.gradient) !== precisionOf(first))
      throw new LambdamaxError({
        subject: `linearised batch ${index}`,
        expected: `${precisionOf(first)} as batch 0`,
        got: precisionOf(linearised.gradient),
      });
  }
  const release = async (): Promise<void> => {
    await Promise.all(parts.map(({ linearised }) => linearised.release()));
  };
  const self: CurvatureOperator = {
    size,
    precision: precisionOf(first),
    loss: weightedMean(parts.map(({ scored, linearised }) => ({ scored, value: linearised.value }))),
    gradient: await weightedSum(size, parts, ({ linearised }) => linearised.gradient),
    async apply(v: Vector) {
      checkLength(self, v);
      return weightedSum(size, parts, ({ linearised }) => linearised.apply(v));
    },
    async rayleighQuotients(v: Vector) {
      checkLength(self, v);
      const quotients: BatchValue[] = [];
      for (const { scored, linearised } of parts) {
        quotients.push({ scored, value: dot(v, await linearised.apply(v)) / dot(v, v) });
      }
      return quotients;
    },
    release,
    [Symbol.asyncDispose]: release,
  };
  return self;
}
