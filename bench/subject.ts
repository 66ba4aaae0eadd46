import { spawn } from 'node:child_process';
import { z } from 'zod';
import { LambdamaxError } from '../errors.ts';

/** What can be measured; which of these a subject knows is its own matter. */
export const quantities = [
  'forward',
  'gradient',
  'product',
  'product linearised',
  'step',
  'lambdaMax',
  'gemm',
] as const;

/** One of {@link quantities}. */
export type Quantity = (typeof quantities)[number];

/** Somebody who computes: a program that is started once for every measurement, so that nobody warms another's caches. */
export interface Subject {
  /** Name in the tables: `lambdamax onnx`, `torch retained`. */
  readonly name: string;
  readonly command: string;
  /** What stands before the task's own arguments. */
  readonly arguments: readonly string[];
  readonly quantities: readonly Quantity[];
}

/** What one process is asked for. */
export interface Task {
  /** The folder with weights, adapter, tokens and direction; see `problem.ts`. */
  readonly problem: string;
  readonly quantity: Quantity;
  readonly threads: number;
  /** The first result is not timed; then the process measures so often, */
  readonly repeats: number;
  /** but stops after so many seconds. */
  readonly seconds: number;
  /** The file that gets the gradient or product, as raw little-endian float32 (or float64, for the reference). */
  readonly result: string;
}

// The protocol: `--name value` in, and one line of JSON out, the last on standard output.
const report = z.object({
  /** The mean cross-entropy, where it comes with the quantity. */
  loss: z.number().nullable(),
  /** From the start of reading the problem to the first result: loading, tracing, compiling. */
  setupMilliseconds: z.number(),
  /** One number per repetition. */
  milliseconds: z.array(z.number()).min(1),
  /** What all threads together computed in each, which other work on the machine lengthens less; spinning counts. */
  cpuMilliseconds: z.array(z.number()).min(1),
  /** The most memory that was resident while the process lived. */
  peakMegabytes: z.number(),
  /** Speed in products of large matrices; for `gemm` alone. */
  gflops: z.number().nullish(),
});

/** What one process has measured. */
export type Report = Readonly<z.infer<typeof report>>;

/** A task on the command line of a subject. */
export function taskArguments(task: Task): string[] {
  return Object.entries(task).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/** Starts a process for one task. Throws as `reported`. */
export function measure({ name, command, arguments: own }: Subject, task: Task): Promise<Report> {
  return reported(`${name}, ${task.quantity}`, command, [...own, ...taskArguments(task)], report);
}

/**
 * What a program says in the last line of its output, as JSON. Throws a LambdamaxError with its last words if it fails, or
 * says something else.
 */
export async function reported<T>(
  subject: string,
  command: string,
  args: readonly string[],
  schema: z.ZodType<T>,
): Promise<T> {
  const { code, stdout, stderr } = await finished(command, args);
  const last = stdout.trimEnd().split('\n').at(-1)!;
  const fault = (got: string) => new LambdamaxError({ subject, expected: 'a line of results', got });
  if (code !== 0) throw fault(stderr.trimEnd().split('\n').at(-1) || `exit code ${code}`);
  try {
    return schema.parse(JSON.parse(last));
  } catch {
    throw fault(last);
  }
}

/** Runs a program to its end. */
export function finished(
  command: string,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
