import type { SweepData } from '../../study/execute.ts';
import type { StudyPlan } from '../../study/plan.ts';
import type { HeldOut } from '../../training/data/split.ts';
import type { Model } from '../../training/model.ts';
import type { Output } from '../words/output.ts';
import { demandData, readData } from './inputs.ts';
import type { DataOptions } from './options.ts';
import { type ExaminationOptions, readTask, readTrainingProblems, taskFrom } from './taskInputs.ts';
import { given } from './values.ts';

/** Which data a study takes: files, or one task. */
export type StudyDataOptions = DataOptions & ExaminationOptions & { readonly validation?: readonly string[] };

/** What the runs of a study train on and are scored on, and what its plan says of that. */
export interface StudyData {
  readonly data: SweepData;
  readonly plan: Pick<StudyPlan, 'data' | 'dataHash' | 'validation' | 'validationHash' | 'task' | 'score'>;
}

/**
 * Reads what a study needs. Where nobody says what to score with, some of the rows are held out; a task without files has
 * problems to validate with.
 * @throws as `readData` and `readTask`.
 */
export async function readStudyData(model: Model, options: StudyDataOptions, output: Output): Promise<StudyData> {
  const { task, ...rest } = options;
  return task === undefined ? readRowData(model, rest, output) : readTaskData(model, { ...rest, task }, output);
}

async function readRowData(model: Model, options: StudyDataOptions, output: Output): Promise<StudyData> {
  const { hashRows } = await import('../../training/data/hash.ts');
  const { limit: _, ...unlimited } = options;
  const files = demandData(options);
  const { validation: validationFiles } = options;
  const all = await readData(model, files, options, output);
  const { training: rows, validation } = validationFiles
    ? { training: all, validation: await readData(model, validationFiles, unlimited, output) }
    : await heldOut(all, output);
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

async function readTaskData(
  model: Model,
  options: StudyDataOptions & { readonly task: string },
  output: Output,
): Promise<StudyData> {
  const { task: name, data: files, validation: validationFiles, limit, maxLength, template, maxNewTokens } = options;
  const all = await readTask(name, { split: 'train', ...given({ files, limit }) });
  const { training, validation } =
    files !== undefined && validationFiles === undefined
      ? await heldOut(all.rows, output)
      : {
          training: all.rows,
          validation: (await readTask(name, { split: 'validation', ...given({ files: validationFiles }) })).rows,
        };
  const rows = await readTrainingProblems(model, taskFrom(all.family, training), options, output);
  const { hashOf, hashRows } = await import('../../training/data/hash.ts');
  const plan = { data: files ?? [`${training.length} problems of ${name}`], dataHash: hashRows(rows) };
  if (validation.length === 0)
    return { data: { rows }, plan: { ...plan, validation: [], validationHash: null, score: 'finalLoss' } };

  const examined = taskFrom(all.family, validation);
  const isOwn = files === undefined && validationFiles === undefined;
  const { exactOnly = false } = options;
  if (exactOnly) {
    const { requireResponses } = await import('../../training/evaluateTask.ts');
    requireResponses(examined.family, examined.problems);
  }
  const settings = { ...given({ template }), maxLength, exactOnly, ...(!exactOnly && { maxNewTokens }) };
  return {
    data: { rows, validation: { task: name, rows: validation, ...settings } },
    plan: {
      ...plan,
      validation: validationFiles ?? (isOwn ? [`${validation.length} problems of ${name}`] : []),
      validationHash: hashOf({ problems: validation.map(({ row }) => row), template: template ?? all.family.template }),
      task: {
        ...{ name, exactOnly, ...(!exactOnly && { maxNewTokens }) },
        ...given({ contentHash: all.family.contentHash }),
      },
      score: exactOnly ? 'exactMatch' : 'accuracy',
    },
  };
}

/** Keeps some of the rows apart to score with, if there are enough, and says so. */
async function heldOut<Row>(all: readonly Row[], output: Output): Promise<HeldOut<Row>> {
  const { holdOut } = await import('../../training/data/split.ts');
  const held = holdOut(all);
  output.say(
    held.validation.length === 0
      ? 'too few rows to hold some out: runs are compared by their training loss'
      : `${held.validation.length} of ${all.length} rows are held out to score with (--validation FILE for others)`,
  );
  return held;
}
