import { LambdamaxError } from '../../errors.ts';
import { Turns } from '../../workers/turns.ts';
import type { Configuration } from '../configurations/configuration.ts';
import { beginRun, type FinishedRun, finishRun, inOrder, type OpenStudy, readRun } from '../folder/record.ts';
import type { ExecuteRun } from '../measure/execute.ts';
import type { KnownOf } from '../measure/known.ts';
import { type RunChoice, runConfiguration } from '../plan/plan.ts';
import { isScored, type RunResult } from '../plan/result.ts';
import { type RunConfiguration, runKey } from '../plan/run.ts';
import type { ScoreMeasure } from '../plan/score.ts';
import { writeResults } from './resultsCsv.ts';

/** A sweep has begun a run, taken a step of it, finished it, or found it done. */
export interface RunProgress {
  readonly event: 'started' | 'step' | 'finished' | 'found';
  readonly key: string;
  readonly run: RunConfiguration;
  /** The plan's configuration that it is a run of. */
  readonly configuration: Configuration;
  /** Steps taken, as far as they are told. */
  readonly step: number;
  /** Null as long as the run is not done. */
  readonly result: RunResult | null;
  /** Runs done so far. */
  readonly done: number;
  /** Runs in all as far as can be told: grids may still be extended. */
  readonly planned: number;
  /** Those, with refinement, further seeds and what an extension usually adds. */
  readonly expected: number;
}

/** What makes the runs of a study, and who is told. */
export interface StudyRunsOptions {
  readonly execute: ExecuteRun;
  /** How many runs `execute` is given at once. */
  readonly atOnce: number;
  readonly knownOf: KnownOf;
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The runs of a study as they are made: each once, so many at a time, in the order in which they are asked for. */
export class StudyRuns {
  readonly #study: OpenStudy;
  readonly #execute: ExecuteRun;
  readonly #onProgress: (progress: RunProgress) => void;
  readonly #turns: Turns;
  readonly #knownOf: KnownOf;
  readonly #signal: AbortSignal | undefined;
  readonly #finished = new Map<string, FinishedRun>();
  #planned = 0;
  readonly #later = new Map<Configuration, number>();
  /** How many runs were made, and not found done. */
  made = 0;

  constructor(study: OpenStudy, { execute, atOnce, knownOf, onProgress = () => {}, signal }: StudyRunsOptions) {
    this.#study = study;
    this.#execute = execute;
    this.#knownOf = knownOf;
    this.#onProgress = onProgress;
    this.#signal = signal;
    this.#turns = new Turns(atOnce);
  }

  /** All that are done, in the order of `results.csv`. */
  get finished(): FinishedRun[] {
    return inOrder(this.#study.plan, [...this.#finished.values()]);
  }

  /** So many runs of a configuration are likely to follow those that were asked for. */
  expect(configuration: Configuration, later: number): void {
    this.#later.set(configuration, later);
  }

  /**
   * The results of some runs, which are found in the study or made. Once a run has failed no other begins; those that are
   * under way come to their end and are kept. Throws then a LambdamaxError that names the run and its folder.
   */
  all(choices: readonly RunChoice[]): Promise<RunResult[]> {
    this.#planned += choices.length;
    return this.#turns.all(choices.map((choice) => () => this.#findOrMake(choice)));
  }

  async #findOrMake(choice: RunChoice): Promise<RunResult> {
    const { folder, plan } = this.#study;
    const run = runConfiguration(plan, choice);
    const key = runKey(run);
    const report = (event: RunProgress['event'], result: RunResult | null, step = result?.steps ?? 0): void => {
      const [done, planned] = [this.#finished.size, this.#planned];
      const expected = planned + [...this.#later.values()].reduce((sum, later) => sum + later, 0);
      this.#onProgress({ event, key, run, configuration: choice.configuration, step, result, done, planned, expected });
    };
    const found = await readRun(folder, run, plan.score);
    if (found === null) {
      this.#signal?.throwIfAborted();
      report('started', null);
    }
    const result =
      found ??
      (await executed(folder, run, plan.score, (path) =>
        this.#execute(run, path, (step) => {
          this.#signal?.throwIfAborted();
          report('step', null, step);
        }),
      ));
    if (found === null) this.made++;
    this.#finished.set(key, { key, ...choice, result });
    await writeResults(folder, plan, this.finished, this.#knownOf);
    report(found === null ? 'finished' : 'found', result);
    return result;
  }
}

async function executed(
  folder: string,
  run: RunConfiguration,
  measure: ScoreMeasure,
  execute: (folder: string) => Promise<RunResult>,
): Promise<RunResult> {
  const { method, learningRate, seed } = run;
  const path = await beginRun(folder, run);
  const subject = `run ${method} at learning rate ${learningRate}, seed ${seed}, in ${path}`;
  let result: RunResult;
  try {
    result = await execute(path);
  } catch (cause) {
    const remedy = cause instanceof Error ? cause.message : String(cause);
    throw new LambdamaxError({ subject, expected: 'training to go through', remedy, cause });
  }
  const stored = JSON.parse(JSON.stringify(result)) as RunResult;
  if (!isScored(stored, measure)) {
    throw new LambdamaxError({ subject, expected: `a result with ${measure}`, got: result[measure] ?? 'none' });
  }
  return finishRun(folder, run, result);
}
