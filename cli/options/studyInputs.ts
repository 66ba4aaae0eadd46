import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import type { SweepData } from '../../study/execute.ts';
import type { StudyPlan } from '../../study/plan.ts';
import type { PlannedStudy } from '../../study/workers.ts';
import type { Model } from '../../training/model.ts';
import type { Arguments } from '../command.ts';
import { bundledModel, packageVersion } from '../package.ts';
import type { Output } from '../words/output.ts';
import { type AdapterSizeOptions, parseAdapter } from './adapterOptions.ts';
import { openModel } from './inputs.ts';
import { type EngineOptions, type ModelOptions, parseData, parseEngine, parseModel } from './options.ts';
import { parseSweep, parseTraining, type SweepOptions, type TrainingOptions } from './runOptions.ts';
import { finetuneSettings } from './runSettings.ts';
import { readStudyData, type StudyData, type StudyDataOptions } from './studyData.ts';
import { parseExamination } from './taskInputs.ts';
import { UsageError } from './usageError.ts';
import { given, list, optional, text } from './values.ts';

/** What a study's command line says, checked. */
export type StudyOptions = ModelOptions &
  AdapterSizeOptions &
  Omit<StudyDataOptions, 'task'> &
  TrainingOptions &
  EngineOptions &
  SweepOptions & {
    /** None where data are rows of files; each is studied by itself. */
    readonly tasks: readonly string[];
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
 * @throws UsageError for several tasks with --data or --validation, or under one name.
 */
export async function parseStudy(args: Arguments): Promise<StudyOptions> {
  const tasks = optional(args, 'task', list(text)) ?? (args.data === undefined ? ['math'] : []);
  const named = { ...args, ...(tasks.length > 0 && { task: tasks.join() }) };
  const { task: _, ...data } = parseData(named);
  const examination = parseExamination(named);
  const files = ['data', 'validation'].find((name) => args[name] !== undefined);
  if (tasks.length > 1 && files !== undefined)
    throw new UsageError({ subject: `--${files}`, expected: 'one --task beside it', got: tasks.join() });
  if (new Set(tasks.map(taskFolder)).size < tasks.length)
    throw new UsageError({ subject: '--task', expected: 'each name once', got: tasks.join() });
  return {
    ...parseModel(args),
    ...parseAdapter(args),
    ...{ ...data, ...examination, tasks },
    ...parseTraining(args),
    ...parseEngine(args),
    ...(await parseSweep(args)),
  };
}

/** Opens model and data, and makes the plans that they and the options lead to. The caller releases the model. */
export async function openStudyInputs(options: StudyOptions, command: string, output: Output): Promise<StudyInputs> {
  const model = await openModel(options, output);
  try {
    await refuseImpossible(model, options);
    const { tasks } = options;
    const planned: Omit<PlannedStudy, 'folder'>[] = [];
    for (const task of tasks.length === 0 ? [undefined] : tasks) {
      const { data, plan } = await readStudyData(model, { ...options, ...given({ task }) }, output);
      await refuseBroken(model, data, options);
      planned.push({ data, plan: await makePlan(options, model, data.rows.length, plan, command, output) });
    }
    const folder = options.study ?? (await usualFolder(options.model, planned));
    const studies = planned.map((study, index) => ({
      ...study,
      folder: planned.length === 1 ? folder : join(folder, taskFolder(tasks[index]!)),
    }));
    return { model, folder, studies };
  } catch (error) {
    await model.release();
    throw error;
  }
}

/** `runs/MODEL-KEY`, where the key is of the plan or of all of them. */
async function usualFolder(model: string, studies: readonly Pick<PlannedStudy, 'plan'>[]): Promise<string> {
  const { contentKey } = await import('../../training/data/hash.ts');
  const { planKey } = await import('../../study/plan.ts');
  const keys = studies.map(({ plan }) => planKey(plan));
  const name = basename(model) === 'base' ? 'study' : basename(model);
  return join('runs', `${name}-${keys.length === 1 ? keys[0] : contentKey(keys)}`);
}

/** The name of a task's study beside those of others: of a file its own, without the extension. */
function taskFolder(task: string): string {
  return basename(task).replace(/\.[cm]?[jt]s$/, '');
}

/** Before anything is written: a rank or target modules that the model does not have. */
async function refuseImpossible(model: Model, { methods, targetModules, rank, alpha }: StudyOptions): Promise<void> {
  const { layoutFor } = await import('../../training/adapters/create.ts');
  const { loadMethod } = await import('../../training/adapters/methodFile.ts');
  for (const method of methods) layoutFor(model, await loadMethod(method), targetModules, { rank, alpha });
}

/** Before the sweep: a base whose loss is no number, which every run would take for a rate that is too high. */
async function refuseBroken(model: Model, { rows }: SweepData, { batchSize }: StudyOptions): Promise<void> {
  const { evaluate } = await import('../../training/evaluate.ts');
  const { requireFiniteLoss } = await import('../../training/finiteLoss.ts');
  const { loss } = await evaluate(model, rows.slice(0, batchSize), { batchSize });
  await requireFiniteLoss(model, 'loss of the model before the sweep', loss);
}

async function makePlan(
  options: StudyOptions,
  model: Model,
  rowCount: number,
  data: StudyData['plan'],
  command: string,
  output: Output,
): Promise<StudyPlan> {
  const { rank, alpha, targetModules, maxLength, betas, eps, weightDecay, momentum, loraPlusRatio } = options;
  const { methods, grid, mostRates, refinements, seeds, seedsNearBest, precision } = options;
  const { steps, warmupSteps } = await finetuneSettings(options, { ...options, learningRate: 0 }, rowCount, output);
  const { requireTraining } = await import('../../training/optimizers/schedules.ts');
  requireTraining({ learningRate: 1, steps, warmupSteps });
  const { resultsVersion } = await import('../../training/resultsVersion.ts');
  const methodContent = await contentOf(methods);
  return {
    version: 1,
    model: options.model === bundledModel() ? 'the bundled base' : options.model,
    modelHash: await model.checkpoint.contentHash(),
    ...data,
    resultsVersion,
    ...(Object.keys(methodContent).length > 0 && { methodContent }),
    ...{ methods, rank, alpha, targetModules, grid, mostRates, refinements, seeds, seedsNearBest, precision },
    ...(options.backend !== 'onnx' && { backend: options.backend }),
    initSeed: options.initSeed ?? null,
    training: {
      steps,
      batchSize: options.batchSize,
      maxLength,
      shuffle: options.shuffle,
      optimizer: {
        ...{ name: options.optimizer, betas, eps, weightDecay, momentum },
        ...given({ loraPlusRatio }),
      },
      schedule: options.schedule,
      warmupSteps,
      maxGradNorm: options.maxGradNorm ?? null,
    },
    versions: {
      lambdamax: packageVersion(),
      node: process.versions.node,
      'onnxruntime-node': versionOf('onnxruntime-node'),
    },
    createdFrom: command,
  };
}

/** What those of some methods are made of that are files of the user's own. */
async function contentOf(methods: readonly string[]): Promise<Record<string, string>> {
  const { loadMethod } = await import('../../training/adapters/methodFile.ts');
  const known = await Promise.all(
    methods.map(async (method) => [method, (await loadMethod(method)).contentHash] as const),
  );
  return Object.fromEntries(known.flatMap(([method, content]) => (content === undefined ? [] : [[method, content]])));
}

function versionOf(dependency: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${dependency}/package.json`);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
