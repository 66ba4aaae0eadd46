import { LambdamaxError } from '../errors.ts';
import { type Silence, type WorkerModule, WorkerProcess } from './workerProcess.ts';

/**
 * Some processes that all run the same module, for tasks of which each may do any.
 *
 *     // squares.ts
 *     export const createWorker: CreateWorker<{ offset: number }, number, number> = async ({ offset }) =>
 *       async (task) => task * task + offset;
 *     export const module = import.meta.url;
 *
 *     await using pool = await WorkerPool.start<{ offset: number }, number, number>(2, { module, setup: { offset: 1 } });
 *     await Promise.all([1, 2, 3].map((task) => pool.run(task))); // [2, 5, 10]
 */
export class WorkerPool<Task, Result, Progress = never> {
  /** All processes, dead ones among them. */
  readonly workers: readonly WorkerProcess<Task, Result, Progress>[];
  #free: readonly WorkerProcess<Task, Result, Progress>[];
  readonly #waiting: ((worker: WorkerProcess<Task, Result, Progress>) => void)[] = [];
  readonly #kill = (): void => {
    for (const worker of this.workers) worker.kill();
  };

  private constructor(workers: readonly WorkerProcess<Task, Result, Progress>[]) {
    this.workers = workers;
    this.#free = workers;
    process.once('exit', this.#kill);
  }

  /** Starts `count` processes. Throws a LambdamaxError for less than one, and as `WorkerProcess.start`. */
  static async start<Setup, Task, Result, Progress = never>(
    count: number,
    module: WorkerModule<Setup>,
    silence: Silence<Task> = {},
  ): Promise<WorkerPool<Task, Result, Progress>> {
    if (!(Number.isInteger(count) && count >= 1))
      throw new LambdamaxError({ subject: 'number of workers', expected: 'a whole number from 1', got: count });
    const started = await Promise.allSettled(
      Array.from({ length: count }, () => WorkerProcess.start<Setup, Task, Result, Progress>(module, silence)),
    );
    const failed = started.find((one) => one.status === 'rejected');
    const workers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (failed === undefined) return new WorkerPool(workers);
    await Promise.all(workers.map((worker) => worker.release()));
    throw failed.reason;
  }

  /**
   * Does a task in the first process that is free; tasks begin in the order in which they are given. Throws what the task threw,
   * and a LambdamaxError if its process dies: the others go on, and once none is left every task fails.
   */
  async run(task: Task, report?: (progress: Progress) => void): Promise<Result> {
    const worker =
      this.#takeFree() ??
      (await new Promise<WorkerProcess<Task, Result, Progress>>((resolve) => this.#waiting.push(resolve)));
    try {
      return await worker.run(task, report);
    } finally {
      this.#handOn(worker);
    }
  }

  /** Ends all processes, at once where they are at work. */
  async release(): Promise<void> {
    process.off('exit', this.#kill);
    await Promise.all(this.workers.map((worker) => worker.release()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #takeFree(): WorkerProcess<Task, Result, Progress> | undefined {
    const [first, ...rest] = this.#free.filter((worker) => this.#isOfUse(worker));
    this.#free = rest;
    return first;
  }

  #handOn(worker: WorkerProcess<Task, Result, Progress>): void {
    if (!this.#isOfUse(worker)) return;
    const next = this.#waiting.shift();
    if (next === undefined) this.#free = [...this.#free, worker];
    else next(worker);
  }

  /** A dead one takes no task as long as another lives; after that it says to each why there is no result. */
  #isOfUse({ death }: WorkerProcess<Task, Result, Progress>): boolean {
    return death === undefined || this.workers.every((worker) => worker.death !== undefined);
  }
}
