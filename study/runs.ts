import { LambdamaxError } from '../errors.ts';
import type { RunChoice } from './methodRuns.ts';
import { type RunConfiguration, runConfiguration, runKey, type ScoreMeasure } from './plan.ts';
import {
  beginRun,
  type FinishedRun,
  finishRun,
  inOrder,
  isScored,
  type OpenStudy,
  type RunResult,
  readRun,
  writeResults,
} from './record.ts';
import { Turns } from './turns.ts';

/** A sweep has begun a run, taken a step of it, finished it, or found it done. */
export interface SweepProgress {
  readonly event: 'started' | 'step' | 'finished' | 'found';
  readonly key: string;
  readonly configuration: RunConfiguration;
  /** Steps taken, as far as they are told. */
  readonly step: number;
  /** Null as long as the run is not done. */
  readonly result: RunResult | null;
  /** Runs done so far. */
  readonly done: number;
  /** Runs in all as far as can be told: grids may still be extended. */
  readonly planned: number;
}

/** Trains one run in its folder, and may tell its steps. Divergence is a result; only what cannot go on is thrown. */
export type ExecuteRun = (run: RunConfiguration, folder: string, onStep: (step: number) => void) => Promise<RunResult>;

/** The runs of a study as they are made: each once, so many at a time, in the order in which they are asked for. */
export class StudyRuns {
  readonly #study: OpenStudy;
  readonly #execute: ExecuteRun;
  readonly #onProgress: (progress: SweepProgress) => void;
  readonly #turns: Turns;
  readonly #finished = new Map<string, FinishedRun>();
  #planned = 0;

  constructor(
    study: OpenStudy,
    execute: ExecuteRun,
    atOnce: number,
    onProgress: (progress: SweepProgress) => void = () => {},
  ) {
    this.#study = study;
    this.#execute = execute;
    this.#onProgress = onProgress;
    this.#turns = new Turns(atOnce);
  }

  /** All that are done, in the order of `results.csv`. */
  get finished(): FinishedRun[] {
    return inOrder(this.#study.plan, [...this.#finished.values()]);
  }

  /**
   * The results of some runs, which are found in the study or made. Once a run has failed no other begins; those that are
   * under way come to their end and are kept. Throws then a LambdamaxError that names the run and its folder.
   */
  all(choices: readonly RunChoice[]): Promise<RunResult[]> {
    this.#planned += choices.length;
    const { plan } = this.#study;
    return this.#turns.all(choices.map((choice) => () => this.#findOrMake(runConfiguration(plan, choice))));
  }

  async #findOrMake(configuration: RunConfiguration): Promise<RunResult> {
    const { folder, plan } = this.#study;
    const key = runKey(configuration);
    const report = (event: SweepProgress['event'], result: RunResult | null, step = result?.steps ?? 0): void => {
      const [done, planned] = [this.#finished.size, this.#planned];
      this.#onProgress({ event, key, configuration, step, result, done, planned });
    };
    const found = await readRun(folder, configuration, plan.score);
    if (found === null) report('started', null);
    const result =
      found ??
      (await executed(folder, configuration, plan.score, (run, path) =>
        this.#execute(run, path, (step) => report('step', null, step)),
      ));
    this.#finished.set(key, { key, configuration, result });
    await writeResults(folder, plan, this.finished);
    report(found === null ? 'finished' : 'found', result);
    return result;
  }
}

async function executed(
  folder: string,
  configuration: RunConfiguration,
  measure: ScoreMeasure,
  execute: (run: RunConfiguration, folder: string) => Promise<RunResult>,
): Promise<RunResult> {
  const { method, learningRate, seed } = configuration;
  const path = await beginRun(folder, configuration);
  const subject = `run ${method} at learning rate ${learningRate}, seed ${seed}, in ${path}`;
  let result: RunResult;
  try {
    result = await execute(configuration, path);
  } catch (cause) {
    const remedy = cause instanceof Error ? cause.message : String(cause);
    throw new LambdamaxError({ subject, expected: 'training to go through', remedy, cause });
  }
  const stored = JSON.parse(JSON.stringify(result)) as RunResult;
  if (!isScored(stored, measure)) {
    throw new LambdamaxError({ subject, expected: `a result with ${measure}`, got: result[measure] ?? 'none' });
  }
  return finishRun(folder, configuration, result);
}
