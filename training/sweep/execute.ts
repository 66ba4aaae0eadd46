import { type Adapter, createAdapter } from '../adapters/create.ts';
import type { TokenRow } from '../data/examples.ts';
import type { FinetuneOptions } from '../finetune.ts';
import type { Model } from '../model.ts';
import { finetuneInFolder } from '../runFolder.ts';
import type { RunConfiguration } from './plan.ts';
import type { ExecuteRun } from './runs.ts';

/** What the runs of a sweep train on. */
export interface SweepData {
  readonly rows: readonly TokenRow[];
  /** What they are scored on; absent: on the training loss. */
  readonly validation?: readonly TokenRow[];
}

/**
 * Trains a sweep's runs one after another in this process, all on one model: methods of one form share its compiled
 * graphs. Initial values are made once for each method and seed.
 */
export function executeOn(
  model: Model,
  { rows, validation }: SweepData,
  onStep?: (step: number, run: RunConfiguration) => void,
): ExecuteRun {
  const starts = new Map<string, Promise<Adapter>>();
  return async (run, folder) => {
    const { method, rank, alpha, targetModules, initSeed } = run;
    const key = JSON.stringify([method, rank, alpha, targetModules, initSeed]);
    const start = starts.get(key) ?? createAdapter(model, { method, rank, alpha, targetModules, initSeed, rows });
    starts.set(key, start);
    const { parameters, ...frozen } = await start;
    const adapter = { ...frozen, parameters: parameters.slice() };
    const options = {
      ...finetuneOptions(run),
      ...(validation ? { validation } : {}),
      onStep: ({ step }: { step: number }) => onStep?.(step, run),
    };
    return finetuneInFolder(model, adapter, rows, options, folder);
  };
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
