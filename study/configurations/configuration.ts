import { z } from 'zod';
import { optimizerNames } from '../../training/optimizers/index.ts';
import { type ScheduleName, scheduleNames } from '../../training/optimizers/schedules.ts';

/** An optimizer and its settings. What an optimizer does not use is written down all the same. */
export interface OptimizerConfiguration {
  readonly name: string;
  readonly betas: readonly [beta1: number, beta2: number];
  readonly eps: number;
  readonly weightDecay: number;
  readonly momentum: number;
  /** B's learning rate over A's under lora+; absent: the optimizer's own. */
  readonly loraPlusRatio?: number | undefined;
}

/** How a run trains, all but its learning rate. */
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

/** What one learning-rate curve of a study is of: an adapter, and how it is trained. */
export interface Configuration extends TrainingConfiguration {
  /** A LoRA variant, a file with one, or one of `optimizerMethods`. */
  readonly method: string;
  readonly rank: number;
  readonly alpha: number;
  /** Which linear layers are adapted: `all-linear`, ends of module names (`q_proj,v_proj`) or a regular expression. */
  readonly targetModules: string;
  /** Ranks of modules that have others, by ends of their names; absent: none has. */
  readonly rankPattern?: Readonly<Record<string, number>> | undefined;
  /** Alphas of modules that have others, by ends of their names; absent: none has. */
  readonly alphaPattern?: Readonly<Record<string, number>> | undefined;
}

/**
 * Names of methods that are vanilla LoRA under an optimizer of its own. Lee et al. (arXiv 2602.04998) count them among the LoRA
 * variants, and so may `methods`.
 */
export const optimizerMethods: readonly string[] = ['loft', 'lora+'];

/** The LoRA variant that a configuration's adapter is made by: `lora` for a method that is an optimizer. */
export function adapterMethodOf({ method }: Pick<Configuration, 'method'>): string {
  return optimizerMethods.includes(method) ? 'lora' : method;
}

/** Checks the optimizer in a file. */
const optimizerSchema = z.object({
  name: z.enum(optimizerNames as [string, ...string[]]),
  betas: z.tuple([z.number(), z.number()]),
  eps: z.number(),
  weightDecay: z.number(),
  momentum: z.number(),
  loraPlusRatio: z.number().optional(),
});

/** The fields of `TrainingConfiguration`, as files have them. */
export const trainingFields = {
  steps: z.number(),
  batchSize: z.number(),
  maxLength: z.number(),
  shuffle: z.boolean(),
  optimizer: optimizerSchema,
  schedule: z.enum(scheduleNames),
  warmupSteps: z.number(),
  maxGradNorm: z.number().nullable(),
};

const pattern = z.record(z.string(), z.number()).optional();

/** The fields of `Configuration`, as files have them. */
export const configurationFields = {
  method: z.string(),
  rank: z.number(),
  alpha: z.number(),
  targetModules: z.string(),
  rankPattern: pattern,
  alphaPattern: pattern,
  ...trainingFields,
};
