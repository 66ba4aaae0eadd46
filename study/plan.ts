import { z } from 'zod';
import { type BackendName, backendNames } from '../compute/backends/executable.ts';
import type { Precision } from '../compute/tensors.ts';
import { canonicalJson, contentKey, isPlainObject } from '../training/data/hash.ts';
import type { ScheduleName } from '../training/optimizers/schedules.ts';

/** How the weights are updated; what an optimizer does not use is still written down. */
export interface OptimizerConfiguration {
  readonly name: string;
  readonly betas: readonly [beta1: number, beta2: number];
  readonly eps: number;
  readonly weightDecay: number;
  readonly momentum: number;
  /** LoRA+'s ratio of rates, if it is not the usual one. */
  readonly loraPlusRatio?: number | undefined;
}

/** What all runs of a study have in common besides model and data. */
export interface TrainingConfiguration {
  readonly steps: number;
  /** Rows a step. */
  readonly batchSize: number;
  /** Tokens a row, the rest is cut. */
  readonly maxLength: number;
  readonly shuffle: boolean;
  readonly optimizer: OptimizerConfiguration;
  readonly schedule: ScheduleName;
  /** Steps of linear warm-up, among `steps`. */
  readonly warmupSteps: number;
  /** Null: gradients are not clipped. */
  readonly maxGradNorm: number | null;
}

/**
 * The measure that rates are compared by: of problems the share solved by the task's own metric or, where nothing is generated,
 * the share of exact matches; else a loss.
 */
export type ScoreMeasure = (typeof scoreMeasures)[number];

const scoreMeasures = ['accuracy', 'exactMatch', 'validationLoss', 'finalLoss'] as const;

/** Whether a measure is a share of problems, from 0 to 1, of which more is better; of a loss less is. */
export function isShare(measure: ScoreMeasure): measure is 'accuracy' | 'exactMatch' {
  return measure === 'accuracy' || measure === 'exactMatch';
}

/** The task on whose problems runs are examined; its validation data's hash identifies them. */
export interface TaskConfiguration {
  /** The task's name or file, for `loadTask`. */
  readonly name: string;
  /** Whether the responses are counted that greedy decoding would write word for word, and none is generated. */
  readonly exactOnly: boolean;
  /** The most tokens of a response that is generated. */
  readonly maxNewTokens?: number | undefined;
  /** The content hash of a task that is a user's own file, its judge among that; absent for others. */
  readonly contentHash?: string | undefined;
}

/** What stands for the code that a result of one method was computed with. */
export interface CodeIdentity {
  /** Absent where a study is older than this field. */
  readonly resultsVersion?: number | undefined;
  /** The content hash of a method that is a user's own file, with all that it imports; absent for others. */
  readonly methodContent?: string | undefined;
}

/** `study.json`: all that a study's runs follow from. */
export interface StudyPlan {
  readonly version: 1;
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
  readonly methods: readonly string[];
  /** Absent where a study is older than this field. */
  readonly resultsVersion?: number | undefined;
  /** What those of the methods are made of that are a user's own files. */
  readonly methodContent?: Readonly<Record<string, string>> | undefined;
  readonly rank: number;
  readonly alpha: number;
  /** Which linear layers are adapted: `all-linear`, ends of module names (`q_proj,v_proj`) or a regular expression. */
  readonly targetModules: string;
  /** The rates that every method begins with, ascending. */
  readonly grid: readonly number[];
  /** The grid of a method is continued until its optimum is bracketed, with at most so many rates in all; 0: never. */
  readonly mostRates: number;
  /** How often the two steps beside a method's best rate are halved. */
  readonly refinements: number;
  /** The first seed runs on the whole grid. */
  readonly seeds: readonly number[];
  /** The further seeds run at the best rate of the first and at so many rates on either side; null: on the whole grid. */
  readonly seedsNearBest: number | null;
  /** Seed of the adapters' initial values; null: every run's own seed. */
  readonly initSeed: number | null;
  readonly training: TrainingConfiguration;
  readonly score: ScoreMeasure;
  readonly precision: Precision;
  /** The backend that computes; absent for ONNX Runtime. */
  readonly backend?: BackendName | undefined;
  /** Versions of lambdamax, node, onnxruntime, for the reader. */
  readonly versions: Readonly<Record<string, string>>;
  /** The command line that made the plan, for the reader. */
  readonly createdFrom: string;
}

/** `run.json`: all that the outcome of one run follows from, and no path. */
export interface RunConfiguration extends TrainingConfiguration, CodeIdentity {
  readonly method: string;
  readonly rank: number;
  readonly alpha: number;
  readonly targetModules: string;
  readonly learningRate: number;
  /** Order of the data. */
  readonly seed: number;
  /** Initial values of the adapter. */
  readonly initSeed: number;
  readonly modelHash: string;
  readonly dataHash: string;
  readonly validationHash: string | null;
  readonly task?: TaskConfiguration | undefined;
  readonly precision: Precision;
  /** Absent for ONNX Runtime. */
  readonly backend?: BackendName | undefined;
}

