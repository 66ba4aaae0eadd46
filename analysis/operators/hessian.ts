import type { Linearised } from '../../compute/program.ts';
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

/** The Hessian of the mean loss over all scored tokens of all batches, with the loss and the gradient at the same point. */
export interface HessianOperator extends BatchedOperator {
  /** Mean loss in nats per scored token. */
  readonly loss: number;
  /** Its gradient [size], in float64. */
  readonly gradient: Float64Array;
  /** Releases the linearised batches; no product may follow. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * H = sum_i (n_i / N) H_i, H_i the Hessian of batch i's mean loss over its n_i scored tokens and N their sum: the Hessian of
 * the mean loss over all scored tokens at once. All parts must be linearised at one point; the operator then owns them.
 *
 *     await using operator = await hessian([{ scored: 120, linearised: await program.linearise(point, batch) }]);
 *
 * Throws a LambdamaxError for no parts, a part without scored tokens, or parts of different sizes or precisions.
 */
export async function hessian(parts: readonly BatchCurvature[]): Promise<HessianOperator> {
  shares(parts);
  const first = parts[0]!.linearised.gradient;
  const size = first.length;
  for (const [index, { linearised }] of parts.entries()) {
    if (precisionOf(linearised.gradient) === precisionOf(first)) continue;
    throw new LambdamaxError({
      subject: `linearised batch ${index}`,
      expected: `${precisionOf(first)} as batch 0`,
      got: precisionOf(linearised.gradient),
    });
  }
  const release = async (): Promise<void> => {
    await Promise.all(parts.map(({ linearised }) => linearised.release()));
  };
  const self: HessianOperator = {
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
