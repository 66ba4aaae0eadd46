import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createAdapter, layoutFor } from '../training/adapters/create.ts';
import { loadMethod } from '../training/adapters/methodFile.ts';
import { firstRows } from '../training/data/split.ts';
import { finetune } from '../training/finetune/finetune.ts';
import { freeBytes } from '../training/memory.ts';
import type { Model } from '../training/model.ts';
import { stepCost } from '../training/stepCost.ts';
import { openExamination, type Validation, validate } from '../training/validation.ts';
import { adapterMethodOf, type Configuration } from './configurations/configuration.ts';
import { finishedRuns } from './folder/record.ts';
import { finetuneOptions, type SweepData } from './measure/execute.ts';
import { spectrumPrice } from './measure/measureSpectrum.ts';
import { plannedPredictions } from './measure/predictors.ts';
import { plannedSpectra } from './measure/spectra.ts';
import type { StudyPredictorName } from './plan/measurements.ts';
import { runConfiguration, type StudyPlan } from './plan/plan.ts';
import type { PlannedStudy } from './planStudy.ts';
import { missingRuns } from './sweep/progress.ts';
import { processBytesOf, usualWorkers, type WorkOptions } from './workers.ts';

/** What a study will take, told before anything of it is done. */
export interface StudyCost {
  /** Runs in all, as far as can be told: a grid whose best rate is not bracketed is extended. */
  readonly runs: number;
  /** How many of them lie in the folder already. */
  readonly done: number;
  readonly spectra: number;
  readonly predictions: number;
  /** Until it is done, with all processes at work. */
  readonly hours: number;
  /** Processor time of one step of the first configuration, as it was measured. */
  readonly secondsPerStep: number;
  readonly processes: number;
  /** Memory of all processes together, and what is free. */
  readonly bytes: number;
  readonly freeBytes: number;
}

/** Steps that are timed; the first one compiles. */
const timedSteps = 3;

/** Products that the two ends of a spectrum usually take. */
const usualProducts = 25;

/** Gradients that a line search takes. */
const lineSearchGradients = 30;

/**
 * Estimates what a study will take: steps and answers are timed on this machine, with the model as it was opened, and other
 * configurations are set beside them by their floating-point operations. Nothing is written.
 */
export async function studyCost(model: Model, planned: PlannedStudy, { workers }: WorkOptions): Promise<StudyCost> {
  const { plan, folder, data } = planned;
  const processes = workers ?? (await usualWorkers(model, plan, data));
  const done = existsSync(join(folder, 'study.json')) ? await finishedRuns(folder, plan) : [];
  const first = plan.configurations[0]!;
  const { step: secondsPerStep, score } = await timedRun(model, plan, first, data);
  const gradientOf = await gradientSeconds(model, plan, data, { of: first, seconds: secondsPerStep });

  const missing = plan.configurations.map((configuration) => {
    const own = done.filter((run) => run.configuration === configuration);
    return { configuration, runs: missingRuns(plan, configuration, own) };
  });
  const training = missing.map(
    ({ configuration, runs }) => runs * (configuration.steps * gradientOf(configuration) + score),
  );
  const spectra = plan.spectra ? plannedSpectra(plan) : [];
  const measuring = spectra.map(({ configuration, operator }) => {
    const { tokens, warmup } = plan.spectra!;
    const price = spectrumPrice(usualProducts, firstRows(data.rows, tokens).length, configuration.batchSize);
    return (price + (operator === 'adam' ? warmup.steps : 0)) * gradientOf(configuration);
  });
  const predictions = plan.predictors ? plannedPredictions(plan, plan.predictors) : [];
  const asking = predictions.map(({ configuration, predictor }) => {
    const gradients: Readonly<Record<StudyPredictorName, number>> = {
      probes: plan.predictors!.probeBudget * configuration.steps,
      curvature: lineSearchGradients,
      halving: plan.predictors!.probeBudget * configuration.steps,
      'range-test': configuration.steps,
      'rule-of-thumb': 0,
    };
    return gradients[predictor] * gradientOf(configuration);
  });
  // What was measured and asked already is not known here: of a study that goes on this is too much by that.
  const seconds = sum([...training, ...measuring, ...asking]);
  return {
    runs: done.length + sum(missing.map(({ runs }) => runs)),
    ...{ done: done.length, spectra: spectra.length, predictions: predictions.length },
    ...{ hours: seconds / processes / 3600, secondsPerStep, processes },
    bytes: processes * (await processBytesOf(model, plan, data)),
    freeBytes: freeBytes(),
  };
}

/** Seconds of a step, and of scoring a run, of one configuration: of vanilla LoRA, whose start costs nothing. */
async function timedRun(
  model: Model,
  plan: StudyPlan,
  configuration: Configuration,
  { rows, validation }: SweepData,
): Promise<{ readonly step: number; readonly score: number }> {
  const { rank, alpha, targetModules, rankPattern, alphaPattern, batchSize } = configuration;
  const patterns = { ...(rankPattern && { rankPattern }), ...(alphaPattern && { alphaPattern }) };
  const adapter = await createAdapter(model, { method: 'lora', rank, alpha, targetModules, ...patterns, rows });
  const run = runConfiguration(plan, { configuration, learningRate: 1e-9, seed: plan.seeds[0]! });
  const times: number[] = [];
  const onStep = () => times.push(performance.now());
  await finetune(model, adapter, rows, { ...finetuneOptions(run), steps: timedSteps, warmupSteps: 0, onStep });
  const step = (times.at(-1)! - times[0]!) / 1000 / (timedSteps - 1);
  if (validation === undefined) return { step, score: 0 };
  const sizeOf = 'task' in validation ? validation.rows.length : validation.length;
  const part = async (count: number): Promise<Validation> =>
    'task' in validation
      ? openExamination({ ...validation, rows: validation.rows.slice(0, count) })
      : validation.slice(0, count);
  // Once to compile, and once to time.
  await validate(model, adapter, await part(Math.min(batchSize, sizeOf)), batchSize);
  const timed = Math.min(4 * batchSize, sizeOf);
  const began = performance.now();
  await validate(model, adapter, await part(timed), batchSize);
  return { step, score: ((performance.now() - began) / 1000) * (sizeOf / timed) };
}

/** Seconds of a gradient of each configuration, from those of one and the floating-point operations of both. */
async function gradientSeconds(
  model: Model,
  plan: StudyPlan,
  { rows }: SweepData,
  { of, seconds }: { readonly of: Configuration; readonly seconds: number },
): Promise<(configuration: Configuration) => number> {
  const flopsOf = new Map<Configuration, number>();
  for (const configuration of plan.configurations) {
    const { targetModules, batchSize } = configuration;
    const layout = layoutFor(model, await loadMethod(adapterMethodOf(configuration)), targetModules, configuration);
    flopsOf.set(configuration, stepCost(model, layout, rows, { batchSize, what: 'gradient' }).flops);
  }
  return (configuration) => (seconds * flopsOf.get(configuration)!) / flopsOf.get(of)!;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
