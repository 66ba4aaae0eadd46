import type { Batch } from '../../compute/program.ts';
import { randomStream } from '../../compute/random.ts';
import { type Precision, zeros } from '../../compute/tensors.ts';
import { ArgumentError, LambdamaxError } from '../../errors.ts';
import { notScored, scoredPositions, type TokenRow } from './examples.ts';
import { bucketLength, type LengthCount, type PadTo } from './paddedLengths.ts';

/** Rows of one shape, as the inputs that a model declares. */
export interface TokenBatch {
  readonly rows: number;
  /** Positions a row. */
  readonly length: number;
  /** Scored positions of the whole batch. */
  readonly scored: number;
  /**
   * All [rows, length]: `inputIds`; `targets`, the token that position t predicts, 0 where it is not scored; `lossWeights`,
   * 1/scored at scored positions and 0 elsewhere, so that the weighted sum of cross-entropies is their mean; and, only if a
   * row has a mask, `keyMask`, 1 where a token may be attended to. Only if a row is several sequences, or one that does not
   * start at position 0: `places`, how many tokens of its own sequence stand before each token, and its `positions`.
   */
  readonly inputs: Batch;
}

/** The shape and precision of a batch. */
export interface BatchOptions {
  /** The batch is filled up to so many rows with rows that weigh nothing. Default: as many as there are. */
  readonly rows?: number;
  /** Positions a row. Default: what `padTo` says of the longest row. */
  readonly length?: number;
  /** What rows are padded to. Default: the next of few lengths. */
  readonly padTo?: PadTo;
  /** Precision of the weights and the mask. Default float32. */
  readonly precision?: Precision;
}

/** Pads rows to one batch. Throws a LambdamaxError if they do not fit the asked shape, or if nothing in them is scored. */
export function toBatch(rows: readonly TokenRow[], options: BatchOptions = {}): TokenBatch {
  const longest = rows.reduce((largest, row) => Math.max(largest, row.inputIds.length), 1);
  const { rows: height = rows.length, padTo = bucketLength, precision = 'float32' } = options;
  const { length = padTo(longest) } = options;
  if (!(height >= rows.length && length >= longest)) {
    const expected = `at most ${height} rows of ${length} tokens`;
    throw new LambdamaxError({ subject: 'batch', expected, got: `${rows.length} rows of up to ${longest}` });
  }
  const scored = rows.reduce((sum, row) => sum + scoredPositions(row), 0);
  if (scored === 0) throw new LambdamaxError({ subject: 'batch', expected: 'a position to score', got: 'none' });
  const inputIds = new Int32Array(height * length);
  const targets = new Int32Array(height * length);
  const lossWeights = zeros(height * length, precision);
  for (const [index, row] of rows.entries()) {
    const start = index * length;
    inputIds.set(row.inputIds, start);
    for (const [position, label] of row.labels.subarray(1).entries()) {
      if (label === notScored) continue;
      targets[start + position] = label;
      lossWeights[start + position] = 1 / scored;
    }
  }
  const masked = rows.some(({ attentionMask }) => attentionMask?.includes(0));
  const keyMask = masked ? { keyMask: maskOf(rows, height, length, precision) } : {};
  const packed = rows.some(({ places, positions }) => places !== undefined || positions !== undefined);
  const sequences = packed ? sequencesOf(rows, height, length) : {};
  return { rows: height, length, scored, inputs: { inputIds, targets, lossWeights, ...keyMask, ...sequences } };
}

/** [rows, length]; a row that only fills the batch is all ones, so that its softmax has something to sum over. */
function maskOf(rows: readonly TokenRow[], height: number, length: number, precision: Precision): Batch[string] {
  const mask = zeros(height * length, precision).fill(1, rows.length * length);
  for (const [index, { inputIds, attentionMask }] of rows.entries()) {
    const start = index * length;
    if (attentionMask === undefined) mask.fill(1, start, start + inputIds.length);
    else mask.set(attentionMask, start);
  }
  return mask;
}

/** `places` and `positions` [rows, length]. Padding sees the whole row, and has position 0. */
function sequencesOf(rows: readonly TokenRow[], height: number, length: number): Batch {
  const places = Int32Array.from({ length: height * length }, (_, index) => index % length);
  const positions = new Int32Array(height * length);
  for (const [index, row] of rows.entries()) {
    const [start, end] = [index * length, index * length + row.inputIds.length];
    if (row.places !== undefined) places.set(row.places, start);
    positions.set(row.positions ?? places.subarray(start, end), start);
  }
  return { places, positions };
}

/** How long the longest row of each batch is. */
export function batchLengths(batches: readonly (readonly TokenRow[])[]): LengthCount[] {
  return batches.map((rows) => ({ length: Math.max(...rows.map(({ inputIds }) => inputIds.length)), batches: 1 }));
}

/** The rows in order, `batchSize` at a time; the last batch may be smaller. */
export function batchesOf<Row>(rows: readonly Row[], batchSize: number): Row[][] {
  requireBatchSize(batchSize);
  return Array.from({ length: Math.ceil(rows.length / batchSize) }, (_, index) =>
    rows.slice(index * batchSize, (index + 1) * batchSize),
  );
}

/** The order in which an epoch (counted from 0) goes through `count` rows; seed and epoch alone determine it. */
export function epochOrder(count: number, seed: number, epoch: number, shuffle: boolean): number[] {
  return shuffle
    ? randomStream(seed, `order of epoch ${epoch}`).permutation(count)
    : Array.from({ length: count }, (_, index) => index);
}

/**
 * The rows of a training step (counted from 0): the epochs' orders one after another, cut into steps, so that no row is left
 * out and a step may span two epochs. A function of its arguments alone: a resumed run needs to remember only its step.
 */
export function stepRows<Row>(
  rows: readonly Row[],
  batchSize: number,
  step: number,
  seed: number,
  shuffle: boolean,
): Row[] {
  return rowsByStep(rows, batchSize, seed, shuffle)(step);
}

/** A function from a training step (counted from 0) to its rows, {@link stepRows}; it draws the order of an epoch once. */
export function rowsByStep<Row>(
  rows: readonly Row[],
  batchSize: number,
  seed: number,
  shuffle: boolean,
): (step: number) => Row[] {
  requireBatchSize(batchSize);
  if (rows.length === 0) throw new LambdamaxError({ subject: 'training data', expected: 'at least one row', got: 0 });
  let [known, order] = [-1, [] as number[]];
  return (step) => {
    const chosen: Row[] = [];
    let next = step * batchSize;
    while (chosen.length < batchSize) {
      const epoch = Math.floor(next / rows.length);
      if (epoch !== known) [known, order] = [epoch, epochOrder(rows.length, seed, epoch, shuffle)];
      const first = next % rows.length;
      const taken = order.slice(first, first + batchSize - chosen.length);
      for (const index of taken) chosen.push(rows[index]!);
      next += taken.length;
    }
    return chosen;
  };
}

function requireBatchSize(batchSize: number): void {
  if (Number.isInteger(batchSize) && batchSize >= 1) return;
  throw new ArgumentError({ subject: 'batchSize', expected: 'a whole number of at least 1', got: batchSize });
}
