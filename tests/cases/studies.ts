import type { Configuration } from '../../study/configurations/configuration.ts';
import { type StudySpectrum, studySpectra } from '../../study/measure/spectra.ts';
import { usualSpectra } from '../../study/plan/measurements.ts';
import type { StudyPlan } from '../../study/plan/plan.ts';
import type { RunResult } from '../../study/plan/result.ts';
import type { RunConfiguration } from '../../study/plan/run.ts';
import { proportion } from '../../training/tasks/proportion.ts';

/** A configuration of vanilla LoRA, with changes. */
export function someConfiguration(changes: Partial<Configuration> = {}): Configuration {
  return {
    method: 'lora',
    rank: 8,
    alpha: 16,
    targetModules: 'all-linear',
    steps: 100,
    batchSize: 4,
    maxLength: 128,
    shuffle: true,
    optimizer: { name: 'adamw', betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, momentum: 0 },
    schedule: 'cosine',
    warmupSteps: 3,
    maxGradNorm: null,
    ...changes,
  };
}

/** A small plan of some methods, `methods`, that are equal in all else; the models and data in it are names only. */
export function somePlan({
  methods = ['pissa', 'lora'],
  ...changes
}: Partial<StudyPlan> & { readonly methods?: readonly string[] } = {}): StudyPlan {
  return {
    version: 2,
    model: 'models/base',
    modelHash: 'm0',
    data: ['train.jsonl'],
    dataHash: 'd0',
    validation: ['validation.jsonl'],
    validationHash: 'v0',
    configurations: methods.map((method) => someConfiguration({ method })),
    grid: [1e-4, 4e-4, 1.6e-3],
    mostRates: 20,
    refinements: 1,
    seeds: [0, 1],
    seedsNearBest: 1,
    initSeed: null,
    score: 'validationLoss',
    precision: 'float32',
    versions: { lambdamax: '0.1.0', node: '20' },
    createdFrom: 'lambdamax study',
    ...changes,
  };
}

/** The learning rate at which {@link parabolaResult} is best: a method's own. */
export const optimumOf: Readonly<Record<string, number>> = { lora: 1.1e-2, pissa: 4.7e-3 };

/** A run whose loss is a parabola in log rate about the method's optimum, a little off by seed; far above it diverges. */
export function parabolaResult({ method, learningRate, seed, steps }: RunConfiguration): RunResult {
  const distance = Math.log(learningRate / (optimumOf[method]! * (1 + 0.05 * seed)));
  if (distance > Math.log(5)) return { status: 'diverged', steps: 7, finalLoss: Number.NaN, validationLoss: null };
  const loss = 2 + 0.07 * distance ** 2 + 0.003 * seed;
  return { status: 'finished', steps, finalLoss: loss - 0.1, validationLoss: loss };
}

/**
 * A run that is also examined: all of 200 problems are solved where its loss is that of {@link parabolaResult} and low, and
 * within two powers of ten ever fewer and then none.
 */
export function plateauResult(run: RunConfiguration): RunResult {
  const result = parabolaResult(run);
  if (result.status === 'diverged') return { ...result, finalLoss: null };
  const solved = Math.round(200 * Math.min(1, Math.max(0, 1.4 - 3 * (result.validationLoss! - 2))));
  const { value, low, high } = proportion(solved, 200);
  return { ...result, accuracy: value, accuracyInterval: [low, high] };
}

/** The result of {@link plateauResult} where nothing is generated: the share is of exact matches. */
export function exactResult(run: RunConfiguration): RunResult {
  const { accuracy, accuracyInterval, ...result } = plateauResult(run);
  return { ...result, exactMatch: accuracy, exactMatchInterval: accuracyInterval };
}

/** Leaves spectra of a plan's configurations in its folder: of each Hessian, this one. */
export function leaveSpectra(
  plan: StudyPlan,
  study: string,
  spectrumOf: (configuration: Configuration) => object,
): Promise<void> {
  const none = { lambdaMax: { value: null }, tokens: 10, batches: 4 };
  return studySpectra(plan, study, usualSpectra, {
    measure: async ({ configuration, operator }) =>
      (operator === 'hessian' ? spectrumOf(configuration) : none) as unknown as StudySpectrum,
  });
}
