import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FileOrder, FileResult } from './testProcess.ts';

/** A file that has been run: its numbers, all that it wrote, and what it failed of if not of a test. */
export interface FileOutcome extends FileResult {
  readonly file: string;
  readonly seconds: number;
  readonly output: string;
  /** Set where the file could not be run to its end, or has no tests. */
  readonly fault?: string;
}

export interface RunOptions {
  /** How many processes run files side by side. */
  readonly processes: number;
  /** A process is killed that needs more than so many seconds for one file, or to end after its last. */
  readonly limit: number;
  readonly color?: boolean;
  /** The folder of the graphs that a file compiles; where not given, that of the environment. */
  readonly graphsOf?: (file: string) => string;
  /** Called with each file as it is done. */
  readonly onFile: (outcome: FileOutcome) => void;
}

const script = fileURLToPath(new URL('testProcess.ts', import.meta.url));
const nothing: FileResult = { total: 0, passed: 0, skipped: 0 };

/**
 * Runs files of tests in several processes, each of which takes the next file when it has done one. A process that dies or is
 * killed costs the file that it was at; another takes its place. `signal` kills them all, and rejects.
 */
export async function runFiles(files: readonly string[], options: RunOptions, signal: AbortSignal): Promise<void> {
  const queue = [...files];
  const folder = mkdtempSync(join(tmpdir(), 'lambdamax-tests-'));
  const workThrough = async (name: string) => {
    let runner: TestProcess | undefined;
    while (queue.length > 0) {
      runner ??= new TestProcess(join(folder, name), options, signal);
      const file = queue.shift()!;
      const outcome = await runner.run(file, options.graphsOf?.(file));
      signal.throwIfAborted();
      options.onFile(outcome);
      if (runner.hasEnded) runner = undefined;
    }
    const last = await runner?.end();
    if (last?.fault !== undefined) options.onFile(last);
  };
  try {
    await Promise.all(Array.from({ length: options.processes }, (_, index) => workThrough(String(index))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A process that runs one file after another. What it and its own children write goes to a file. */
class TestProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  readonly #output: string;
  readonly #limit: number;
  readonly #ready: Promise<unknown>;
  #read = 0;
  #last = '';
  hasEnded = false;

  constructor(output: string, { limit, color = false }: RunOptions, signal: AbortSignal) {
    const descriptor = openSync(output, 'w');
    this.#output = output;
    this.#limit = limit;
    this.#child = fork(script, color ? ['--color'] : [], {
      execArgv: ['--import', import.meta.resolve('tsx')],
      stdio: ['ignore', descriptor, descriptor, 'ipc'],
      // A group of its own, which is killed as a whole: a test may have started processes.
      detached: true,
    });
    closeSync(descriptor);
    const kill = () => this.#kill();
    signal.addEventListener('abort', kill);
    this.#ready = once(this.#child, 'message');
    this.#ended = once(this.#child, 'exit').then(([code, name]) => {
      this.hasEnded = true;
      signal.removeEventListener('abort', kill);
      return name === null ? `its process ended with code ${code}` : `its process was killed by ${name}`;
    });
  }

  async run(file: string, graphs?: string): Promise<FileOutcome> {
    this.#last = file;
    await Promise.race([this.#ready, this.#ended]);
    return this.#within(async () => {
      const answer = once(this.#child, 'message').then(([result]) => result as FileResult);
      this.#order({ file, ...(graphs !== undefined && { graphs }) });
      const result = await Promise.race([answer, this.#ended]);
      if (typeof result === 'string') return { ...nothing, fault: `${result} before its tests did` };
      if (result.total > 0) return result;
      // Its tests wait in uvu for the next file to run them.
      this.#kill();
      await this.#ended;
      return { ...result, fault: 'it ran no test' };
    });
  }

  /** Lets the process end, and says if it does not. */
  async end(): Promise<FileOutcome> {
    return this.#within(async () => {
      this.#order({});
      const ended = await this.#ended;
      return / killed /.test(ended) ? { ...nothing, fault: `${ended} after this file, the last of it` } : nothing;
    });
  }

  #order(order: FileOrder): void {
    this.#child.send(order, () => {});
  }

  async #within(work: () => Promise<FileResult & { fault?: string }>): Promise<FileOutcome> {
    const began = performance.now();
    let fault: string | undefined;
    const timer = setTimeout(() => {
      fault = `it took more than ${this.#limit} s`;
      this.#kill();
    }, this.#limit * 1000);
    const result = await work();
    clearTimeout(timer);
    const seconds = (performance.now() - began) / 1000;
    return { ...result, ...(fault !== undefined && { fault }), file: this.#last, seconds, output: this.#written() };
  }

  #written(): string {
    const bytes = readFileSync(this.#output).subarray(this.#read);
    this.#read += bytes.length;
    return bytes.toString();
  }

  #kill(): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL');
    }
  }
}
