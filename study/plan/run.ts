import { z } from 'zod';
import { type BackendName, backendNames } from '../../compute/backends/executable.ts';
import type { Precision } from '../../compute/tensors.ts';
import { contentKey } from '../../training/data/hash.ts';
import { type Configuration, configurationFields } from '../configurations/configuration.ts';

/** The task on whose problems runs are examined; its validation data's hash identifies them. */
export interface TaskConfiguration {
  /** The name of a family of tasks, or a file with one. */
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

/** `run.json`: all that the outcome of one run follows from, and no path. */
export interface RunConfiguration extends Configuration, CodeIdentity {
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

/** The key of a run: 12 hexadecimal digits of the SHA-256 of its configuration, whatever the order of its fields. */
export function runKey(configuration: RunConfiguration): string {
  return contentKey(configuration);
}

/** Checks a `TaskConfiguration` in a file. */
export const taskSchema = z.object({
  name: z.string(),
  exactOnly: z.boolean(),
  maxNewTokens: z.number().optional(),
  contentHash: z.string().optional(),
});

/** What a run computes in: the fields of a study and of a run alike. */
export const engineFields = {
  precision: z.enum(['float32', 'float64']),
  backend: z.enum(backendNames).optional(),
};

/** Checks a `run.json`. */
export const runSchema: z.ZodType<RunConfiguration> = z.object({
  ...configurationFields,
  resultsVersion: z.number().optional(),
  methodContent: z.string().optional(),
  learningRate: z.number(),
  seed: z.number(),
  initSeed: z.number(),
  modelHash: z.string(),
  dataHash: z.string(),
  validationHash: z.string().nullable(),
  task: taskSchema.optional(),
  ...engineFields,
});
