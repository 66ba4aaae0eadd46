import { createAdapter } from '../training/adapters/create.ts';
import type { TokenRow } from '../training/data/examples.ts';
import { firstRows } from '../training/data/split.ts';
import type { Model } from '../training/model.ts';
import { contentKey, type StudyPlan } from '../training/sweep/plan.ts';
import { keepSpectra, readSpectrum, writeSpectrum } from '../training/sweep/record.ts';
import { warmUp } from '../training/warmup.ts';
import { spectrum } from './spectrum.ts';

/** How the curvature of a study's methods is measured. */
export interface StudySpectraOptions {
  /** The Hessian is a mean over the first rows of the training data that together have so many scored tokens. */
  readonly tokens: number;
  readonly tolerance: number;
  readonly maxSteps: number;
  /** Steps of Adam before the preconditioned Hessian is measured, and their constant rate. */
  readonly warmup: { readonly steps: number; readonly learningRate: number };
}

/** One spectrum of a study is done, or was found done. */
export interface StudySpectraProgress {
  readonly method: string;
  readonly operator: 'hessian' | 'adam';
  readonly done: number;
  readonly planned: number;
}

const operators = ['hessian', 'adam'] as const;

/**
 * Measures, for each method of a plan, both ends of the Hessian where training starts, and of the Hessian that Adam sees a
 * few steps later. What lies in the study's folder already is not measured again; what was measured under other options is
 * removed, since a study has one spectrum of a kind.
 */
export async function studySpectra(
  model: Model,
  plan: StudyPlan,
  folder: string,
  rows: readonly TokenRow[],
  options: StudySpectraOptions,
  onProgress?: (progress: StudySpectraProgress) => void,
): Promise<void> {
  const planned = plan.methods.length * operators.length;
  const keys = new Set<string>();
  let done = 0;
  for (const method of plan.methods)
    for (const operator of operators) {
      const configuration = spectrumConfiguration(plan, method, operator, options);
      if ((await readSpectrum(folder, configuration)) === null)
        await writeSpectrum(folder, configuration, await measure(model, plan, method, operator, rows, options));
      keys.add(contentKey(configuration));
      done++;
      onProgress?.({ method, operator, done, planned });
    }
  await keepSpectra(folder, keys);
}

async function measure(
  model: Model,
  plan: StudyPlan,
  method: string,
  operator: (typeof operators)[number],
  rows: readonly TokenRow[],
  { tokens, tolerance, maxSteps, warmup }: StudySpectraOptions,
) {
  const { rank, alpha, targetModules, training } = plan;
  const { batchSize } = training;
  const seed = plan.seeds[0]!;
  const initSeed = plan.initSeed ?? seed;
  const start = await createAdapter(model, { method, rank, alpha, targetModules, initSeed, rows });
  const { betas, eps } = training.optimizer;
  const warmed =
    operator === 'adam'
      ? await warmUp(model, start, rows, { ...warmup, batchSize, seed, adam: { betas, eps } })
      : { adapter: start };
  const measured = firstRows(rows, tokens);
  return spectrum(model, warmed.adapter, measured, {
    // At least four batches, or there would be little to take a standard error over.
    batchSize: Math.min(batchSize, Math.ceil(measured.length / 4)),
    tolerance,
    maxSteps,
    seed,
    beta1: betas[0],
    ...('preconditioner' in warmed ? { preconditioner: warmed.preconditioner } : {}),
  });
}

/** All that a spectrum of a study follows from, and no path. */
function spectrumConfiguration(
  plan: StudyPlan,
  method: string,
  operator: string,
  options: StudySpectraOptions,
): object {
  const { rank, alpha, targetModules, modelHash, dataHash, precision, training, seeds, initSeed } = plan;
  const { warmup, ...search } = options;
  const seed = seeds[0]!;
  return {
    ...{ method, rank, alpha, targetModules, modelHash, dataHash, precision, operator, ...search },
    ...{ batchSize: training.batchSize, seed, initSeed: initSeed ?? seed },
    ...(operator === 'adam' ? { warmup, optimizer: training.optimizer } : {}),
  };
}
