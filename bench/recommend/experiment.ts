import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Adapter,
  createAdapter,
  type FinetuneOptions,
  loadModel,
  loadTask,
  type Model,
  readProblems,
  type TokenRow,
  taskTokenRows,
} from 'lambdamax/training';
import type { SoughtAdapter } from './configurations.ts';

/** The model, what it trains on and what it is scored on: problems of one task. */
export interface Experiment extends AsyncDisposable {
  readonly model: Model;
  readonly rows: readonly TokenRow[];
  /** What runs are scored on. */
  readonly scored: readonly TokenRow[];
  /** Rows as files, for studies. */
  readonly files: { readonly data: readonly string[]; readonly validation: readonly string[] };
  /** The adapter that runs of the first seed start from. */
  start(sought: SoughtAdapter): Promise<Adapter>;
}

/** A thousand steps of four rows see each row once, so that none of the runs is held back by learning by heart. */
const data = { trained: 4000, scored: 200 } as const;

/** The command's own, at any rank. */
export const alpha = 16;

/** The first seed: that of the predictions. */
export const seed = 1;

export const batchSize = 4;

/** What an experiment is made of. */
export interface ExperimentOptions {
  readonly model: string;
  readonly task: string;
  /** Where its rows are written, for studies. */
  readonly folder: string;
  readonly threads: number;
}

/** Loads the model and the problems of a task, and writes their rows into a folder. */
export async function openExperiment({
  model: checkpoint,
  task,
  folder,
  threads,
}: ExperimentOptions): Promise<Experiment> {
  const model = await loadModel(checkpoint, { threads });
  const family = await loadTask(task);
  const rowsOf = async (split: 'train' | 'validation', limit: number): Promise<TokenRow[]> =>
    (await taskTokenRows(model, family, await readProblems(family, { split, limit }))).flatMap(({ row }) => row ?? []);
  const fileOf = async (name: string, rows: readonly TokenRow[]): Promise<string> => {
    const path = join(folder, `${name}.jsonl`);
    await mkdir(folder, { recursive: true });
    // Another process may read it meanwhile.
    const whole = `${path}.${process.pid}`;
    await writeFile(
      whole,
      rows.map((row) => `${JSON.stringify({ input_ids: [...row.inputIds], labels: [...row.labels] })}\n`).join(''),
    );
    await rename(whole, path);
    return path;
  };
  const rows = await rowsOf('train', data.trained);
  const scored = await rowsOf('validation', data.scored);
  const validation = await fileOf('validation', scored);
  return {
    model,
    rows,
    scored,
    files: { data: [await fileOf('train', rows)], validation: [validation] },
    start: ({ method, rank }) => createAdapter(model, { method, rank, alpha, initSeed: seed, rows }),
    [Symbol.asyncDispose]: () => model.release(),
  };
}

/** How a run trains, all but its rate: the command's own settings, on few rows a step. */
export function trainingOf(steps: number): Omit<FinetuneOptions, 'learningRate' | 'validation'> {
  const warmupSteps = Math.ceil(0.03 * steps - 1e-9);
  return { optimizer: 'adamw', schedule: 'cosine', warmupSteps, steps, batchSize, seed, shuffle: true };
}
