import { z } from 'zod';
import type { RunConfiguration } from './run.ts';
import { isShare, type ScoreMeasure } from './score.ts';

/** The 95 % confidence interval of a share. */
type Interval = readonly [low: number, high: number];

/** `result.json`: what `finetune` returns, of which a study reads this much. */
export interface RunResult {
  readonly status: 'finished' | 'diverged';
  readonly steps: number;
  readonly finalLoss?: number | null | undefined;
  readonly validationLoss?: number | null | undefined;
  readonly accuracy?: number | null | undefined;
  readonly accuracyInterval?: Interval | null | undefined;
  readonly exactMatch?: number | null | undefined;
  readonly exactMatchInterval?: Interval | null | undefined;
  /** Folder of the adapter; in `result.json` relative to the run's own folder. */
  readonly adapter?: string | null | undefined;
}

const loss = z.number().nullish();

const interval = z.tuple([z.number(), z.number()]).nullish();

/** Checks a `result.json`. */
export const resultSchema: z.ZodType<RunResult> = z.looseObject({
  status: z.enum(['finished', 'diverged']),
  steps: z.number(),
  finalLoss: loss,
  validationLoss: loss,
  accuracy: loss,
  accuracyInterval: interval,
  exactMatch: loss,
  exactMatchInterval: interval,
  adapter: z.string().nullish(),
});

/** The number by which runs are compared; null for a run that diverged. */
export function scoreOf(result: RunResult, measure: ScoreMeasure): number | null {
  return result.status === 'diverged' ? null : (result[measure] ?? null);
}

/** Whether the run has what the study compares by: a diverged one has nothing to compare. */
export function isScored(result: RunResult, measure: ScoreMeasure): boolean {
  return result.status === 'diverged' || scoreOf(result, measure) !== null;
}

/** The confidence interval of the number by which runs are compared; null for a loss, and for a run that diverged. */
export function intervalOf(result: RunResult, measure: ScoreMeasure): Interval | null {
  return isShare(measure) && result.status === 'finished' ? (result[`${measure}Interval`] ?? null) : null;
}

/** A result with exact matches under their own name: version 0.1.0 wrote them as an accuracy. */
export function exactlyNamed(result: RunResult, { task }: RunConfiguration): RunResult {
  if (!task?.exactOnly || result.exactMatch != null || result.accuracy == null) return result;
  const { accuracy, accuracyInterval, ...rest } = result;
  return { ...rest, exactMatch: accuracy, exactMatchInterval: accuracyInterval };
}
