import { LambdamaxError } from '../../errors.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { generationDefaults } from '../../training/generate/sampling.ts';
import type { Model } from '../../training/model.ts';
import type { ProblemRow } from '../../training/taskData.ts';
import type { TaskFamily, TaskProblem, TaskSplit } from '../../training/tasks/task.ts';
import type { Examination, Validation } from '../../training/validation.ts';
import type { Arguments, OptionGroup } from '../command.ts';
import type { Output } from '../words/output.ts';
import { countOf, demandData, readData } from './inputs.ts';
import { type DataOptions, demand, value } from './options.ts';
import { UsageError } from './usageError.ts';
import { type Given, given, required, wholeNumber } from './values.ts';

// What `--task` means for the commands: where problems come from, how they become rows, how a model is examined on them.

/** How a model answers the problems of a task */
export const examinationOptions: OptionGroup = {
  'max-new-tokens': value('Task', 'N', 'tokens of an answer, unless it ends before', generationDefaults.maxNewTokens),
  exact: {
    type: 'boolean',
    group: 'Task:',
    describe:
      'exact match, a cheap score: nothing is answered; counts the responses that greedy decoding would write word for word',
  },
};

export type ExaminationOptions = { readonly maxNewTokens: number } & Given<{ exactOnly: boolean | undefined }>;

/** @throws UsageError for --exact without --task. */
export function parseExamination(args: Arguments): ExaminationOptions {
  if (args.exact !== undefined && args.task === undefined)
    throw new UsageError({ subject: '--exact', expected: '--task beside it', got: 'none' });
  const exactOnly = args.exact === undefined ? undefined : args.exact === true;
  return { maxNewTokens: required(args, 'max-new-tokens', wholeNumber(1)), ...given({ exactOnly }) };
}

/** Problems of a task. */
export interface Task {
  readonly family: TaskFamily;
  /** What they were read from. */
  readonly rows: readonly ProblemRow[];
  readonly problems: readonly TaskProblem[];
}

/** Reads problems of the task that `--task` names: from files, or those of its own for a purpose. */
export async function readTask(
  name: string,
  source: { readonly files?: readonly string[]; readonly split: TaskSplit; readonly limit?: number },
): Promise<Task> {
  const { loadTask } = await import('../../training/tasks/index.ts');
  const { readProblemRows } = await import('../../training/taskData.ts');
  const family = await loadTask(name);
  return taskFrom(family, await readProblemRows(family, source));
}

/** The problems in some rows. */
export function taskFrom(family: TaskFamily, rows: readonly ProblemRow[]): Task {
  return { family, rows, problems: rows.map(({ row, subject }) => family.read(row, subject)) };
}

/** The rows of problems that have responses; says what was cut or left out. */
export async function readTaskRows(
  model: Model,
  { family, problems }: Task,
  { maxLength, template }: Pick<DataOptions, 'maxLength' | 'template'>,
  output: Output,
): Promise<readonly TokenRow[]> {
  const { taskTokenRows } = await import('../../training/taskData.ts');
  const rows = await taskTokenRows(model, family, problems, { maxLength, ...given({ template }) });
  const cut = rows.filter(({ isCut }) => isCut).length;
  if (cut > 0)
    output.say(`cut to --max-length ${maxLength} tokens: the responses of ${cut} of ${problems.length} problems`);
  return rows.flatMap(({ row }) => row ?? []);
}

/** @throws UsageError for neither `--data` nor `--task`: what a command that needs rows asks before it opens a model. */
export function demandSource({ data, task }: DataOptions): void {
  demand(data ?? task, '--data', 'a .jsonl or .json file, or --task NAME');
}

/**
 * The rows that a command trains on or measures: those of `--data`, with `--task` as that reads them, or without files the
 * problems that the task has to train on.
 * @throws UsageError for neither, LambdamaxError for problems of which none has a response.
 */
export async function readTrainingRows(
  model: Model,
  options: DataOptions,
  output: Output,
): Promise<readonly TokenRow[]> {
  const { task: name, data: files, limit } = options;
  if (name === undefined) return readData(model, demandData(options), options, output);
  const task = await readTask(name, { split: 'train', ...given({ files, limit }) });
  return readTrainingProblems(model, task, options, output);
}

/** The rows of problems to train on. Throws a LambdamaxError if none has a response. */
export async function readTrainingProblems(
  model: Model,
  task: Task,
  options: Pick<DataOptions, 'maxLength' | 'template'>,
  output: Output,
): Promise<readonly TokenRow[]> {
  const rows = await readTaskRows(model, task, options, output);
  if (rows.length > 0) return rows;
  const { family, problems } = task;
  const got = `none in ${countOf(problems.length)}`;
  throw new LambdamaxError({ subject: `task ${family.name}`, expected: 'responses to train on', got });
}

/** What `--validation` names, whole; without it and without `--data` the problems that `--task` has to validate with. */
export async function readValidation(
  model: Model,
  options: DataOptions & { readonly validation?: readonly string[] },
  examination: ExaminationOptions,
  output: Output,
): Promise<Validation | undefined> {
  const { validation: files, limit: _, ...reading } = options;
  if (reading.task === undefined) return files && readData(model, files, reading, output);
  if (files === undefined && reading.data !== undefined) return undefined;
  const task = await readTask(reading.task, { split: 'validation', ...given({ files }) });
  return examinationOf(task, { ...reading, ...examination });
}

/** Problems, to examine a model on them. */
export function examinationOf(
  { family, problems }: Task,
  { maxLength, template, ...options }: Pick<DataOptions, 'maxLength' | 'template'> & ExaminationOptions,
): Examination {
  return { family, problems, ...given({ template }), maxLength, ...options };
}
