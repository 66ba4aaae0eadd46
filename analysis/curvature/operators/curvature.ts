import type { Curvature, Linearised, LinearisedBlock } from '../../../compute/program.ts';
import { precisionOf, type TensorSpec, totalSize, type Vector, viewTensors } from '../../../compute/tensors.ts';
import { LambdamaxError } from '../../../errors.ts';
import { type BatchedOperator, type BatchValue, checkLength } from '../../../numerics/krylov/operator.ts';
import { axpy, dot } from '../../../numerics/vectors.ts';
import { resultsInOrder, shares, weightedMean, weightedSum } from './batches.ts';

/** The loss linearised at one point on one batch. Its value is the mean over the batch's scored tokens. */
export interface BatchCurvature {
  readonly scored: number;
  readonly linearised: Linearised;
}

/** A curvature of the mean loss in some parameters, all others held fixed. */
export interface BlockOperator extends BatchedOperator {
  /** Frees what was compiled for the block, and nothing of the whole; no product may follow. To be called once. */
  release(): Promise<void>;
}

/** A curvature of the mean loss over all scored tokens of all batches, with the loss and the gradient at the same point. */
export interface CurvatureOperator extends BatchedOperator {
  /** Mean loss in nats per scored token. */
  readonly loss: number;
  /** Its gradient [size], in float64. */
  readonly gradient: Float64Array;
  /**
   * P H P', the principal block of some tensors in the order of their names. It shares the linearised batches, and its products
   * leave out what the block does not need. Throws a LambdamaxError as `Linearised.block`.
   */
  block(tensors: readonly string[]): Promise<BlockOperator>;
  /** Releases the linearised batches; no product may follow, of blocks neither. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * sum_i (n_i / N) C_i, C_i the curvature of batch i's mean loss over its n_i scored tokens and N their sum: the curvature of
 * the mean loss over all scored tokens at once. All parts must be linearised at one point; the operator then owns them.
 * Throws a LambdamaxError for no parts, a part without scored tokens, parts of different sizes or precisions, and for one
 * that was linearised as another curvature.
 *
 * @param atOnce how many batches' products are asked for at a time: more than one only where they are computed elsewhere. The
 * results are the same.
 */
export async function batchedCurvature(
  curvature: Curvature,
  parts: readonly BatchCurvature[],
  atOnce = 1,
): Promise<CurvatureOperator> {
  shares(parts);
  requireOneKind(curvature, parts);
  const whole = meanOperator(
    parts.map((part) => ({ ...part, product: part.linearised })),
    atOnce,
  );
  const release = async (): Promise<void> => {
    await Promise.all(parts.map(({ linearised }) => linearised.release()));
  };
  return {
    ...whole,
    loss: weightedMean(parts.map(({ scored, linearised }) => ({ scored, value: linearised.value }))),
    gradient: await weightedSum(whole.size, parts, ({ linearised }) => linearised.gradient),
    block: (tensors) => blockOperator(parts, tensors, atOnce),
    release,
    [Symbol.asyncDispose]: release,
  };
}

function requireOneKind(curvature: Curvature, parts: readonly BatchCurvature[]): void {
  const first = parts[0]!.linearised.gradient;
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
}

async function blockOperator(
  parts: readonly BatchCurvature[],
  tensors: readonly string[],
  atOnce: number,
): Promise<BlockOperator> {
  const blocks: LinearisedBlock[] = [];
  const release = async (): Promise<void> => {
    for (const block of blocks) await block.release();
  };
  try {
    for await (const [, block] of resultsInOrder(parts, atOnce, ({ linearised }) => linearised.block(tensors)))
      blocks.push(block);
  } catch (error) {
    await release();
    throw error;
  }
  const own = parts.map((part, index) => ({ ...part, product: blocks[index]! }));
  return { ...meanOperator(own, atOnce), release };
}

/** A batch, and what multiplies with its curvature or with a block of that. */
interface Part extends BatchCurvature {
  readonly product: Pick<LinearisedBlock, 'parameters' | 'apply' | 'rerounded'>;
}

function meanOperator(parts: readonly Part[], atOnce: number): BatchedOperator {
  const [{ linearised, product }] = parts as [Part];
  const self: BatchedOperator = {
    size: totalSize(product.parameters),
    precision: precisionOf(linearised.gradient),
    async apply(v) {
      checkLength(self, v);
      return weightedSum(self.size, parts, ({ product }) => product.apply(v), atOnce);
    },
    async rerounded(vectors) {
      const sums = vectors.map(() => new Float64Array(self.size));
      const weights = shares(parts);
      for await (const [index, images] of resultsInOrder(parts, atOnce, ({ product }) => product.rerounded(vectors)))
        for (const [k, image] of images.entries()) axpy(weights[index]!, image, sums[k]!);
      return sums;
    },
    async rayleighQuotients(v) {
      checkLength(self, v);
      const quotients: BatchValue[] = [];
      for await (const [index, image] of resultsInOrder(parts, atOnce, ({ product }) => product.apply(v)))
        quotients.push({ scored: parts[index]!.scored, value: dot(v, image) / dot(v, v) });
      return quotients;
    },
    async whereNotFinite(v) {
      checkLength(self, v);
      for (const [index, part] of parts.entries()) {
        const found = await firstNotFinite(part, v);
        if (found !== null) return `${found} on batch ${index + 1} of ${parts.length}`;
      }
      return null;
    },
  };
  return self;
}

async function firstNotFinite({ linearised, product }: Part, v: Vector): Promise<string | null> {
  if (!Number.isFinite(linearised.value)) return 'the loss';
  const inGradient = tensorNotFinite(linearised.gradient, linearised.parameters);
  if (inGradient !== null) return `the gradient of ${inGradient}`;
  const inProduct = tensorNotFinite(await product.apply(v), product.parameters);
  return inProduct === null ? null : `the product's part ${inProduct}`;
}

/** The name of the first tensor with an entry that is not finite. */
function tensorNotFinite(vector: Vector, specs: readonly TensorSpec[]): string | null {
  for (const [name, values] of viewTensors(vector, specs)) if (!values.every(Number.isFinite)) return name;
  return null;
}
