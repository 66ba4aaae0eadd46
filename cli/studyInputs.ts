import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { TokenRow } from '../training/data/examples.ts';
import type { Model } from '../training/model.ts';
import type { SweepData } from '../training/sweep/execute.ts';
import type { StudyPlan } from '../training/sweep/plan.ts';
import type { Arguments } from './command.ts';
import { finetuneSettings } from './finetune.ts';
import { openModel, readData } from './inputs.ts';
import {
  type AdapterSizeOptions,
  type DataOptions,
  type EngineOptions,
  type ModelOptions,
  parseAdapter,
  parseData,
  parseEngine,
  parseModel,
} from './options.ts';
import type { Output } from './output.ts';
import { bundledModel, packageRoot, packageVersion } from './package.ts';
import { parseSweep, parseTraining, type SweepOptions, type TrainingOptions } from './runOptions.ts';
import { given } from './values.ts';

/** What a study's command line says, checked. */
export type StudyOptions = ModelOptions &
  AdapterSizeOptions &
  DataOptions &
  TrainingOptions &
  EngineOptions &
  SweepOptions;

/** A study ready to begin: its plan, its folder, and what its runs train on. */
export interface StudyInputs {
  readonly plan: StudyPlan;
  readonly folder: string;
  readonly model: Model;
  readonly data: SweepData;
}

/** Reads the options that `sweep` and `study` share. */
export async function parseStudy(args: Arguments): Promise<StudyOptions> {
  return {
    ...parseModel(args),
    ...parseAdapter(args),
    ...parseData(args),
    ...parseTraining(args),
    ...parseEngine(args),
    ...(await parseSweep(args)),
  };
}

/** Opens model and data, and makes the plan that they and the options lead to. The caller releases the model. */
export async function openStudyInputs(options: StudyOptions, command: string, output: Output): Promise<StudyInputs> {
  const files = options.data ?? [bundledTask('train')];
  const validationFiles = options.validation ?? (options.data ? undefined : [bundledTask('validation')]);
  const model = await openModel(options, output);
  try {
    await refuseImpossible(model, options);
    const all = await readData(model, files, options, output);
    const data = await splitData(model, all, validationFiles, options, output);
    const plan = await makePlan(options, model, files, validationFiles ?? [], data, command);
    const { planKey } = await import('../training/sweep/plan.ts');
    const name = basename(options.model) === 'base' ? 'study' : basename(options.model);
    return { plan, folder: options.study ?? join('runs', `${name}-${planKey(plan)}`), model, data };
  } catch (error) {
    await model.release();
    throw error;
  }
}

/** Before anything is written: a rank or target modules that the model does not have. */
async function refuseImpossible(model: Model, { methods, targetModules, rank, alpha }: StudyOptions): Promise<void> {
  const { layoutFor } = await import('../training/adapters/create.ts');
  const { loadMethod } = await import('../training/adapters/methodFile.ts');
  for (const method of methods) layoutFor(model, await loadMethod(method), targetModules, { rank, alpha });
}

async function splitData(
  model: Model,
  all: readonly TokenRow[],
  validationFiles: readonly string[] | undefined,
  options: StudyOptions,
  output: Output,
): Promise<SweepData> {
  if (validationFiles !== undefined) {
    const { limit: _, ...unlimited } = options;
    return { rows: all, validation: await readData(model, validationFiles, unlimited, output) };
  }
  const { holdOut } = await import('../training/data/split.ts');
  const { training, validation } = holdOut(all);
  if (validation.length === 0) {
    output.say('too few rows to hold some out: runs are compared by their training loss');
    return { rows: training };
  }
  output.say(`${validation.length} of ${all.length} rows are held out to score with (--validation FILE for others)`);
  return { rows: training, validation };
}

async function makePlan(
  options: StudyOptions,
  model: Model,
  files: readonly string[],
  validationFiles: readonly string[],
  { rows, validation }: SweepData,
  command: string,
): Promise<StudyPlan> {
  const { hashRows } = await import('../training/sweep/plan.ts');
  const { rank, alpha, targetModules, maxLength, betas, eps, weightDecay, momentum, loraPlusRatio } = options;
  const { methods, grid, mostRates, refinements, seeds, seedsNearBest, precision } = options;
  const { steps, warmupSteps } = await finetuneSettings(options, { ...options, learningRate: 0 }, rows.length);
  return {
    version: 1,
    model: options.model === bundledModel() ? 'the bundled base' : options.model,
    modelHash: await model.checkpoint.contentHash(),
    data: files.map(shownFile),
    dataHash: hashRows(rows),
    validation: validationFiles.map(shownFile),
    validationHash: validation ? hashRows(validation) : null,
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
    score: validation ? 'validationLoss' : 'finalLoss',
    versions: {
      lambdamax: packageVersion(),
      node: process.versions.node,
      'onnxruntime-node': versionOf('onnxruntime-node'),
    },
    createdFrom: command,
  };
}

/** The task that goes with the bundled model. */
function bundledTask(split: 'train' | 'validation'): string {
  return join(packageRoot(), 'fixtures', 'tasks', `arithmetic-${split}.jsonl`);
}

/** A file as a report names it: the bundled ones without the place where the package lies. */
function shownFile(file: string): string {
  return dirname(file) === join(packageRoot(), 'fixtures', 'tasks') ? basename(file) : file;
}

function versionOf(dependency: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${dependency}/package.json`);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
