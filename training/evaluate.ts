import { viewTensors } from '../compute/index.ts';
import type { Adapter } from './adapters/create.ts';
import { emptyLayout } from './adapters/create.ts';
import { layoutTensors } from './adapters/layout.ts';
import { batchesOf, type TokenBatch, toBatch } from './data/batches.ts';
import { scoredPositions, type TokenRow } from './data/examples.ts';
import type { Model } from './model.ts';

/** How well a model predicts some rows. */
export interface EvaluateResult {
  /** The mean cross-entropy over all scored positions of all rows, in nats. */
  readonly loss: number;
  /** exp(loss). */
  readonly perplexity: number;
  /** Scored positions. */
  readonly tokens: number;
  readonly rows: number;
  /** The mean of each row alone. */
  readonly rowLosses: readonly number[];
  readonly seconds: number;
}

/**
 * The loss of a model on rows of tokens, with an adapter or without. Rows are sorted by length into batches, so that little
 * is padded; the result is in the order of the rows.
 */
export async function evaluate(
  model: Model,
  rows: readonly TokenRow[],
  { adapter, batchSize = 16 }: { readonly adapter?: Adapter; readonly batchSize?: number } = {},
): Promise<EvaluateResult> {
  const started = performance.now();
  const byLength = rows.map((_, index) => index).sort((a, b) => rows[a]!.inputIds.length - rows[b]!.inputIds.length);
  const rowLosses = new Array<number>(rows.length);
  let sum = 0;
  let tokens = 0;
  for (const indices of batchesOf(byLength, batchSize)) {
    const chosen = indices.map((index) => rows[index]!);
    const batch = toBatch(chosen, { rows: batchSize, precision: model.precision });
    const losses = await positionLosses(model, adapter, batch);
    for (const [place, index] of indices.entries()) {
      const scored = scoredPositions(rows[index]!);
      const start = place * batch.length;
      let rowSum = 0;
      for (let position = start; position < start + batch.length; position++)
        if (batch.inputs.lossWeights![position]! > 0) rowSum += losses[position]!;
      rowLosses[index] = rowSum / scored;
      sum += rowSum;
      tokens += scored;
    }
  }
  const loss = sum / tokens;
  const seconds = (performance.now() - started) / 1000;
  return { loss, perplexity: Math.exp(loss), tokens, rows: rows.length, rowLosses, seconds };
}

/** The cross-entropy of every position of a batch, [rows * length]. */
async function positionLosses(
  model: Model,
  adapter: Adapter | undefined,
  batch: TokenBatch,
): Promise<ArrayLike<number>> {
  const layout = adapter?.layout ?? emptyLayout();
  const executable = await model.positionLosses(layout, batch);
  const trained = adapter ? viewTensors(adapter.parameters, layoutTensors(layout)) : [];
  const { inputIds, targets, keyMask } = batch.inputs;
  const inputs = [
    ['inputIds', inputIds!],
    ['targets', targets!],
    ...(keyMask ? [['keyMask', keyMask] as const] : []),
  ] as const;
  const results = await executable.run(new Map([...trained, ...(adapter?.weights ?? []), ...inputs]));
  return results.get('losses')!;
}
