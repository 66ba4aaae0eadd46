import { z } from 'zod';
import type { BackendName } from '../../compute/backends/executable.ts';
import type { Precision } from '../../compute/tensors.ts';
import { canonicalJson, contentKey, isPlainObject } from '../../training/data/hash.ts';
import {
  adapterMethodOf,
  type Configuration,
  configurationFields,
  trainingFields,
} from '../configurations/configuration.ts';
import {
  predictorOptionsSchema,
  type StudyPredictorOptions,
  type StudySpectraOptions,
  spectraOptionsSchema,
} from './measurements.ts';
import { type CodeIdentity, engineFields, type RunConfiguration, type TaskConfiguration, taskSchema } from './run.ts';
import { type ScoreMeasure, scoreMeasures } from './score.ts';

/** `study.json`: all that a study's runs follow from. */
export interface StudyPlan {
  /** 1 for a plan whose configurations differ in their method alone, as lambdamax 0.1 wrote it; it is read as one of these. */
  readonly version: 1 | 2;
  /** Folder or hub name, for the reader; `modelHash` identifies it. */
  readonly model: string;
  readonly modelHash: string;
  /** Files, for the reader; `dataHash` identifies the rows that they gave. */
  readonly data: readonly string[];
  readonly dataHash: string;
  readonly validation: readonly string[];
  /** Null: no validation data. */
  readonly validationHash: string | null;
  /** Absent where data are rows and no problems. */
  readonly task?: TaskConfiguration | undefined;
  /** What the study compares, each once. */
  readonly configurations: readonly Configuration[];
  /** Absent where a study is older than this field. */
  readonly resultsVersion?: number | undefined;
  /** What those of the methods are made of that are a user's own files. */
  readonly methodContent?: Readonly<Record<string, string>> | undefined;
  /** The rates that a configuration begins with, ascending, unless it has its own. */
  readonly grid: readonly number[];
  /** Configurations begin with rates about the one that curvature recommends; absent: with `grid`. */
  readonly isAboutCurvature?: boolean | undefined;
  /** Those rates, by `configurationKey`, once they are known. */
  readonly grids?: Readonly<Record<string, readonly number[]>> | undefined;
  /** The grid of a configuration is continued until its optimum is bracketed, with at most so many rates in all; 0: never. */
  readonly mostRates: number;
  /** How often the two steps beside a configuration's best rate are halved. */
  readonly refinements: number;
  /** The first seed runs on the whole grid. */
  readonly seeds: readonly number[];
  /** The further seeds run at the best rate of the first and at so many rates on either side; null: on the whole grid. */
  readonly seedsNearBest: number | null;
  /** Seed of the adapters' initial values; null: every run's own seed. */
  readonly initSeed: number | null;
  readonly score: ScoreMeasure;
  readonly precision: Precision;
  /** The backend that computes; absent for ONNX Runtime. */
  readonly backend?: BackendName | undefined;
  /** How curvature was last asked for; absent where it was not. */
  readonly spectra?: StudySpectraOptions | undefined;
  /** Which predictors were last asked for; absent where none was. */
  readonly predictors?: StudyPredictorOptions | undefined;
  /** Versions of lambdamax, node, onnxruntime, for the reader. */
  readonly versions: Readonly<Record<string, string>>;
  /** The command line that made the plan, for the reader. */
  readonly createdFrom: string;
}

/** The key of a configuration within a plan. */
export function configurationKey(configuration: Configuration): string {
  return contentKey(configuration);
}

/** The rates that a configuration of a plan begins with, ascending. */
export function gridOf({ grid, grids }: StudyPlan, configuration: Configuration): readonly number[] {
  return grids?.[configurationKey(configuration)] ?? grid;
}

/** Which run of a plan. */
export interface RunChoice {
  readonly configuration: Configuration;
  readonly learningRate: number;
  readonly seed: number;
}

/** The plan's run of one configuration at one learning rate under one seed. */
export function runConfiguration(plan: StudyPlan, { configuration, learningRate, seed }: RunChoice): RunConfiguration {
  return {
    ...configuration,
    method: adapterMethodOf(configuration),
    ...codeOf(plan, configuration),
    learningRate,
    seed,
    initSeed: plan.initSeed ?? seed,
    modelHash: plan.modelHash,
    dataHash: plan.dataHash,
    validationHash: plan.validationHash,
    ...(plan.task && { task: plan.task }),
    precision: plan.precision,
    ...(plan.backend && { backend: plan.backend }),
  };
}

