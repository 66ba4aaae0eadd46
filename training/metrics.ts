import { type FileHandle, open } from 'node:fs/promises';

/** One line of metrics.jsonl. */
export interface StepMetrics {
  /** Counted from 1. */
  readonly step: number;
  /** Of this step's batch, before the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  /** Tokens of this step's batch. */
  readonly tokens: number;
  /** Since the run began. */
  readonly seconds: number;
}

/** Appends metrics to a file, a JSON object a line; lines reach the disk every second, and at the end. */
export class MetricsWriter {
  readonly #file: FileHandle;
  #lines: string[] = [];
  #written = performance.now();
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Starts a new file, in place of one that is there. */
  static async create(path: string): Promise<MetricsWriter> {
    return new MetricsWriter(await open(path, 'w'));
  }

  write(metrics: StepMetrics): void {
    this.#lines.push(`${JSON.stringify(metrics)}\n`);
    if (performance.now() - this.#written > 1000) this.#flush();
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#writing;
    await this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #flush(): void {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#written = performance.now();
    this.#writing = this.#writing.then(() => this.#file.appendFile(text));
  }
}
