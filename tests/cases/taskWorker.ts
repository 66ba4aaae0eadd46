/** A module for worker processes, of tasks that go well and badly. */
import { setTimeout as pause } from 'node:timers/promises';
import { ArgumentError, LambdamaxError } from '../../errors.ts';
import type { CreateWorker } from '../../workers/workerProcess.ts';

export const module = import.meta.url;

export interface Setup {
  readonly factor: number;
  /** Whether it never gets as far as a task. */
  readonly fails?: boolean;
}

export type Task =
  | { readonly kind: 'scale'; readonly vector: Float32Array | Float64Array; readonly reports: number }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  | { readonly kind: 'throw'; readonly what: 'lambdamax' | 'usage' | 'other' }
  | { readonly kind: 'return a function' }
  | { readonly kind: 'exit'; readonly words: string }
  | { readonly kind: 'kill' }
  /** It computes without end, and lets nothing be heard of it. */
  | { readonly kind: 'endless' };

export interface Result {
  readonly pid: number;
  readonly vector: Float32Array | Float64Array;
}

const nothing = new Float32Array(0);
const parts = { subject: 'rank', expected: '1 to 4', got: [5], remedy: 'lower it' };
const errors = {
  lambdamax: new LambdamaxError(parts),
  usage: new ArgumentError(parts),
  other: new TypeError('x is no y'),
};

export const createWorker: CreateWorker<Setup, Task, Result, number> = async ({ factor, fails }) => {
  if (fails) throw new LambdamaxError({ subject: 'model', expected: 'a folder', got: 'none' });
  return async (task, report) => {
    if (task.kind === 'scale') {
      for (let step = 1; step <= task.reports; step++) report(step);
      return { pid: process.pid, vector: task.vector.map((entry) => factor * entry) };
    }
    if (task.kind === 'wait') await pause(task.milliseconds);
    if (task.kind === 'endless') for (;;);
    if (task.kind === 'throw') throw errors[task.what];
    if (task.kind === 'return a function') return (() => {}) as unknown as Result;
    if (task.kind === 'exit') {
      process.stderr.write(task.words);
      process.exit(7);
    }
    if (task.kind === 'kill') process.kill(process.pid, 'SIGKILL');
    return { pid: process.pid, vector: nothing };
  };
};