/** The code of one configuration of a plan; every key holds it. */
export function codeOf(
  { resultsVersion, methodContent }: StudyPlan,
  { method }: Pick<Configuration, 'method'>,
): CodeIdentity {
  const content = methodContent?.[method];
  return {
    ...(resultsVersion !== undefined && { resultsVersion }),
    ...(content !== undefined && { methodContent: content }),
  };
}

/** The methods of a plan, each once, in the order of its configurations. */
export function methodsOf({ configurations }: Pick<StudyPlan, 'configurations'>): string[] {
  return [...new Set(configurations.map(({ method }) => method))];
}

/** The key of a plan's subject: equal for plans whose runs can lie in one study folder. */
export function planKey(plan: StudyPlan): string {
  return contentKey(subjectOf(plan));
}

/** A field in which two plans differ, written as `task.name`, with both values. */
export interface PlanDifference {
  readonly field: string;
  readonly stored: unknown;
  readonly wanted: unknown;
}

/** The user's own files, of methods and of the task, that two plans were made with different contents of. */
export function editedFiles(stored: StudyPlan, wanted: StudyPlan): string[] {
  const contents = ({ methodContent = {}, task }: StudyPlan): Readonly<Record<string, string | undefined>> => ({
    ...methodContent,
    ...(task && { [task.name]: task.contentHash }),
  });
  const [before, now] = [contents(stored), contents(wanted)];
  // A file that the study has not had yet is new, not edited.
  return Object.keys(now).filter((name) => name in before && before[name] !== now[name]);
}

/** Where two plans are about different things, so that their runs must not lie in one folder. */
export function planDifferences(stored: StudyPlan, wanted: StudyPlan): PlanDifference[] {
  return differences(subjectOf(stored), subjectOf(wanted), '');
}

/** What a study is about: its model, its data, how it is scored, what computes. All else may grow. */
function subjectOf(plan: StudyPlan): Record<string, unknown> {
  const { modelHash, dataHash, validationHash, task, score, precision, backend } = plan;
  const { contentHash: _, ...settings } = task ?? {};
  return { modelHash, dataHash, validationHash, score, precision, backend, ...(task && { task: settings }) };
}

function differences(stored: unknown, wanted: unknown, field: string): PlanDifference[] {
  if (isPlainObject(stored) && isPlainObject(wanted)) {
    return [...new Set([...Object.keys(stored), ...Object.keys(wanted)])].flatMap((name) =>
      differences(stored[name], wanted[name], field === '' ? name : `${field}.${name}`),
    );
  }
  return canonicalJson(stored) === canonicalJson(wanted) ? [] : [{ field, stored, wanted }];
}

const commonFields = {
  model: z.string(),
  modelHash: z.string(),
  data: z.array(z.string()),
  dataHash: z.string(),
  validation: z.array(z.string()),
  validationHash: z.string().nullable(),
  task: taskSchema.optional(),
  resultsVersion: z.number().optional(),
  methodContent: z.record(z.string(), z.string()).optional(),
  grid: z.array(z.number()),
  isAboutCurvature: z.boolean().optional(),
  grids: z.record(z.string(), z.array(z.number())).optional(),
  mostRates: z.number(),
  refinements: z.number(),
  seeds: z.array(z.number()),
  seedsNearBest: z.number().nullable(),
  initSeed: z.number().nullable(),
  score: z.enum(scoreMeasures),
  ...engineFields,
  spectra: spectraOptionsSchema.optional(),
  predictors: predictorOptionsSchema.optional(),
  versions: z.record(z.string(), z.string()),
  createdFrom: z.string(),
};

const { method: _method, rank, alpha, targetModules } = configurationFields;

/** The plan that lambdamax 0.1 wrote: one rank, one alpha, one way to train. */
const firstSchema = z
  .object({
    version: z.literal(1),
    ...commonFields,
    methods: z.array(z.string()),
    ...{ rank, alpha, targetModules },
    training: z.object(trainingFields),
  })
  .transform(
    ({ methods, rank, alpha, targetModules, training, ...plan }): StudyPlan => ({
      ...plan,
      // It called exact matches an accuracy.
      ...(plan.task?.exactOnly && { score: 'exactMatch' as const }),
      configurations: methods.map((method) => ({ method, rank, alpha, targetModules, ...training })),
    }),
  );

/** Checks a `study.json`, and reads an older one as it would be written now. */
export const planSchema = z.union([
  z.object({ version: z.literal(2), ...commonFields, configurations: z.array(z.object(configurationFields)).min(1) }),
  firstSchema,
]);
