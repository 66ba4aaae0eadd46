import type { TokenRow } from '../training/data/examples.ts';
import { hashOf, hashRows } from '../training/data/hash.ts';
import { type LoadRowsOptions, loadRows } from '../training/data/load.ts';
import { type Listener, tellOfRows } from '../training/data/notices.ts';
import { type HeldOut, holdOut } from '../training/data/split.ts';
import { requireResponses } from '../training/evaluateTask.ts';
import type { Model } from '../training/model.ts';
import { readTask, taskFrom, trainingRows } from '../training/taskRows.ts';
import type { SweepData } from './measure/execute.ts';
import type { StudyPlan } from './plan/plan.ts';

/** Which data a study takes: files of rows, or the problems of a task. */
export interface StudyDataOptions extends LoadRowsOptions {
  /** Files to train on; absent: problems that the task has of its own. */
  readonly data?: readonly string[] | undefined;
  /** Files to score with; absent: some of the rows are held out, or problems that the task has of its own. */
  readonly validation?: readonly string[] | undefined;
  /** A task by its name, or a file with one; absent: data are rows. */
  readonly task?: string | undefined;
  /** Nothing is generated: responses count that greedy decoding would write word for word. Default false. */
  readonly exactOnly?: boolean | undefined;
  /** The most tokens of a response that is generated. */
  readonly maxNewTokens: number;
}

/** What the runs of a study train on and are scored on, and what its plan says of that. */
export interface StudyData {
  readonly data: SweepData;
  readonly plan: Pick<StudyPlan, 'data' | 'dataHash' | 'validation' | 'validationHash' | 'task' | 'score'>;
}

/**
 * Reads what a study needs. Where nobody says what to score with, some of the rows are held out; a task without files has
 * problems to validate with.
 * @throws LambdamaxError that names a file, a line or a field that is wrong, and for problems of which none has a response.
 */
export async function readStudyData(model: Model, options: StudyDataOptions, listener: Listener): Promise<StudyData> {
  const { task } = options;
  return task === undefined ? readRowData(model, options, listener) : readTaskData(model, task, options, listener);
}

async function readRowData(model: Model, options: StudyDataOptions, listener: Listener): Promise<StudyData> {
  const { data: files = [], validation: validationFiles, limit: _, ...unlimited } = options;
  const all = await readRows(model, files, options, listener);
  const { training: rows, validation } = validationFiles
    ? { training: all, validation: await readRows(model, validationFiles, unlimited, listener) }
    : heldOut(all, listener);
  const hasValidation = validation.length > 0;
  return {
    data: { rows, ...(hasValidation && { validation }) },
    plan: {
      data: files,
      dataHash: hashRows(rows),
      validation: validationFiles ?? [],
      validationHash: hasValidation ? hashRows(validation) : null,
      score: hasValidation ? 'validationLoss' : 'finalLoss',
    },
  };
}

async function readRows(
  model: Model,
  files: readonly string[],
  options: LoadRowsOptions,
  listener: Listener,
): Promise<readonly TokenRow[]> {
  const tokens = await loadRows(model, files, options);
  tellOfRows(tokens, files, options.maxLength, listener);
  return tokens.rows;
}

async function readTaskData(
  model: Model,
  name: string,
  options: StudyDataOptions,
  listener: Listener,
): Promise<StudyData> {
  const {
    data: files,
    validation: validationFiles,
    limit,
    maxLength,
    template,
    maxNewTokens,
    exactOnly = false,
  } = options;
  const reading = { maxLength, ...(template !== undefined && { template }) };
  const all = await readTask(name, {
    split: 'train',
    ...(files && { files }),
    ...(limit !== undefined && { limit }),
  });
  const { training, validation } =
    files !== undefined && validationFiles === undefined
      ? heldOut(all.rows, listener)
      : {
          training: all.rows,
          validation: (
            await readTask(name, { split: 'validation', ...(validationFiles && { files: validationFiles }) })
          ).rows,
        };
  const rows = await trainingRows(model, taskFrom(all.family, training), reading, listener);
  const plan = { data: files ?? [`${training.length} problems of ${name}`], dataHash: hashRows(rows) };
  if (validation.length === 0)
    return { data: { rows }, plan: { ...plan, validation: [], validationHash: null, score: 'finalLoss' } };

  const examined = taskFrom(all.family, validation);
  if (exactOnly) requireResponses(examined.family, examined.problems);
  const isOwn = files === undefined && validationFiles === undefined;
  const settings = { ...reading, exactOnly, ...(!exactOnly && { maxNewTokens }) };
  return {
    data: { rows, validation: { task: name, rows: validation, ...settings } },
    plan: {
      ...plan,
      validation: validationFiles ?? (isOwn ? [`${validation.length} problems of ${name}`] : []),
      validationHash: hashOf({ problems: validation.map(({ row }) => row), template: template ?? all.family.template }),
      task: {
        ...{ name, exactOnly, ...(!exactOnly && { maxNewTokens }) },
        ...(all.family.contentHash !== undefined && { contentHash: all.family.contentHash }),
      },
      score: exactOnly ? 'exactMatch' : 'accuracy',
    },
  };
}

/** Keeps some of the rows apart to score with, if there are enough, and says so. */
function heldOut<Row>(all: readonly Row[], { say }: Listener): HeldOut<Row> {
  const held = holdOut(all);
  say(
    held.validation.length === 0
      ? 'too few rows to hold some out: runs are compared by their training loss'
      : `${held.validation.length} of ${all.length} rows are held out to score with; validation takes others`,
  );
  return held;
}
