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

/** What a best learning rate is sought for. */
export interface Configuration {
  readonly method: string;
  readonly rank: number;
  /** Optimizer steps of a run. */
  readonly steps: number;
}

/** The model, what it trains on and what it is scored on. */
export interface Experiment extends AsyncDisposable {
  readonly model: Model;
  readonly rows: readonly TokenRow[];
  readonly scored: readonly TokenRow[];
  /** The adapter that every run of a configuration starts from. */
  start(configuration: Configuration): Promise<Adapter>;
}

/** Rows of `math`: a thousand steps of four rows see each row once, so that none of the runs is held back by learning by heart. */
const data = { task: 'math', trained: 4000, scored: 200 } as const;

/** The command's own, at any rank. */
const alpha = 16;

const seed = 1;

/** Loads the model and its problems. */
export async function openExperiment(folder: string, threads: number): Promise<Experiment> {
  const model = await loadModel(folder, { threads });
  const family = await loadTask(data.task);
  const rowsOf = async (split: 'train' | 'validation', limit: number): Promise<TokenRow[]> =>
    (await taskTokenRows(model, family, await readProblems(family, { split, limit }))).flatMap(({ row }) => row ?? []);
  const rows = await rowsOf('train', data.trained);
  const starts = new Map<string, Promise<Adapter>>();
  return {
    model,
    rows,
    scored: await rowsOf('validation', data.scored),
    async start({ method, rank }) {
      const key = `${method} r${rank}`;
      const made = starts.get(key) ?? createAdapter(model, { method, rank, alpha, initSeed: seed, rows });
      starts.set(key, made);
      const adapter = await made;
      return { ...adapter, parameters: adapter.parameters.slice() };
    },
    [Symbol.asyncDispose]: () => model.release(),
  };
}

/** How a run trains, all but its rate: the command's own settings, on few rows a step. */
export function trainingOf(steps: number): Omit<FinetuneOptions, 'learningRate' | 'validation'> {
  return {
    optimizer: 'adamw',
    schedule: 'cosine',
    warmupSteps: Math.ceil(0.03 * steps - 1e-9),
    steps,
    batchSize: 4,
    seed,
    shuffle: true,
  };
}
