import { LambdamaxError } from '../../errors.ts';
import { type Adapter, createAdapter } from '../../training/adapters/create.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { FinetuneOptions } from '../../training/finetune/finetune.ts';
import { finetuneInHeldFolder } from '../../training/finetune/runFolder.ts';
import type { Model } from '../../training/model.ts';
import { type ExaminationSource, openExamination, type Validation } from '../../training/validation.ts';
import type { RunResult } from '../plan/result.ts';
import type { RunConfiguration } from '../plan/run.ts';

/** What the runs of a sweep train on. */
export interface SweepData {
  readonly rows: readonly TokenRow[];
  /** What they are scored on: rows, or the problems of a task; absent: on the training loss. */
  readonly validation?: readonly TokenRow[] | ExaminationSource;
}

/** A run is saved so many times at most, and not more often than after so many steps: what an interruption loses lies between. */
const mostCheckpoints = 10;
const fewestBetween = 10;

/** Trains one run in its folder, and may tell its steps. Divergence is a result; only what cannot go on is thrown. */
export type ExecuteRun = (run: RunConfiguration, folder: string, onStep: (step: number) => void) => Promise<RunResult>;

/**
 * Trains a sweep's runs in this process, all on one model: methods of one form share its compiled graphs. Initial values are
 * made once for each method and seed.
 */
export function executeOn(model: Model, { rows, validation }: SweepData): ExecuteRun {
  const starts = new Map<string, Promise<Adapter>>();
  let opened: Promise<Validation | undefined> | undefined;
  return async (run, folder, onStep) => {
    const { method, rank, alpha, targetModules, rankPattern, alphaPattern, initSeed } = run;
    const key = JSON.stringify([method, rank, alpha, targetModules, rankPattern, alphaPattern, initSeed]);
    const start = starts.get(key) ?? startingAdapter(model, run, rows);
    starts.set(key, start);
    const { parameters, ...frozen } = await start;
    const adapter = { ...frozen, parameters: parameters.slice() };
    opened ??= openValidation(validation);
    const scoredOn = await opened;
    if (scoredOn && 'family' in scoredOn)
      requireSameContent(scoredOn.family.name, run.task?.contentHash, scoredOn.family.contentHash);
    const options = {
      ...finetuneOptions(run),
      ...(scoredOn ? { validation: scoredOn } : {}),
      onStep: ({ step }: { step: number }) => onStep(step),
    };
    const saveEvery = Math.max(fewestBetween, Math.ceil(run.steps / mostCheckpoints));
    return finetuneInHeldFolder(folder, model, adapter, rows, options, { saveEvery, resume: true });
  };
}

/**
 * The adapter that a run starts from. Throws as `createAdapter`, and a LambdamaxError for a user's own file that this process found
 * edited, so that no result lies under the name of other code.
 */
export async function startingAdapter(
  model: Model,
  { method, rank, alpha, targetModules, rankPattern, alphaPattern, initSeed, methodContent }: RunConfiguration,
  rows: readonly TokenRow[],
): Promise<Adapter> {
  const patterns = { ...(rankPattern && { rankPattern }), ...(alphaPattern && { alphaPattern }) };
  const adapter = await createAdapter(model, { method, rank, alpha, targetModules, ...patterns, initSeed, rows });
  requireSameContent(method, methodContent, adapter.method.contentHash);
  return adapter;
}

function requireSameContent(file: string, planned: string | undefined, found: string | undefined): void {
  if (planned === found) return;
  throw new LambdamaxError({
    subject: file,
    expected: 'the file, and what it imports, as they were when the study was begun',
    got: 'an edited one',
    remedy: 'give the command again: what was made with the file is made anew',
  });
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
