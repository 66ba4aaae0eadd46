import { backendNames, type Curvature, type Linearised, type LinearisedBlock } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import { adapterData } from '../../training/adapters/transfer.ts';
import type { TokenBatch } from '../../training/data/batches.ts';
import type { Model } from '../../training/model.ts';
import { WorkerPool } from '../../workers/pool.ts';
import type { WorkerProcess, WorkerSilence } from '../../workers/workerProcess.ts';
import { type CurvatureAnswers, type CurvatureSetup, type CurvatureTask, curvatureWorker } from './curvatureWorker.ts';

type Answer = CurvatureAnswers[keyof CurvatureAnswers]['answer'];
type CurvatureProcess = WorkerProcess<CurvatureTask, Answer>;

/** Processes that linearise batches and multiply with them, for one adapter where it stands. */
export class CurvatureWorkers {
  readonly #pool: WorkerPool<CurvatureTask, Answer>;
  #nextId = 0;

  private constructor(pool: WorkerPool<CurvatureTask, Answer>) {
    this.#pool = pool;
  }

  /**
   * Starts `count` processes, each with the model's number of threads, or one where that is left to the backend. Throws a
   * LambdamaxError for a backend or a method that other processes do not know, and as `WorkerPool.start`.
   */
  static async start(
    count: number,
    model: Model,
    adapter: Adapter,
    curvature: Curvature,
    silence: WorkerSilence = {},
  ): Promise<CurvatureWorkers> {
    const { name, precision, threads, backend } = model;
    const known = backendNames.find((one) => one === backend.name);
    if (known === undefined)
      throw new LambdamaxError({
        subject: 'backend of several processes',
        expected: `one of ${backendNames.join(', ')}`,
        got: backend.name,
      });
    const setup: CurvatureSetup = {
      model: { directory: model.checkpoint.directory, name, precision, threads: threads || 1, backend: known },
      adapter: await adapterData(model, adapter),
      curvature,
    };
    return new CurvatureWorkers(
      await WorkerPool.start(count, { module: curvatureWorker, setup }, { ...silence, wordsFor }),
    );
  }

  /** The number of processes. */
  get count(): number {
    return this.#pool.workers.length;
  }

  /** Linearises a batch in one of the processes, which computes all its products from then on. */
  async linearise(batch: TokenBatch, worker: number, keep: boolean): Promise<Linearised> {
    const process = this.#pool.workers[worker]!;
    const id = this.#nextId++;
    const facts = await ask(process, 'linearise', { id, batch, keep });
    const { apply, rerounded, release } = keptBy(process, id);
    return {
      ...facts,
      apply,
      applyAll: (directions) => Promise.all(directions.map(apply)),
      rerounded,
      block: (parameters) => this.#block(process, id, parameters),
      release,
      [Symbol.asyncDispose]: release,
    };
  }

  /** The largest resident memory of all processes together. */
  async peakMegabytes(): Promise<number> {
    const each = await Promise.all(this.#pool.workers.map((process) => ask(process, 'peakMegabytes', {})));
    return each.reduce((sum, megabytes) => sum + megabytes, 0);
  }

  /** Ends the processes. */
  release(): Promise<void> {
    return this.#pool.release();
  }

  async #block(process: CurvatureProcess, of: number, parameters: readonly string[]): Promise<LinearisedBlock> {
    const id = this.#nextId++;
    return { parameters: await ask(process, 'block', { id, of, parameters }), ...keptBy(process, id) };
  }
}

/** What multiplies in a process, until it is released. */
function keptBy(process: CurvatureProcess, id: number): Pick<LinearisedBlock, 'apply' | 'rerounded' | 'release'> {
  let isReleased = false;
  const checkHeld = (): void => {
    if (isReleased)
      throw new LambdamaxError({ subject: 'linearised batch', expected: 'to be used before it is released' });
  };
  return {
    async apply(direction) {
      checkHeld();
      return ask(process, 'apply', { id, direction });
    },
    async rerounded(directions) {
      checkHeld();
      return ask(process, 'rerounded', { id, directions });
    },
    async release() {
      const isGone = isReleased || process.death !== undefined;
      isReleased = true;
      if (!isGone) await ask(process, 'release', { id });
    },
  };
}

function wordsFor(task: CurvatureTask): string {
  return 'id' in task ? `${task.kind} of batch or block ${task.id}` : task.kind;
}

function ask<Kind extends keyof CurvatureAnswers>(
  process: CurvatureProcess,
  kind: Kind,
  order: CurvatureAnswers[Kind]['order'],
): Promise<CurvatureAnswers[Kind]['answer']> {
  // The answer to a kind is of its kind.
  return process.run({ kind, ...order } as CurvatureTask) as Promise<CurvatureAnswers[Kind]['answer']>;
}
