import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LambdamaxError } from '../errors.ts';
import { type Answer, errorOf, type Order } from './messages.ts';

/** Does one task; it may tell how far it is. */
export type Worker<Task, Result, Progress = never> = (
  task: Task,
  report: (progress: Progress) => void,
) => Promise<Result>;

/**
 * What a module exports as `createWorker` to be run by processes of its own: called once in each, with what they all are told.
 * Setup, tasks, results and progress cross as structured clones: typed arrays are sent as bytes, functions and classes not at all.
 */
export type CreateWorker<Setup, Task, Result, Progress = never> = (
  setup: Setup,
) => Promise<Worker<Task, Result, Progress>>;

/** A module, by its `import.meta.url`, and what its `createWorker` is given. */
export interface WorkerModule<Setup> {
  readonly module: string;
  readonly setup: Setup;
}

/** What becomes of processes that are at work and give no sign of it: neither progress nor a result. */
export interface Silence<Task> {
  /** Seconds after which a silent process is named; default {@link silenceSeconds}. */
  readonly namedAfter?: number;
  /** Seconds after which a silent process is ended; never if not given. */
  readonly endedAfter?: number;
  /** Told once for each silence, in a sentence, which process it is and what it works on. */
  readonly onSilence?: (sentence: string) => void;
  /** A task in words: `lora at 1e-3, seed 0`. */
  readonly wordsFor?: (task: Task) => string;
}

/** What becomes of silent processes whose tasks are put into words elsewhere. */
export type WorkerSilence = Omit<Silence<never>, 'wordsFor'>;

/** A process that gives no sign for so many seconds is named. */
export const silenceSeconds = 600;

/** The end of what a process wrote on standard error, in case that it dies: its last words. */
const lastWords = 300;

/** How long a process may take to go by itself, in milliseconds. */
const patience = 2000;

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
  readonly report: (progress: never) => void;
  /** What it works on. */
  readonly words: string;
  readonly clock: NodeJS.Timeout;
}

/**
 * A process that does the tasks of a module, one at a time. (A process and not a thread: native code that fails, or is killed for
 * its memory, takes its process with it.) It ends with this one, however this one ends.
 */
export class WorkerProcess<Task, Result, Progress = never> {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #words = '';
  #pending: Pending | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #death: LambdamaxError | undefined;
  readonly #silence: Silence<Task>;
  /** Since its last sign. */
  #silentSeconds = 0;

