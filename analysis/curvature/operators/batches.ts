import type { Vector } from '../../../compute/tensors.ts';
import { LambdamaxError } from '../../../errors.ts';
import type { BatchValue } from '../../../numerics/krylov/operator.ts';

/** Anything that belongs to one batch and weighs as much as the batch has scored tokens. */
export interface Weighted {
  /** Scored tokens of the batch, at least 1. */
  readonly scored: number;
}

/**
 * Each batch's share n_i / N of all scored tokens, in order. With these weights, means over batches equal the mean over all
 * scored tokens at once, however the rows were split. Throws a LambdamaxError for no batches, or one without scored tokens.
 */
export function shares(batches: readonly Weighted[]): number[] {
  if (batches.length === 0)
    throw new LambdamaxError({ subject: 'mean over batches', expected: 'one batch or more', got: 0 });
  for (const [index, { scored }] of batches.entries()) {
    if (!(Number.isInteger(scored) && scored >= 1)) {
      throw new LambdamaxError({
        subject: `batch ${index} of a mean over batches`,
        expected: 'a whole number of scored tokens from 1',
        got: scored,
        remedy: 'leave out batches in which no token is scored',
      });
    }
  }
  const total = batches.reduce((sum, { scored }) => sum + scored, 0);
  return batches.map(({ scored }) => scored / total);
}

/**
 * sum_i (n_i / N) product_i [size], in float64 whatever the products are, and added up in the order of the batches whichever is
 * there first. So many products are under way, or held, at a time.
 */
export async function weightedSum<Batch extends Weighted>(
  size: number,
  batches: readonly Batch[],
  product: (batch: Batch) => Promise<Vector> | Vector,
  atOnce = 1,
): Promise<Float64Array> {
  const sum = new Float64Array(size);
  const weights = shares(batches);
  for await (const [index, part] of resultsInOrder(batches, atOnce, product)) {
    const weight = weights[index]!;
    if (part.length !== size) {
      throw new LambdamaxError({ subject: `product on batch ${index}`, expected: `${size} entries`, got: part.length });
    }
    for (let i = 0; i < size; i++) sum[i] = sum[i]! + weight * part[i]!;
  }
  return sum;
}

/** Each item's result with its index, in the order of the items; so many are under way, or held, at a time. */
export async function* resultsInOrder<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  run: (item: Item) => Promise<Result> | Result,
): AsyncGenerator<readonly [index: number, result: Result]> {
  const underWay: Promise<Result>[] = [];
  for (let next = 0, done = 0; done < items.length; done++) {
    for (; next < items.length && underWay.length < atOnce; next++) {
      const started = Promise.resolve(run(items[next]!));
      // Its turn to be waited for may never come, if one before it fails.
      started.catch(() => {});
      underWay.push(started);
    }
    yield [done, await underWay.shift()!];
  }
}

/** sum_i (n_i / N) value_i. */
export function weightedMean(values: readonly BatchValue[]): number {
  const weights = shares(values);
  return values.reduce((sum, { value }, index) => sum + weights[index]! * value, 0);
}

/**
 * The standard error of {@link weightedMean}, the batches taken as a random sample: with w_i = n_i / N, b batches and m their
 * weighted mean, sqrt(b / (b - 1) sum_i w_i^2 (value_i - m)^2); for equal weights the sample's standard deviation over
 * sqrt(b). Linearised ratio estimator, Cochran, Sampling Techniques, 3rd edition, chapter 6. Null for a single batch.
 *
 * For Rayleigh quotients at the top eigenvector it tells how much lambda_max owes to the choice of batches, to first order:
 * the eigenvector's own dependence on them enters in second order only.
 */
export function standardErrorOverBatches(values: readonly BatchValue[]): number | null {
  const count = values.length;
  const mean = weightedMean(values);
  if (count === 1) return null;
  const weights = shares(values);
  const squares = values.reduce((sum, { value }, index) => sum + (weights[index]! * (value - mean)) ** 2, 0);
  return Math.sqrt((count / (count - 1)) * squares);
}
