import type { Curvature } from '../compute/program.ts';
import type { Adapter } from '../training/adapters/create.ts';
import { batchesOf, toBatch } from '../training/data/batches.ts';
import type { TokenRow } from '../training/data/examples.ts';
import type { Model } from '../training/model.ts';
import type { BatchCurvature, CurvatureOperator } from './operators/curvature.ts';
import { gaussNewton } from './operators/gaussNewton.ts';
import { hessian } from './operators/hessian.ts';

/** How a curvature is measured on rows. */
export interface AdapterCurvatureOptions {
  /** Rows that are computed at once. */
  readonly batchSize: number;
  /** Default `hessian`. */
  readonly curvature?: Curvature;
  /** Batches whose kept values do not fit in here are computed anew for each product. Default 2 GB. */
  readonly mostKeptBytes?: number;
}

/** A curvature of the mean loss in an adapter's parameters, and what it was measured on. */
export interface AdapterCurvature extends CurvatureOperator {
  /** Scored tokens. */
  readonly tokens: number;
  readonly batches: number;
}

/**
 * A curvature of the mean loss over all scored tokens of the rows, in an adapter's parameters where they stand. The batches are
 * linearised once and kept for all products, as far as memory allows.
 */
export async function adapterCurvature(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  { batchSize, curvature = 'hessian', mostKeptBytes = 2e9 }: AdapterCurvatureOptions,
): Promise<AdapterCurvature> {
  const batches = batchesOf(rows, batchSize).map((part) => toBatch(part, { precision: model.precision }));
  const parts: BatchCurvature[] = [];
  let [kept, largest] = [0, 0];
  for (const batch of batches) {
    const program = model.program(adapter.layout, batch);
    // What one more batch takes is known only from those before it: the largest, to be safe.
    const keep = kept + largest <= mostKeptBytes;
    const linearised = await program.linearise(adapter, batch.inputs, curvature, { keep });
    kept += linearised.keptBytes;
    largest = Math.max(largest, linearised.keptBytes);
    parts.push({ scored: batch.scored, linearised });
  }
  const operator: CurvatureOperator = await { hessian, gaussNewton }[curvature](parts);
  const tokens = batches.reduce((sum, { scored }) => sum + scored, 0);
  return { ...operator, tokens, batches: batches.length };
}
