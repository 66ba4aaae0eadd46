import { closeSync, openSync, writeSync } from 'node:fs';
import { fileFault } from './checkpoint/files.ts';

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

/**
 * Writes metrics to a new file, a JSON object a line. Lines reach the disk once a second and at the end, at once rather
 * than in the background: they are few, and a full disk is then the error of the step that met it.
 */
export class MetricsWriter {
  readonly #path: string;
  readonly #file: number;
  #lines: string[] = [];
  #written = performance.now();

  /** Replaces a file that is there. Throws a LambdamaxError that names it if it cannot be written. */
  constructor(path: string) {
    this.#path = path;
    this.#file = attempt(path, () => openSync(path, 'w'));
  }

  write(metrics: StepMetrics): void {
    this.#lines.push(`${JSON.stringify(metrics)}\n`);
    if (performance.now() - this.#written > 1000) this.#flush();
  }

  close(): void {
    try {
      this.#flush();
    } finally {
      closeSync(this.#file);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #flush(): void {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#written = performance.now();
    attempt(this.#path, () => writeSync(this.#file, text));
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw fileFault(path, 'a writable file', cause);
  }
}
