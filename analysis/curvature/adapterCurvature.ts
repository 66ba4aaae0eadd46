import type { Curvature, Linearised } from '../../compute/program.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import { batchesOf, batchLengths, type TokenBatch, toBatch } from '../../training/data/batches.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { Model } from '../../training/model.ts';
import { paddingFor } from '../../training/padding.ts';
import type { OnStage } from '../../training/stage.ts';
import type { WorkerSilence } from '../../workers/workerProcess.ts';
import { type CurvatureMemory, curvatureMemory } from './curvatureMemory.ts';
import { CurvatureWorkers } from './curvatureWorkers.ts';
import { resultsInOrder } from './operators/batches.ts';
import { type BatchCurvature, batchedCurvature, type CurvatureOperator } from './operators/curvature.ts';

/** How a curvature is measured on rows. */
export interface AdapterCurvatureOptions {
  /** Rows that are computed at once. */
  readonly batchSize: number;
  /** Default `hessian`. */
  readonly curvature?: Curvature;
  /**
   * The most that values kept between products may take, in bytes; batches whose values do not fit are computed anew for each
   * product (see `curvatureMemory`). Default: what is free when the batches are linearised. Which are kept changes the last bits
   * of products, and so of results: give it where these must not depend on a machine's memory.
   */
  readonly mostKeptBytes?: number;
  /** Told what it will take, before any batch is linearised. */
  readonly onMemory?: (memory: CurvatureMemory) => void;
  /**
   * Processes that share the batches, each with a model of its own, on one thread if it is left to the backend how many. Default 1:
   * this one. With the same number of threads the results are the same to the last bit.
   */
  readonly workers?: number;
  /** What becomes of a worker that gives no sign. */
  readonly workerSilence?: WorkerSilence;
  /** Told before graphs are compiled and before each batch is linearised. */
  readonly onStage?: OnStage;
}

/** A curvature of the mean loss in an adapter's parameters, and what it was measured on. */
export interface AdapterCurvature extends CurvatureOperator {
  /** Scored tokens. */
  readonly tokens: number;
  readonly batches: number;
  /** Those whose values are kept between products. */
  readonly keptBatches: number;
  /** The largest resident memory of this process and all workers so far. */
  peakMegabytes(): Promise<number>;
}

/**
 * A curvature of the mean loss over all scored tokens of the rows, in an adapter's parameters where they stand. The batches are
 * linearised once and kept for all products, as far as memory allows. Throws a LambdamaxError for a number of workers that is
 * not a whole one from 1, and as `CurvatureWorkers.start`.
 */
export async function adapterCurvature(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: AdapterCurvatureOptions,
): Promise<AdapterCurvature> {
  const { batchSize, curvature = 'hessian', mostKeptBytes, workers = 1, onStage } = options;
  if (!(Number.isInteger(workers) && workers >= 1))
    throw new LambdamaxError({ subject: 'workers of a curvature', expected: 'a whole number from 1', got: workers });
  const parts = batchesOf(rows, batchSize);
  const padTo = paddingFor(model, 'curvature', batchSize, batchLengths(parts));
  const batches = parts.map((part) => toBatch(part, { padTo, precision: model.precision }));
  const count = Math.min(workers, batches.length);
  // Twice as many as there are processes, so that each has another one at hand when it is done.
  const atOnce = count > 1 ? 2 * count : 1;
  const tell = (name: 'compile' | 'linearise', done = 0): void => onStage?.({ name, done, total: batches.length });
  tell('compile');
  const memory = curvatureMemory(model, adapter, batches, { curvature, processes: count, mostKeptBytes });
  options.onMemory?.(memory);
  const { keptBatches } = memory;
  const pool =
    count > 1 ? await CurvatureWorkers.start(count, model, adapter, curvature, options.workerSilence) : undefined;
  const linearise = (batch: TokenBatch, index: number): Promise<Linearised> => {
    const keep = index < keptBatches;
    if (pool === undefined) {
      const program = model.program(adapter.layout, batch);
      return program.linearise(adapter, batch.inputs, curvature, { keep, onStage: (name) => tell(name, index) });
    }
    tell('linearise', index);
    return pool.linearise(batch, index % count, keep);
  };
  try {
    const linearised: BatchCurvature[] = [];
    const inOrder = resultsInOrder([...batches.entries()], atOnce, ([index, batch]) => linearise(batch, index));
    for await (const [index, part] of inOrder) linearised.push({ scored: batches[index]!.scored, linearised: part });
    const operator = await batchedCurvature(curvature, linearised, atOnce);
    const release = async (): Promise<void> => {
      await operator.release();
      await pool?.release();
    };
    return {
      ...operator,
      tokens: batches.reduce((sum, { scored }) => sum + scored, 0),
      batches: batches.length,
      keptBatches,
      peakMegabytes: async () => process.resourceUsage().maxRSS / 1024 + ((await pool?.peakMegabytes()) ?? 0),
      release,
      [Symbol.asyncDispose]: release,
    };
  } catch (error) {
    await pool?.release();
    throw error;
  }
}
