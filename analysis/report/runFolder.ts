import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { readJson } from '../../training/checkpoint/files.ts';
import { readRows } from '../../training/data/files/rows.ts';
import type { RunStep } from '../rates/run.ts';

const number = z.number().nullable();

const stepSchema: z.ZodType<RunStep> = z.looseObject({
  step: z.number(),
  // JSON has null for what is not finite: a diverged step.
  loss: number,
  learningRate: z.number(),
  gradientNorm: number,
  validationLoss: number.optional(),
  sharpness: z.looseObject({ hessian: number, effective: number, threshold: number, limit: number }).optional(),
});

const resultSchema = z.looseObject({
  status: z.enum(['finished', 'diverged']),
  steps: z.number(),
  tokens: z.number(),
  initialLoss: number,
  finalLoss: number,
  validationLoss: number.optional(),
  reason: z.string().nullish(),
});

/** A run as its folder has it. */
export interface RunFindings {
  /** The folder's own name. */
  readonly name: string;
  readonly steps: readonly RunStep[];
  /** Null while it is not done. */
  readonly result: z.infer<typeof resultSchema> | null;
}

/**
 * Reads metrics.jsonl and, if it is there, result.json of a run's folder.
 * @throws LambdamaxError that names the file if there are no metrics, or it is not what finetune writes.
 */
export async function readRunFolder(folder: string): Promise<RunFindings> {
  const [metrics, result] = [join(folder, 'metrics.jsonl'), join(folder, 'result.json')];
  const lines = await readRows(metrics);
  return {
    name: basename(resolve(folder)),
    steps: lines.map(({ row, line }) => parsed(stepSchema, row, `${metrics}, line ${line}`)),
    result: existsSync(result) ? parsed(resultSchema, await readJson(result), result) : null,
  };
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, subject: string): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0]!;
  throw new LambdamaxError({ subject, expected: 'what finetune writes', got: `${path.join('.')}: ${message}` });
}
