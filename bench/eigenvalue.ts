import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { LambdamaxError } from '../errors.ts';
import { reported } from './subject.ts';
import { scriptCommand } from './subjects.ts';

/** How close to the true largest eigenvalue a search must come, relative to it. */
export const trueTolerance = 1e-3;

/** Somebody who searches for the largest eigenvalue. */
export interface Searcher {
  /** Name in the tables: `lambdamax onnx`, `paper`. */
  readonly name: string;
  readonly command: string;
  /** What stands before the task's own arguments. */
  readonly arguments: readonly string[];
  /** What it is stopped by; if absent, by the first setting of its own with which it gets there. */
  readonly setting?: number;
  /** The searcher whose settings are its own as well, since it computes the same numbers. */
  readonly settingsOf?: string;
  /** What its numbers depend on besides the problem; absent where that changes from day to day, so that nothing is remembered. */
  readonly version?: string;
}

/** What one process is asked for. */
export interface SearchTask {
  /** The folder with weights, adapter and tokens; see `problem.ts`. */
  readonly problem: string;
  readonly threads: number;
  /** Seed of the random start vector. */
  readonly seed: number;
  /** A folder for what is to be kept from process to process, such as compiled graphs. */
  readonly kept: string;
}

// The protocol: `--name value` in, and one line of JSON out, the last on standard output.
const search = z.object({
  value: z.number(),
  /** Products with the Hessian. */
  products: z.number(),
  outcome: z.string().optional(),
  /** From the start of reading the problem to the value, set-up included. */
  milliseconds: z.number(),
  /** Until products can begin. */
  setupMilliseconds: z.number(),
  cpuMilliseconds: z.number(),
  peakMegabytes: z.number(),
});
const firstSetting = z.object({ setting: z.number().nullable(), value: z.number() });
const firstSettings = z.object({ settings: z.array(firstSetting) });

/** What one process has measured. */
export type Search = Readonly<z.infer<typeof search>>;

/** The first setting with which a searcher gets there from one start vector, or null, with the value that it then has. */
export type FirstSetting = Readonly<z.infer<typeof firstSetting>>;

/** Searches once, in a process of its own. Throws a LambdamaxError with the process's last words if it fails. */
export function searched(searcher: Searcher, task: SearchTask, setting: number): Promise<Search> {
  return answered(searcher, { ...task, setting }, search);
}

/**
 * The first setting with which a searcher's value is within {@link trueTolerance} of the truth, from each of so many start vectors:
 * for most the number of products, which nobody who does not know the truth can choose as well. One process looks for all, and
 * for no more once it has missed. Those of others are remembered on disk, ours are not: our code changes.
 */
export async function firstSettingsOf(
  searcher: Searcher,
  { starts, ...task }: Omit<SearchTask, 'seed'> & { readonly starts: number },
  truth: number,
): Promise<readonly FirstSetting[]> {
  const { name, version } = searcher;
  const make = () => answered(searcher, { ...task, starts, truth, tolerance: trueTolerance }, firstSettings);
  if (version === undefined) return (await make()).settings;
  const key = ['settings', name, version, await problemHash(task.problem), String(starts), String(trueTolerance)];
  return (await remembered(key, firstSettings, make)).settings;
}

/** The largest eigenvalue in float64, to 1e-9. Remembered on disk. Throws a LambdamaxError if the search did not converge. */
export async function exactEigenvalue(problem: string, kept: string): Promise<number> {
  const subject = 'the exact eigenvalue';
  const exact: Searcher = ownSearcher(subject, 'rule', 'float64');
  const { value } = await remembered(
    ['exact', await problemHash(problem)],
    z.object({ value: z.number() }),
    async () => {
      const found = await searched(exact, { problem, threads: 0, seed: 0, kept }, 1e-9);
      if (found.outcome === 'converged') return { value: found.value };
      throw new LambdamaxError({ subject, expected: 'to converge', got: found.outcome });
    },
  );
  return value;
}

/** lambdamax itself, in one of the modes of `subjects/eigenvalue.ts`. */
export function ownSearcher(name: string, mode: 'warm' | 'cold' | 'rule', precision = 'float32'): Searcher {
  const [command, ...args] = scriptCommand('./subjects/eigenvalue.ts');
  return { name, command, arguments: [...args, '--mode', mode, '--precision', precision] };
}

function answered<T>(
  { name, command, arguments: own }: Searcher,
  task: Readonly<Record<string, string | number>> | (SearchTask & { readonly setting: number }),
  schema: z.ZodType<T>,
): Promise<T> {
  const args = Object.entries(task).flatMap(([option, value]) => [`--${option}`, String(value)]);
  return reported(`${name}, lambdaMax`, command, [...own, ...args], schema);
}

const store = fileURLToPath(new URL('../.cache/bench/eigenvalues', import.meta.url));

/** What `make` finds, once for each key. */
async function remembered<T>(key: readonly string[], schema: z.ZodType<T>, make: () => Promise<T>): Promise<T> {
  const path = join(store, `${createHash('sha256').update(JSON.stringify(key)).digest('hex')}.json`);
  if (existsSync(path)) return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  const found = await make();
  await mkdir(store, { recursive: true });
  await writeFile(path, JSON.stringify(found));
  return found;
}

/** A hash of the files that determine a problem's numbers. */
async function problemHash(problem: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['config.json', 'model.safetensors', 'tokens.i32', 'adapter/adapter_model.safetensors'])
    hash.update(await readFile(join(problem, file)));
  return hash.digest('hex');
}
