import { LambdamaxError } from '../errors.ts';
import type { Adapter } from './adapters/create.ts';
import { adapterFeeds } from './adapters/feeds.ts';
import { batchesOf, batchLengths, toBatch } from './data/batches.ts';
import { scoredPositions, type TokenRow } from './data/examples.ts';
import { rowDefaults } from './data/tokenRow.ts';
import type { Model } from './model.ts';
import { paddingFor } from './padding.ts';

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
  /**
   * Where asked for, whether greedy decoding would write all scored tokens of each row. It would exactly if each of
   * them has the largest logit behind those before it, which one pass over the row tells: nothing is generated.
   */
  readonly exactRows?: readonly boolean[];
  readonly seconds: number;
}

/** How rows are evaluated. */
export interface EvaluateOptions {
  readonly adapter?: Adapter;
  /** Rows at a time; default 8, of {@link rowDefaults}. */
  readonly batchSize?: number;
  /** Whether `exactRows` are wanted. */
  readonly exact?: boolean;
  /** Told before each batch how many rows are done; the first batch of each length compiles. */
  onProgress?(done: number): void;
}

/**
 * The loss of a model on rows of tokens, with an adapter or without. Rows are sorted by length into batches, so that little
 * is padded; the result is in the order of the rows. Throws a LambdamaxError for no rows.
 */
export async function evaluate(
  model: Model,
  rows: readonly TokenRow[],
  { adapter, batchSize = rowDefaults.batchSize, exact = false, onProgress }: EvaluateOptions = {},
): Promise<EvaluateResult> {
  const started = performance.now();
  if (rows.length === 0)
    throw new LambdamaxError({ subject: 'rows to evaluate', expected: 'one at least', got: 'none' });
  const byLength = rows.map((_, index) => index).sort((a, b) => rows[a]!.inputIds.length - rows[b]!.inputIds.length);
  const rowLosses = new Array<number>(rows.length);
  const exactRows = new Array<boolean>(rows.length);
  const { layout, feeds } = adapterFeeds(adapter);
  let sum = 0;
  let tokens = 0;
  const batches = batchesOf(byLength, batchSize);
  const lengths = batchLengths(batches.map((indices) => indices.map((index) => rows[index]!)));
  const padTo = paddingFor(model, 'loss', batchSize, lengths);
  let done = 0;
  for (const indices of batches) {
    onProgress?.(done);
    done += indices.length;
    const chosen = indices.map((index) => rows[index]!);
    const batch = toBatch(chosen, { rows: batchSize, padTo, precision: model.precision });
    const executable = await model.positionLosses(layout, batch, exact);
    const results = await executable.run(new Map([...feeds, ...Object.entries(batch.inputs)]));
    const [losses, greedy] = [results.get('losses')!, results.get('greedy')];
    const { lossWeights, targets } = batch.inputs;
    for (const [place, index] of indices.entries()) {
      const scored = scoredPositions(rows[index]!);
      const start = place * batch.length;
      let rowSum = 0;
      let isExact = true;
      for (let position = start; position < start + batch.length; position++)
        if (lossWeights![position]! > 0) {
          rowSum += losses[position]!;
          isExact &&= greedy?.[position] === targets![position];
        }
      exactRows[index] = isExact;
      rowLosses[index] = rowSum / scored;
      sum += rowSum;
      tokens += scored;
    }
  }
  const loss = sum / tokens;
  const seconds = (performance.now() - started) / 1000;
  const result = { loss, perplexity: Math.exp(loss), tokens, rows: rows.length, rowLosses, seconds };
  return exact ? { ...result, exactRows } : result;
}
