import { type Adapter, createAdapter } from '../adapters/create.ts';
import type { TokenRow } from '../data/examples.ts';
import type { FinetuneOptions } from '../finetune.ts';
import type { Model } from '../model.ts';
import { finetuneInFolder } from '../runFolder.ts';
import { type ExaminationSource, openExamination, type Validation } from '../validation.ts';
import type { RunConfiguration } from './plan.ts';
import type { ExecuteRun } from './runs.ts';

/** What the runs of a sweep train on. */
export interface SweepData {
  readonly rows: readonly TokenRow[];
  /** What they are scored on: rows, or the problems of a task; absent: on the training loss. */
  readonly validation?: readonly TokenRow[] | ExaminationSource;
}

/**
 * Trains a sweep's runs in this process, all on one model: methods of one form share its compiled graphs. Initial values are
 * made once for each method and seed.
 */
export function executeOn(model: Model, { rows, validation }: SweepData): ExecuteRun {
  const starts = new Map<string, Promise<Adapter>>();
  let opened: Promise<Validation | undefined> | undefined;
  return async (run, folder, onStep) => {
    const { method, rank, alpha, targetModules, initSeed } = run;
    const key = JSON.stringify([method, rank, alpha, targetModules, initSeed]);
    const start = starts.get(key) ?? createAdapter(model, { method, rank, alpha, targetModules, initSeed, rows });
    starts.set(key, start);
    const { parameters, ...frozen } = await start;
    const adapter = { ...frozen, parameters: parameters.slice() };
    opened ??= openValidation(validation);
    const scoredOn = await opened;
    const options = {
      ...finetuneOptions(run),
      ...(scoredOn ? { validation: scoredOn } : {}),
      onStep: ({ step }: { step: number }) => onStep(step),
    };
    return finetuneInFolder(model, adapter, rows, options, folder);
  };
}

async function openValidation(validation: SweepData['validation']): Promise<Validation | undefined> {
  return validation && 'task' in validation ? openExamination(validation) : validation;
}

/** The settings of one run of a sweep, as `finetune` takes them. */
export function finetuneOptions(run: RunConfiguration): FinetuneOptions {
  const { name, ...optimizerOptions } = run.optimizer;
  const { learningRate, schedule, steps, warmupSteps, maxGradNorm, batchSize, seed, shuffle } = run;
  return {
    optimizer: name,
    optimizerOptions,
    learningRate,
    schedule,
    steps,
    warmupSteps,
    maxGradNorm,
    batchSize,
    seed,
    shuffle,
  };
}