/** The plan's run of one method at one learning rate under one seed. */
export function runConfiguration(
  plan: StudyPlan,
  run: { readonly method: string; readonly learningRate: number; readonly seed: number },
): RunConfiguration {
  return {
    method: run.method,
    ...codeOf(plan, run.method),
    rank: plan.rank,
    alpha: plan.alpha,
    targetModules: plan.targetModules,
    learningRate: run.learningRate,
    seed: run.seed,
    initSeed: plan.initSeed ?? run.seed,
    ...plan.training,
    modelHash: plan.modelHash,
    dataHash: plan.dataHash,
    validationHash: plan.validationHash,
    ...(plan.task && { task: plan.task }),
    precision: plan.precision,
    ...(plan.backend && { backend: plan.backend }),
  };
}

/** The code of one method of a plan; every key holds it. */
export function codeOf({ resultsVersion, methodContent }: StudyPlan, method: string): CodeIdentity {
  const content = methodContent?.[method];
  return {
    ...(resultsVersion !== undefined && { resultsVersion }),
    ...(content !== undefined && { methodContent: content }),
  };
}

/** What a run is called in tables, apart from its rate and seed: the method, for a plan has one rank and one alpha. */
export function configurationName({ method }: RunConfiguration): string {
  return method;
}

/** The key of a run: 12 hexadecimal digits of the SHA-256 of its configuration, whatever the order of its fields. */
export function runKey(configuration: RunConfiguration): string {
  return contentKey(configuration);
}

/** The key of a plan: equal for plans that lead to the same runs, as long as nobody edits the user's own files. */
export function planKey(plan: StudyPlan): string {
  return contentKey(substance(plan));
}

/** A field in which two plans differ, written as `training.steps`, with both values. */
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
  return Object.keys(now).filter((name) => before[name] !== now[name]);
}

/** Where two plans would lead to different runs; paths, versions, command lines and edits of the user's own files do not. */
export function planDifferences(stored: StudyPlan, wanted: StudyPlan): PlanDifference[] {
  return differences(substance(stored), substance(wanted), '');
}

const optimizerSchema = z.object({
  name: z.string(),
  betas: z.tuple([z.number(), z.number()]),
  eps: z.number(),
  weightDecay: z.number(),
  momentum: z.number(),
  loraPlusRatio: z.number().optional(),
});

const trainingFields = {
  steps: z.number(),
  batchSize: z.number(),
  maxLength: z.number(),
  shuffle: z.boolean(),
  optimizer: optimizerSchema,
  schedule: z.enum(['constant', 'cosine', 'linear'] satisfies ScheduleName[]),
  warmupSteps: z.number(),
  maxGradNorm: z.number().nullable(),
};

const task = z
  .object({
    name: z.string(),
    exactOnly: z.boolean(),
    maxNewTokens: z.number().optional(),
    contentHash: z.string().optional(),
  })
  .optional();
const precision = z.enum(['float32', 'float64']);
const backend = z.enum(backendNames).optional();

/** Checks a `study.json`. */
export const planSchema: z.ZodType<StudyPlan> = z.object({
  version: z.literal(1),
  model: z.string(),
  modelHash: z.string(),
  data: z.array(z.string()),
  dataHash: z.string(),
  validation: z.array(z.string()),
  validationHash: z.string().nullable(),
  task,
  methods: z.array(z.string()),
  resultsVersion: z.number().optional(),
  methodContent: z.record(z.string(), z.string()).optional(),
  rank: z.number(),
  alpha: z.number(),
  targetModules: z.string(),
  grid: z.array(z.number()),
  mostRates: z.number(),
  refinements: z.number(),
  seeds: z.array(z.number()),
  seedsNearBest: z.number().nullable(),
  initSeed: z.number().nullable(),
  training: z.object(trainingFields),
  score: z.enum(scoreMeasures),
  precision,
  backend,
  versions: z.record(z.string(), z.string()),
  createdFrom: z.string(),
});

/** Checks a `run.json`. */
export const runSchema: z.ZodType<RunConfiguration> = z.object({
  method: z.string(),
  resultsVersion: z.number().optional(),
  methodContent: z.string().optional(),
  rank: z.number(),
  alpha: z.number(),
  targetModules: z.string(),
  learningRate: z.number(),
  seed: z.number(),
  initSeed: z.number(),
  ...trainingFields,
  modelHash: z.string(),
  dataHash: z.string(),
  validationHash: z.string().nullable(),
  task,
  precision,
  backend,
});

function substance(plan: StudyPlan): Record<string, unknown> {
  const { model, data, validation, versions, createdFrom, methodContent, task, ...rest } = plan;
  const { contentHash: _, ...settings } = task ?? {};
  return { ...rest, ...(task && { task: settings }) };
}

function differences(stored: unknown, wanted: unknown, field: string): PlanDifference[] {
  if (isPlainObject(stored) && isPlainObject(wanted)) {
    return [...new Set([...Object.keys(stored), ...Object.keys(wanted)])].flatMap((name) =>
      differences(stored[name], wanted[name], field === '' ? name : `${field}.${name}`),
    );
  }
  return canonicalJson(stored) === canonicalJson(wanted) ? [] : [{ field, stored, wanted }];
}
