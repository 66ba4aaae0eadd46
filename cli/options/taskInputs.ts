import type { TokenRow } from '../../training/data/examples.ts';
import { generationDefaults } from '../../training/generate/sampling.ts';
import type { Model } from '../../training/model.ts';
import type { Task } from '../../training/taskRows.ts';
import type { Examination, Validation } from '../../training/validation.ts';
import type { Arguments, OptionGroup } from '../command.ts';
import type { Output } from '../words/output.ts';
import { demandData, fetchData, readData } from './inputs.ts';
import { type DataOptions, value } from './options.ts';
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

/** @throws UsageError for --exact on data without --task. */
export function parseExamination(args: Arguments): ExaminationOptions {
  if (args.exact !== undefined && args.task === undefined && args.data !== undefined)
    throw new UsageError({ subject: '--exact', expected: '--task beside it', got: 'none' });
  const exactOnly = args.exact === undefined ? undefined : args.exact === true;
  return { maxNewTokens: required(args, 'max-new-tokens', wholeNumber(1)), ...given({ exactOnly }) };
}

/**
 * The rows that a command trains on or measures: those of `--data`, with `--task` as that reads them, or without files the
 * problems that the task has to train on.
 * @throws LambdamaxError for problems of which none has a response.
 */
export async function readTrainingRows(
  model: Model,
  options: DataOptions,
  output: Output,
): Promise<readonly TokenRow[]> {
  const { task: name, data, limit, split = 'train' } = options;
  const files = data && (await fetchData(data, split, output));
  if (name === undefined) return readData(model, demandData({ data: files }), options, output);
  const { readTask, trainingRows } = await import('../../training/taskRows.ts');
  const task = await readTask(name, { split: 'train', ...given({ files, limit }) });
  return trainingRows(model, task, options, output);
}

/** What `--validation` names, whole; without it and without `--data` the problems that `--task` has to validate with. */
export async function readValidation(
  model: Model,
  options: DataOptions & { readonly validation?: readonly string[] },
  examination: ExaminationOptions,
  output: Output,
): Promise<Validation | undefined> {
  const { validation, limit: _, ...reading } = options;
  const files = validation && (await fetchData(validation, 'validation', output));
  if (reading.task === undefined) return files && readData(model, files, reading, output);
  if (files === undefined && reading.data !== undefined) return undefined;
  const { readTask } = await import('../../training/taskRows.ts');
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
