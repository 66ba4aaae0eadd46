import type { Adapter } from './adapters/create.ts';
import type { TokenRow } from './data/examples.ts';
import { evaluate } from './evaluate.ts';
import { type EvaluateTaskOptions, type EvaluateTaskResult, evaluateTask } from './evaluateTask.ts';
import type { Model } from './model.ts';
import type { ProblemRow } from './taskData.ts';
import { loadTask } from './tasks/index.ts';
import type { Proportion } from './tasks/proportion.ts';
import type { TaskFamily, TaskProblem } from './tasks/task.ts';

/** How a model is examined on problems. */
export type ExaminationSettings = Pick<EvaluateTaskOptions, 'template' | 'maxLength' | 'maxNewTokens' | 'exactOnly'>;

/** The problems of a task, and how a model is examined on them. */
export interface Examination extends ExaminationSettings {
  readonly family: TaskFamily;
  readonly problems: readonly TaskProblem[];
}

/** An examination as plain data, which another process can be sent. */
export interface ExaminationSource extends ExaminationSettings {
  /** The task's name or file, for `loadTask`. */
  readonly task: string;
  readonly rows: readonly ProblemRow[];
}

/** Loads the task and reads its problems. Throws as `loadTask`, and a LambdamaxError that names a row that is no problem. */
export async function openExamination({ task, rows, ...settings }: ExaminationSource): Promise<Examination> {
  const family = await loadTask(task);
  return { family, problems: rows.map(({ row, subject }) => family.read(row, subject)), ...settings };
}

/** What a trained adapter is scored on: rows by their loss, the problems of a task also by how many are solved. */
export type Validation = readonly TokenRow[] | Examination;

/** How good a trained adapter is. */
export interface ValidationScore {
  /** Null for problems without responses. */
  readonly validationLoss: number | null;
  /** The share of problems solved by the task's own metric, from 0 to 1; null for rows, and where nothing is generated. */
  readonly accuracy: number | null;
  /** The 95 % confidence interval of `accuracy` (Wilson). */
  readonly accuracyInterval: readonly [low: number, high: number] | null;
  /** The share of responses that greedy decoding would write word for word; null for rows, and where one has no response. */
  readonly exactMatch: number | null;
  /** The 95 % confidence interval of `exactMatch` (Wilson). */
  readonly exactMatchInterval: readonly [low: number, high: number] | null;
}

/** The score of an adapter that was not examined. */
export const unscored: ValidationScore = {
  ...{ validationLoss: null, accuracy: null, accuracyInterval: null },
  ...{ exactMatch: null, exactMatchInterval: null },
};

/** Scores an adapter, `batchSize` rows at a time. Throws as `evaluateTask`. */
export async function validate(
  model: Model,
  adapter: Adapter,
  validation: Validation,
  batchSize: number,
): Promise<ValidationScore> {
  if (!('family' in validation)) {
    const { loss } = await evaluate(model, validation, { adapter, batchSize });
    return { ...unscored, validationLoss: loss };
  }
  const { family, problems, ...settings } = validation;
  const examined = await evaluateTask(model, family, problems, { ...settings, adapter, batchSize });
  return { validationLoss: examined.loss?.loss ?? null, ...sharesOf(examined) };
}

/** Both shares of an examination with their intervals, as results hold them. */
export function sharesOf({
  accuracy,
  exactMatch,
}: Pick<EvaluateTaskResult, 'accuracy' | 'exactMatch'>): Omit<ValidationScore, 'validationLoss'> {
  const interval = (share: Proportion | null) => share && ([share.low, share.high] as const);
  return {
    ...{ accuracy: accuracy?.value ?? null, accuracyInterval: interval(accuracy) },
    ...{ exactMatch: exactMatch?.value ?? null, exactMatchInterval: interval(exactMatch) },
  };
}
