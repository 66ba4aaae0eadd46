import type { BackendName, Precision } from '../compute/index.ts';
import { adapterDefaults } from '../training/adapters/defaults.ts';
import { rowDefaults } from '../training/data/tokenRow.ts';
import { generationDefaults } from '../training/generate/sampling.ts';
import type { Model } from '../training/model.ts';
import { scheduleDefaults } from '../training/optimizers/schedules.ts';
import { bundledTask } from '../training/tasks/splits.ts';
import type { AxisLists, AxisValues } from './configurations/axes.ts';
import type { Configuration, OptimizerConfiguration } from './configurations/configuration.ts';
import type { CommonSettings, CompleteValues } from './configurations/product.ts';
import type { StudyDataOptions } from './data.ts';
import type { StudyPredictorOptions, StudySpectraOptions } from './plan/measurements.ts';
import { automaticGrid, usualLimits } from './search/extend.ts';

/** What a study is asked for. Each axis is a list, and the study is their product. */
export interface StudyOptions
  extends AxisLists,
    Partial<StudyDataOptions>,
    Partial<Omit<OptimizerConfiguration, 'name'>>,
    Partial<Pick<Configuration, 'shuffle' | 'rankPattern' | 'alphaPattern' | 'warmupSteps' | 'maxGradNorm'>> {
  /** A checkpoint folder, or a model that is loaded and stays the caller's; absent: the small model that comes with the package. */
  readonly model?: string | Model | undefined;
  /** The study's folder; absent: one below `runs/` whose name follows from model, data and score. */
  readonly study?: string | undefined;
  /** Configurations one by one, in place of the product of the lists; what a row does not say is the first of its axis's list. */
  readonly configurations?: readonly AxisValues[] | undefined;
  /** Passes over the data, where no steps are given. */
  readonly epochs?: number | undefined;
  /** Warm-up as a part of all steps, where it is not given in steps. */
  readonly warmupRatio?: number | undefined;
  /** The learning rates that every configuration begins with; `curvature`: five about the one that curvature recommends for each. */
  readonly grid?: readonly number[] | 'curvature' | undefined;
  /** A grid is continued to at most so many rates; 0: never. */
  readonly mostRates?: number | undefined;
  /** How often the two steps beside a configuration's best rate are halved. */
  readonly refinements?: number | undefined;
  /** The first seed runs on the whole grid. */
  readonly seeds?: readonly number[] | undefined;
  /** The further seeds run at the best rate and so many on either side; null: on the whole grid. */
  readonly seedsNearBest?: number | null | undefined;
  /** Seed of the adapters' initial values; null: each run's own seed. */
  readonly initSeed?: number | null | undefined;
  /** How curvature is measured; null: not at all. */
  readonly spectra?: StudySpectraOptions | null | undefined;
  /** Which further ways to a rate are compared with the sweep; null: none. */
  readonly predictors?: StudyPredictorOptions | null | undefined;
  /** What a model that is a folder is loaded with, and what worker processes compute in. */
  readonly precision?: Precision | undefined;
  readonly backend?: BackendName | undefined;
  /** Threads of each worker; 0: the cores are shared out. */
  readonly threads?: number | undefined;
  /** Processes that work side by side; absent: one for each core, as far as memory allows. */
  readonly workers?: number | undefined;
  /** Seconds after which a silent worker is ended; absent: never. */
  readonly workerTimeout?: number | undefined;
  /** The command that repeats the study, for its report; default: a call of the library. */
  readonly createdFrom?: string | undefined;
}

/** What a study is where its options do not say otherwise. */
export const usualStudy = {
  methods: ['lora', 'init-ab', 'milora', 'pissa', 'olora'],
  rank: adapterDefaults.rank,
  alpha: adapterDefaults.alpha,
  targetModules: adapterDefaults.targetModules,
  optimizer: 'adamw',
  schedule: scheduleDefaults.schedule,
  batchSize: rowDefaults.batchSize,
  epochs: 1,
  warmupRatio: scheduleDefaults.warmupRatio,
  maxLength: rowDefaults.maxLength,
  maxNewTokens: generationDefaults.maxNewTokens,
  grid: automaticGrid,
  mostRates: usualLimits.mostRates,
  refinements: 1,
  seeds: [0, 1],
  seedsNearBest: 1,
  task: bundledTask,
} as const;

/** One value of each axis, for configurations that do not say it. */
export function standardValues({ targetModules, ...options }: StudyOptions): CompleteValues {
  const { rank, alpha, optimizer, schedule, batchSize } = usualStudy;
  return {
    method: options.methods?.[0] ?? 'lora',
    rank: options.ranks?.[0] ?? rank,
    alpha: options.alphas?.[0] ?? alpha,
    targetModules: targetModules?.[0] ?? usualStudy.targetModules,
    optimizer: options.optimizers?.[0] ?? optimizer,
    schedule: options.schedules?.[0] ?? schedule,
    ...(options.steps?.[0] !== undefined && { steps: options.steps[0] }),
    batchSize: options.batchSizes?.[0] ?? batchSize,
  };
}

/** What all configurations of a study have in common. */
export function commonSettings(options: StudyOptions): CommonSettings {
  const { betas, eps, weightDecay, momentum, loraPlusRatio, rankPattern, alphaPattern } = options;
  const { warmupSteps, warmupRatio = usualStudy.warmupRatio } = options;
  return {
    optimizer: { betas, eps, weightDecay, momentum, loraPlusRatio },
    ...{ rankPattern, alphaPattern },
    epochs: options.epochs ?? usualStudy.epochs,
    warmup: warmupSteps === undefined ? { ratio: warmupRatio } : { steps: warmupSteps },
    maxGradNorm: options.maxGradNorm ?? null,
    maxLength: options.maxLength ?? usualStudy.maxLength,
    shuffle: options.shuffle ?? true,
  };
}
