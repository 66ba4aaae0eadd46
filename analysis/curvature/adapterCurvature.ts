import type { Curvature, Linearised } from '../../compute/program.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import { batchesOf, batchLengths, type TokenBatch, toBatch } from '../../training/data/batches.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { Model } from '../../training/model.ts';
import { shapeOf } from '../../training/models/causal.ts';
import { paddingFor } from '../../training/padding.ts';
import type { OnStage } from '../../training/stage.ts';
import type { WorkerSilence } from '../../workers/workerProcess.ts';
import { CurvatureWorkers } from './curvatureWorkers.ts';
import { type BatchCurvature, batchedCurvature, type CurvatureOperator } from './operators/curvature.ts';

/** How a curvature is measured on rows. */
export interface AdapterCurvatureOptions {
  /** Rows that are computed at once. */
  readonly batchSize: number;
  /** Default `hessian`. */
  readonly curvature?: Curvature;
  /** Batches whose kept values do not fit in here are computed anew for each product. Default 2 GB. */
  readonly mostKeptBytes?: number;
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
  const { batchSize, curvature = 'hessian', mostKeptBytes = 2e9, workers = 1, onStage } = options;
  if (!(Number.isInteger(workers) && workers >= 1))
    throw new LambdamaxError({ subject: 'workers of a curvature', expected: 'a whole number from 1', got: workers });
  const parts = batchesOf(rows, batchSize);
  const padTo = paddingFor(model, 'curvature', batchSize, batchLengths(parts));
  const batches = parts.map((part) => toBatch(part, { padTo, precision: model.precision }));
  const count = Math.min(workers, batches.length);
  const pool =
    count > 1 ? await CurvatureWorkers.start(count, model, adapter, curvature, options.workerSilence) : undefined;
  try {
    const linearisedBatches = await linearised(batches, mostKeptBytes, count > 1, (batch, index, keep) => {
      const tell = (name: 'compile' | 'linearise'): void => onStage?.({ name, done: index, total: batches.length });
      if (pool === undefined)
        return model
          .program(adapter.layout, batch)
          .linearise(adapter, batch.inputs, curvature, { keep, onStage: tell });
      tell('linearise');
      return pool.linearise(batch, index % count, keep);
    });
    // Twice as many as there are processes, so that each has another one at hand when it is done.
    const operator = await batchedCurvature(curvature, linearisedBatches, count > 1 ? 2 * count : 1);
    const release = async (): Promise<void> => {
      await operator.release();
      await pool?.release();
    };
    return {
      ...operator,
      tokens: batches.reduce((sum, { scored }) => sum + scored, 0),
      batches: batches.length,
      peakMegabytes: async () => process.resourceUsage().maxRSS / 1024 + ((await pool?.peakMegabytes()) ?? 0),
      release,
      [Symbol.asyncDispose]: release,
    };
  } catch (error) {
    await pool?.release();
    throw error;
  }
}

/**
 * The batches linearised, the first of them with what they keep, as far as that fits in. What a batch takes is known from one of its
 * shape before it; else it is supposed to be the largest so far. So which batches are kept, and with that the last bit of
 * their products, is the same whether they are linearised one after another or at the same time.
 */
async function linearised(
  batches: readonly TokenBatch[],
  mostKeptBytes: number,
  atTheSameTime: boolean,
  linearise: (batch: TokenBatch, index: number, keep: boolean) => Promise<Linearised>,
): Promise<BatchCurvature[]> {
  const bytes = new Map<string, number>();
  const parts: Promise<BatchCurvature>[] = [];
  let kept = 0;
  for (const [index, batch] of batches.entries()) {
    const { scored } = batch;
    const shape = JSON.stringify(shapeOf(batch));
    const keep = kept + (bytes.get(shape) ?? Math.max(0, ...bytes.values())) <= mostKeptBytes;
    const made = linearise(batch, index, keep);
    // It is waited for below; until then its failure is no surprise.
    made.catch(() => {});
    if (!atTheSameTime) await made;
    if (keep) {
      if (!bytes.has(shape)) bytes.set(shape, (await made).keptBytes);
      kept += bytes.get(shape)!;
    }
    parts.push(made.then((one) => ({ scored, linearised: one })));
  }
  return Promise.all(parts);
}
