import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { LambdamaxError } from '../../errors.ts';
import { fileFault } from '../checkpoint/files.ts';

/** How sharp the loss is at a point of a run, against the rate in use. Null: not known, or there is none. */
export interface Sharpness {
  /** lambda_max of the Hessian. */
  readonly hessian: number | null;
  /** lambda_max of the curvature that the optimizer's steps see: for Adam P^-1/2 H P^-1/2. */
  readonly effective: number | null;
  /** Above it, at this rate, steps along the top eigenvector overshoot more and more: 2 / rate, for Adam 38 / rate. */
  readonly threshold: number | null;
  /** The largest stable rate at this sharpness. */
  readonly limit: number | null;
}

/** One line of metrics.jsonl. */
export interface StepMetrics {
  /** Counted from 1. */
  readonly step: number;
  /** Mean loss over this step's batch, before the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  /** Tokens of this step's batch. */
  readonly tokens: number;
  /** After the step, if validation was due. */
  readonly validationLoss?: number;
  /** Likewise, if it was on the problems of a task: the share that is solved by its metric. */
  readonly accuracy?: number;
  /** Likewise: the share of responses that greedy decoding would write word for word. */
  readonly exactMatch?: number;
  /** After the step, at its rate, if a measurement was due. */
  readonly sharpness?: Sharpness;
  /** Since the run began. */
  readonly seconds: number;
}

/**
 * Writes metrics to a file, a JSON object a line. Lines reach the disk once a second and at the end, at once rather
 * than in the background: they are few, and a full disk is then the error of the step that met it.
 */
export class MetricsWriter {
  readonly #path: string;
  readonly #file: number;
  #lines: string[] = [];
  #written = performance.now();

  /**
   * Keeps the first `keptBytes` of a file that is there, 0 if not given: what an interrupted run had written when it was
   * last saved. Throws a LambdamaxError that names the file if it cannot be written, or holds fewer.
   */
  constructor(path: string, keptBytes = 0) {
    this.#path = path;
    this.#file = attempt(path, () => openSync(path, keptBytes === 0 ? 'w' : 'a'));
    attempt(path, () => {
      const bytes = fstatSync(this.#file).size;
      if (bytes < keptBytes) {
        closeSync(this.#file);
        const remedy = 'the run that it belongs to cannot be resumed without it';
        throw new LambdamaxError({ subject: path, expected: `at least ${keptBytes} bytes`, got: bytes, remedy });
      }
      // A new file is empty already, and a device cannot be cut.
      if (bytes > keptBytes) ftruncateSync(this.#file, keptBytes);
    });
  }

  write(metrics: StepMetrics): void {
    this.#lines.push(`${JSON.stringify(metrics)}\n`);
    if (performance.now() - this.#written > 1000) this.#flush();
  }

  /** Brings everything to the disk itself, and returns the size of the file. */
  save(): number {
    this.#flush();
    return attempt(this.#path, () => {
      fsyncSync(this.#file);
      return fstatSync(this.#file).size;
    });
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
    attempt(this.#path, () => {
      const before = fstatSync(this.#file);
      try {
        writeFileSync(this.#file, text);
      } catch (error) {
        // Half a line is worse than none.
        if (before.isFile()) ftruncateSync(this.#file, before.size);
        throw error;
      }
    });
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw fileFault(path, 'a writable file', cause);
  }
}
