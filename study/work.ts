import { type BackendName, backendNamed } from '../compute/index.ts';
import { loadModel, type Model, type ModelOptions } from '../training/model.ts';
import { WorkerPool } from '../workers/pool.ts';
import type { CreateWorker, WorkerSilence } from '../workers/workerProcess.ts';
import { askOn } from './measure/askPredictor.ts';
import type { ExecuteRun } from './measure/execute.ts';
import { executeOn, type SweepData } from './measure/execute.ts';
import { measureOn } from './measure/measureSpectrum.ts';
import type { AskPredictor, Predicted, PredictorChoice } from './measure/predictors.ts';
import type { MeasureSpectrum, SpectrumChoice, StudySpectrum } from './measure/spectra.ts';
import type { StudyPredictorOptions, StudySpectraOptions } from './plan/measurements.ts';
import type { StudyPlan } from './plan/plan.ts';
import type { RunResult } from './plan/result.ts';
import type { RunConfiguration } from './plan/run.ts';

/** What does the parts of a study. */
export interface StudyWork {
  /** How many parts at once. */
  readonly atOnce: number;
  readonly trainRun: ExecuteRun;
  readonly measureSpectrum: MeasureSpectrum;
  readonly askPredictor: AskPredictor;
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Does the parts in this process, one at a time. The model stays the caller's. */
export function workHere(model: Model, plan: StudyPlan, data: SweepData): StudyWork {
  const release = async (): Promise<void> => {};
  return {
    atOnce: 1,
    trainRun: executeOn(model, data),
    measureSpectrum: measureOn(model, plan, data.rows),
    askPredictor: askOn(model, plan, data.rows),
    release,
    [Symbol.asyncDispose]: release,
  };
}

/** What a process that works on a study is told: the plan, its model by folder, its data. */
export interface StudyWorkerSetup {
  readonly directory: string;
  readonly model: Omit<ModelOptions, 'backend'> & { readonly backend: BackendName };
  readonly plan: StudyPlan;
  readonly data: SweepData;
}

/** One part of a study, as a process is told it. */
type StudyTask =
  | { readonly part: 'run'; readonly run: RunConfiguration; readonly folder: string }
  | { readonly part: 'spectrum'; readonly choice: SpectrumChoice; readonly options: StudySpectraOptions }
  | { readonly part: 'predictor'; readonly choice: PredictorChoice; readonly options: StudyPredictorOptions };

type StudyResult = RunResult | StudySpectrum | Predicted;

/**
 * Does the parts in processes that are started when the first part is to be done, each with a model of its own; what they are
 * given throws as `WorkerPool.start` does.
 */
export function workInProcesses(count: number, setup: StudyWorkerSetup, silence: WorkerSilence = {}): StudyWork {
  const module = import.meta.url;
  let started: Promise<WorkerPool<StudyTask, StudyResult, number>> | undefined;
  const run = async (task: StudyTask, report?: (step: number) => void): Promise<StudyResult> => {
    started ??= WorkerPool.start<StudyWorkerSetup, StudyTask, StudyResult, number>(
      count,
      { module, setup },
      { ...silence, wordsFor },
    );
    return (await started).run(task, report);
  };
  const release = async (): Promise<void> => {
    const pool = await started?.catch(() => undefined);
    await pool?.release();
  };
  return {
    atOnce: count,
    trainRun: (configuration, folder, onStep) =>
      run({ part: 'run', run: configuration, folder }, onStep) as Promise<RunResult>,
    measureSpectrum: (choice, options) => run({ part: 'spectrum', choice, options }) as Promise<StudySpectrum>,
    askPredictor: (choice, options) => run({ part: 'predictor', choice, options }) as Promise<Predicted>,
    release,
    [Symbol.asyncDispose]: release,
  };
}

function wordsFor(task: StudyTask): string {
  if (task.part === 'run') return `${task.run.method} at ${task.run.learningRate}, seed ${task.run.seed}`;
  if (task.part === 'predictor') return `${task.choice.predictor} of ${task.choice.configuration.method}`;
  return `the curvature of ${task.choice.configuration.method} (${task.choice.operator})`;
}

/** What such a process does; of a run it reports the steps, of a spectrum the products. */
export const createWorker: CreateWorker<StudyWorkerSetup, StudyTask, StudyResult, number> = async ({
  directory,
  model: { backend, ...options },
  plan,
  data,
}) => {
  const model = await loadModel(directory, { ...options, backend: backendNamed(backend) });
  const work = workHere(model, plan, data);
  return async (task, report) => {
    if (task.part === 'run') return work.trainRun(task.run, task.folder, report);
    return task.part === 'spectrum'
      ? work.measureSpectrum(task.choice, task.options, report)
      : work.askPredictor(task.choice, task.options);
  };
};
