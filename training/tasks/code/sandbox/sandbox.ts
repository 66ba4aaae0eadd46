import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { LambdamaxError } from '../../../../errors.ts';

/** What a program may use. */
export interface SandboxLimits {
  /** Calls and turns of loops, counted by QuickJS; a loaded machine judges as an idle one does. */
  readonly operations: number;
  /** Time of the process's processors: ends what QuickJS does within one operation. */
  readonly processorMilliseconds: number;
  /** Most megabytes of the program's own heap. */
  readonly megabytes: number;
}

/**
 * HumanEval's own time limit is 3 s: about so many operations on one core of 2026. The time is a last resort, many times
 * that. 64 MB are some hundred times what HumanEval's solutions need.
 */
export const defaultLimits: SandboxLimits = { operations: 1e8, processorMilliseconds: 30_000, megabytes: 64 };

/** What became of a program. */
export interface SandboxResult {
  readonly passed: boolean;
  /** Why it failed, in a line of at most 300 characters; null if it passed. */
  readonly reason: string | null;
}

// QuickJS's own stack: a recursion ten thousand calls deep, as in Node. The thread's must hold it.
const stackBytes = 4 << 20;
const millisecondsALook = 50;
const threadLimits = { stackSizeMb: 32, maxOldGenerationSizeMb: 128 };

/** A program that a stranger wrote, and what it is judged by. */
export interface JudgedProgram {
  readonly program: string;
  /** Scripts that share the program's variables and throw unless it is right. */
  readonly tests: readonly string[];
  /** Names that the program was asked to define: tests mean its own by them, also where the language has such a name. */
  readonly own?: readonly string[];
}

/**
 * Runs JavaScript that nobody has read, and then its tests, in QuickJS, compiled to WebAssembly, with an instance and a realm
 * of its own: it finds the language, `console` (silent) and `require('assert')`, and nothing of the host: no files, no
 * network, no processes, no timers. Built-in objects are locked, and tests see the language's own, so that no program softens
 * its tests. It fails when it throws (a failed assertion, a full heap or stack), when a promise is rejected and nobody
 * listens, when tests end in a promise that is never settled, or when its operations are used up; what cannot be interrupted
 * ends with its thread. Programs run one at a time.
 * @see https://github.com/vercel-labs/quickjs-wasi
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
  run(judged: JudgedProgram): Promise<SandboxResult> {
    const result = this.#last.then(() => this.#runNext(judged));
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

  async #runNext({ program, tests, own = [] }: JudgedProgram): Promise<SandboxResult> {
    this.#thread ??= start(this.#limits);
    const worker = await this.#thread.catch((cause) => {
      this.#thread = undefined;
      throw cause;
    });
    const answer = await answerOf(worker, { program, tests, own }, this.#limits.processorMilliseconds);
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
async function start({ operations, megabytes }: SandboxLimits): Promise<Worker> {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData: { operations, memoryBytes: megabytes * 2 ** 20, stackBytes },
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

/** What the thread says of a program, or, if the process has worked so long without an answer, that. */
function answerOf(worker: Worker, judged: Required<JudgedProgram>, milliseconds: number): Promise<Answer> {
  return new Promise((resolve) => {
    const began = process.cpuUsage();
    const settle = (answer: Answer) => {
      clearInterval(timer);
      worker.off('message', answered).off('error', fell);
      resolve(answer);
    };
    const answered = (reason: string | null) => settle({ reason, alive: true });
    const fell = (error: Error) => settle({ reason: error.message, alive: false });
    const timer = setInterval(() => {
      const { user, system } = process.cpuUsage(began);
      if ((user + system) / 1000 > milliseconds)
        settle({ reason: `no end within ${milliseconds} ms of work`, alive: false });
    }, millisecondsALook);
    worker.on('message', answered).on('error', fell);
    worker.postMessage(judged);
  });
}
