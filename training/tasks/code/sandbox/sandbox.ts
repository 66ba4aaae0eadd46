import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { LambdamaxError } from '../../../../errors.ts';

/** What a program may use. */
export interface SandboxLimits {
  /** Wall-clock time, from start to end. */
  readonly milliseconds: number;
  /** Of the program's own heap. */
  readonly megabytes: number;
}

/** HumanEval's own time limit is 3 s; 64 MB are some hundred times what its solutions need. */
export const defaultLimits: SandboxLimits = { milliseconds: 3000, megabytes: 64 };

/** What became of a program. */
export interface SandboxResult {
  readonly passed: boolean;
  /** Why it failed, in a line of at most 300 characters; null if it passed. */
  readonly reason: string | null;
}

// Of QuickJS's own stack: a recursion ten thousand calls deep, as in Node. The thread's must hold it.
const stackBytes = 2 << 20;
const threadLimits = { stackSizeMb: 32, maxOldGenerationSizeMb: 128 };

/**
 * Runs JavaScript that nobody has read. A program is a list of scripts that share their globals, run one after the other in
 * QuickJS, compiled to WebAssembly, with an instance and a realm of its own: it finds the language, `console` (silent) and
 * `require('assert')`, and nothing of the host: no files, no network, no processes, no timers. It fails when it throws (a
 * failed assertion, a full heap or stack), when a script ends in a promise that is rejected or never settled, or when the
 * time is over; then its thread is killed, since not all of QuickJS can be interrupted. Programs run one at a time.
 * @see https://github.com/justjake/quickjs-emscripten
 */
export class Sandbox {
  readonly #limits: SandboxLimits;
  #thread: Promise<Worker> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(limits: Partial<SandboxLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
    for (const [name, value] of Object.entries(this.#limits))
      if (!(value > 0))
        throw new LambdamaxError({ subject: `${name} of the sandbox`, expected: 'above 0', got: value });
  }

  /** Throws a LambdamaxError only if the sandbox itself cannot be started. */
  run(scripts: readonly string[]): Promise<SandboxResult> {
    const result = this.#last.then(() => this.#runNext(scripts));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Ends the thread. A later {@link run} starts another. */
  async release(): Promise<void> {
    await this.#last;
    await this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #runNext(scripts: readonly string[]): Promise<SandboxResult> {
    this.#thread ??= start(this.#limits);
    const worker = await this.#thread.catch((cause) => {
      this.#thread = undefined;
      throw cause;
    });
    const answer = await answerOf(worker, scripts, this.#limits.milliseconds);
    if (!answer.alive) await this.#stop();
    return { passed: answer.reason === null, reason: answer.reason };
  }

  async #stop(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await (await thread)?.terminate();
  }
}

/** A thread that is ready for programs. */
async function start({ megabytes }: SandboxLimits): Promise<Worker> {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData: { memoryBytes: megabytes * 2 ** 20, stackBytes },
    resourceLimits: threadLimits,
    // Nothing of this process: no loader, no environment, no output.
    ...{ execArgv: [], env: {}, stdin: false, stdout: true, stderr: true },
  });
  try {
    await once(worker, 'message');
    return worker;
  } catch (cause) {
    const [subject, expected] = ['the sandbox for generated programs', 'a thread with QuickJS'];
    throw new LambdamaxError({ subject, expected, got: (cause as Error).message, cause });
  }
}

interface Answer {
  readonly reason: string | null;
  /** Whether the thread can take another program. */
  readonly alive: boolean;
}

/** What the thread says of a program, or, if it says nothing in time, that. */
function answerOf(worker: Worker, scripts: readonly string[], milliseconds: number): Promise<Answer> {
  return new Promise((resolve) => {
    const settle = (answer: Answer) => {
      clearTimeout(timer);
      worker.off('message', answered).off('error', fell);
      resolve(answer);
    };
    const answered = (reason: string | null) => settle({ reason, alive: true });
    const fell = (error: Error) => settle({ reason: error.message, alive: false });
    const timer = setTimeout(() => settle({ reason: `no end within ${milliseconds} ms`, alive: false }), milliseconds);
    worker.on('message', answered).on('error', fell);
    worker.postMessage(scripts);
  });
}
