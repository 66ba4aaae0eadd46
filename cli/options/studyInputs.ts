import { basename, join } from 'node:path';
import { ArgumentError, LambdamaxError } from '../../errors.ts';
import { optimizerMethods } from '../../study/configurations/configuration.ts';
import type { StudyOptions as LibraryOptions } from '../../study/options.ts';
import type { PlannedStudy } from '../../study/planStudy.ts';
import type { Model } from '../../training/model.ts';
import type { Arguments } from '../command.ts';
import type { Output } from '../words/output.ts';
import { parseAdapter } from './adapterOptions.ts';
import { fetchData, openModel } from './inputs.ts';
import { type EngineOptions, type ModelChoice, parseData, parseEngine, parseModel } from './options.ts';
import { parseTraining } from './runOptions.ts';
import { parseSweep, type SweepChoices } from './sweepOptions.ts';
import { parseExamination } from './taskInputs.ts';
import { UsageError } from './usageError.ts';
import { atMostOne, given, list, optional, text } from './values.ts';

/** What a study's command line says, checked. */
export type StudyChoices = Omit<LibraryOptions, 'model' | 'task' | 'precision' | 'backend' | 'threads'> &
  ModelChoice &
  EngineOptions & {
    /** None where data are rows of files; each is studied by itself. */
    readonly tasks: readonly string[];
    /** Which split of a dataset on the hub. */
    readonly split?: string;
  };

/** Studies of one model, on files or on each of some tasks. */
export interface StudyInputs {
  readonly model: Model;
  /** The study's own folder; where there are several studies, the one that holds theirs. */
  readonly folder: string;
  readonly studies: readonly PlannedStudy[];
}

/**
 * Reads the options that `sweep` and `study` share. Without data they are about the bundled model's word problems.
 * @throws UsageError for several tasks with --data or --validation, or under one name, and for a method that there is not.
 */
export async function parseStudy(args: Arguments): Promise<StudyChoices> {
  const { usualStudy } = await import('../../study/options.ts');
  const tasks = optional(args, 'task', list(text)) ?? (args.data === undefined ? [usualStudy.task] : []);
  const named = { ...args, ...(tasks.length > 0 && { task: tasks.join() }) };
  const files = ['data', 'validation'].find((name) => args[name] !== undefined);
  if (tasks.length > 1 && files !== undefined)
    throw new UsageError({ subject: `--${files}`, expected: 'one --task beside it', got: tasks.join() });
  if (new Set(tasks.map(taskFolder)).size < tasks.length)
    throw new UsageError({ subject: '--task', expected: 'each name once', got: tasks.join() });
  const sweep = await parseSweep(args);
  await requireMethods(args, sweep);
  // The axes were read as lists: here stands one value of each for the parsers of single runs.
  const { batchSize, optimizer, schedule } = usualStudy;
  const one = {
    ...named,
    ...{ 'batch-size': String(batchSize), optimizer, schedule, seed: '0' },
    ...{ method: undefined, steps: undefined, rank: undefined, alpha: undefined, 'target-modules': undefined },
  };
  const { task: _, batchSize: _batch, seed: _seed, ...data } = parseData(one);
  atMostOne(args, 'steps', 'epochs');
  const { rank: _rank, alpha: _alpha, targetModules: _modules, ...adapter } = parseAdapter(one);
  const { steps: _steps, optimizer: _optimizer, schedule: _schedule, ...training } = parseTraining(one);
  return {
    ...parseModel(args),
    ...adapter,
    ...{ ...data, ...parseExamination(named), tasks },
    ...training,
    ...parseEngine(args),
    ...sweep,
  };
}

/** Loads the methods that are named: of files what they hold is not known before. What a file of configurations names is no usage. */
async function requireMethods(args: Arguments, { methods = [], configurations = [] }: SweepChoices): Promise<void> {
  const { loadMethod } = await import('../../training/adapters/methodFile.ts');
  const load = async (method: string | undefined, field: string): Promise<void> => {
    if (method !== undefined && !optimizerMethods.includes(method)) await loadMethod(method, field);
  };
  for (const method of methods) await load(method, 'methods');
  for (const [index, { method }] of configurations.entries())
    await load(method, `method of configuration ${index + 1} of ${args.configurations}`).catch((cause) => {
      if (!(cause instanceof ArgumentError)) throw cause;
      throw new LambdamaxError({ subject: cause.subject, expected: cause.expected, got: method, cause });
    });
}

/** Opens model and data, and makes the plans that they and the options lead to. The caller releases the model. */
export async function openStudyInputs(options: StudyChoices, command: string, output: Output): Promise<StudyInputs> {
  const model = await openModel(options, output);
  try {
    const { planStudy } = await import('../../study/planStudy.ts');
    const { tasks, split = 'train' } = options;
    const files = given({
      data: options.data && (await fetchData(options.data, split, output)),
      validation: options.validation && (await fetchData(options.validation, 'validation', output)),
    });
    const planned: PlannedStudy[] = [];
    for (const task of tasks.length === 0 ? [undefined] : tasks)
      planned.push(
        await planStudy(model, { ...options, ...files, model, ...given({ task }), createdFrom: command }, output),
      );
    if (planned.length === 1) return { model, folder: planned[0]!.folder, studies: planned };
    const folder = options.study ?? (await usualFolder(model, planned));
    const studies = planned.map((study, index) => ({ ...study, folder: join(folder, taskFolder(tasks[index]!)) }));
    return { model, folder, studies };
  } catch (error) {
    await model.release();
    throw error;
  }
}

/** `runs/MODEL-KEY`, where the key is of all the plans. */
async function usualFolder(model: Model, studies: readonly PlannedStudy[]): Promise<string> {
  const { contentKey } = await import('../../training/data/hash.ts');
  const { planKey } = await import('../../study/plan/plan.ts');
  const { nameOf } = await import('../../study/planStudy.ts');
  return join('runs', `${nameOf(model)}-${contentKey(studies.map(({ plan }) => planKey(plan)))}`);
}

/** The name of a task's study beside those of others: of a file its own, without the extension. */
function taskFolder(task: string): string {
  return basename(task).replace(/\.[cm]?[jt]s$/, '');
}