  private constructor(silence: Silence<Task>) {
    this.#silence = silence;
    const isSource = import.meta.url.endsWith('.ts');
    this.#child = fork(fileURLToPath(new URL('./child.mjs', import.meta.url)), {
      serialization: 'advanced',
      execArgv: [],
      // What tsx, in the thread of a clone's process, takes `lambdamax/training` in a user's own file to mean.
      env: isSource
        ? { ...process.env, TSX_TSCONFIG_PATH: fileURLToPath(new URL('../tsconfig.json', import.meta.url)) }
        : process.env,
      // What it says would stand between the results of this one.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-lastWords);
    });
    this.#child.on('message', (answer: Answer) => this.#take(answer));
    this.#ended = this.#watch();
  }

  /**
   * Starts a process and waits until the module's `createWorker` has returned. Throws a LambdamaxError for a module without
   * one, and what that one throws.
   */
  static async start<Setup, Task, Result, Progress = never>(
    { module, setup }: WorkerModule<Setup>,
    silence: Silence<Task> = {},
  ): Promise<WorkerProcess<Task, Result, Progress>> {
    const started = new WorkerProcess<Task, Result, Progress>(silence);
    try {
      await started.#carryOut({ kind: 'start', module, setup }, 'its start');
      return started;
    } catch (error) {
      await started.release();
      throw error;
    }
  }

  /** The process's number; undefined if the system had none for it. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Why it can do no more tasks; undefined as long as it can. */
  get death(): LambdamaxError | undefined {
    return this.#death;
  }

  /**
   * Does a task, after all that were given before. Throws what the task threw, as a LambdamaxError or ArgumentError where it was one;
   * what `report` threw, which ends the process; a LambdamaxError if it dies meanwhile, is ended for its silence, or is dead.
   */
  run(task: Task, report: (progress: Progress) => void = () => {}): Promise<Result> {
    const words = this.#silence.wordsFor?.(task) ?? 'a task';
    const result = this.#last.then(() => this.#carryOut({ kind: 'task', task }, words, report)) as Promise<Result>;
    this.#last = result.catch(() => {});
    return result;
  }

  /** Ends the process, at once if it is at work; a second time does nothing. */
  async release(): Promise<void> {
    this.#death ??= new LambdamaxError({ subject: 'worker process', expected: 'to be used before it is released' });
    if (this.#pending !== undefined) this.kill();
    else if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.kill(), patience);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Ends the process without waiting. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #carryOut(order: Order, words: string, report: (progress: Progress) => void = () => {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#death !== undefined) throw this.#death;
      // If it cannot be sent, the process is gone, and `#watch` says how.
      this.#child.send(order, () => {});
      this.#silentSeconds = 0;
      this.#pending = { resolve, reject, report, words, clock: this.#startClock() };
    });
  }

  /**
   * Counts the seconds of a silence. In ticks: while this process itself computes it hears nothing, and no ticks come either.
   */
  #startClock(): NodeJS.Timeout {
    const { namedAfter = silenceSeconds, endedAfter = Number.POSITIVE_INFINITY, onSilence } = this.#silence;
    const tick = Math.min(1, namedAfter / 10, endedAfter / 10);
    return setInterval(() => {
      const before = this.#silentSeconds;
      this.#silentSeconds += tick;
      const passed = (limit: number): boolean => before < limit && this.#silentSeconds >= limit;
      const who = `worker process ${this.#child.pid}`;
      const words = this.#pending?.words;
      if (passed(endedAfter)) {
        this.#death ??= new LambdamaxError({
          subject: who,
          expected: `a sign within ${endedAfter} s`,
          got: `none from ${words}: it was ended`,
          remedy: 'if it was only slow, allow it more seconds (`endedAfter`)',
        });
        this.kill();
      } else if (passed(namedAfter)) {
        onSilence?.(`${who} has given no sign for ${namedAfter} s; it works on ${words}`);
      }
    }, 1000 * tick);
  }

  #take(answer: Answer): void {
    const pending = this.#pending;
    this.#silentSeconds = 0;
    if (answer.kind === 'progress') {
      try {
        pending?.report(answer.progress as never);
      } catch (error) {
        this.#giveUp(error);
      }
      return;
    }
    this.#settle();
    if (answer.kind === 'done') pending?.resolve(answer.result);
    else pending?.reject(errorOf(answer.failure));
  }

  /** Ends the task whose progress nobody wants to hear of any more, and with it the process. */
  #giveUp(cause: unknown): void {
    this.#death ??= new LambdamaxError({
      subject: `worker process ${this.#child.pid}`,
      expected: 'a listener that takes its progress',
      got: cause instanceof Error ? cause.message : cause,
      cause,
    });
    this.#pending?.reject(cause as Error);
    this.#settle();
    this.kill();
  }

  /** Waits for the end, whatever it is. */
  async #watch(): Promise<void> {
    try {
      // Its last words may come after it. (There is an event for both, which does not come where this side closed the channel.)
      const [[code, signal]] = await Promise.all([once(this.#child, 'exit'), once(this.#child.stderr!, 'close')]);
      this.#die(signal === null ? `exit code ${code}` : `its end by ${signal}`);
    } catch (cause) {
      this.#die((cause as Error).message, cause);
    }
  }

  #die(got: string, cause?: unknown): void {
    const words = this.#words.trim();
    this.#death ??= new LambdamaxError({
      subject: `worker process ${this.#child.pid}`,
      expected: 'to go on working',
      got: words === '' ? got : `${got}: ${words}`,
      remedy: 'if it was killed for its memory, take fewer workers or smaller batches',
      cause,
    });
    this.#pending?.reject(this.#death);
    this.#settle();
  }

  #settle(): void {
    clearInterval(this.#pending?.clock);
    this.#pending = undefined;
  }
}
