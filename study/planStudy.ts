import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { backendNames } from '../compute/index.ts';
import { ArgumentError } from '../errors.ts';
import { layoutFor } from '../training/adapters/create.ts';
import { loadMethod } from '../training/adapters/methodFile.ts';
import { type Listener, silent } from '../training/data/notices.ts';
import { evaluate } from '../training/evaluate.ts';
import { requireFiniteLoss } from '../training/finiteLoss.ts';
import type { Model } from '../training/model.ts';
import { requireTraining, warmupNotice } from '../training/optimizers/schedules.ts';
import { bundledModel, packageVersion } from '../training/package.ts';
import { resultsVersion } from '../training/resultsVersion.ts';
import { checkLists } from './configurations/axes.ts';
import { adapterMethodOf, type Configuration } from './configurations/configuration.ts';
import { type CompleteValues, checkedRows, makeConfigurations, productOf } from './configurations/product.ts';
import { readStudyData } from './data.ts';
import type { SweepData } from './measure/execute.ts';
import { commonSettings, type StudyOptions, standardValues, usualStudy } from './options.ts';
import { methodsOf, planKey, type StudyPlan } from './plan/plan.ts';

/** One study ready to begin: its plan, its folder, and what its runs train on. */
export interface PlannedStudy {
  readonly plan: StudyPlan;
  readonly folder: string;
  readonly data: SweepData;
}

/**
 * Makes the plan of a study on a model, and reads its data.
 * @throws LambdamaxError, before anything is written, for settings that are none (it names the list, or the row), for data that cannot
 * be read, for a rank or target modules that the model does not have, and for a base whose loss is no number.
 */
export async function planStudy(
  model: Model,
  options: StudyOptions,
  listener: Listener = silent,
): Promise<PlannedStudy> {
  checkLists(options);
  const values = valuesOf(options);
  const { grid: asked = usualStudy.grid, seeds = usualStudy.seeds } = options;
  const grid = asked === 'curvature' ? usualStudy.grid : asked;
  const isAboutCurvature = asked === 'curvature';
  if (isAboutCurvature && !options.predictors?.names.includes('curvature'))
    throw new ArgumentError({
      ...{ subject: 'learningRate', expected: 'rates, where `predictors` has no curvature', got: asked },
      remedy: 'curvature is asked by studies, and not by sweeps alone',
    });
  const rates = distinct('grid', grid, 'learning rates above 0', (rate) => rate > 0 && Number.isFinite(rate));
  const runs = {
    grid: rates.sort((a, b) => a - b),
    seeds: distinct('seeds', seeds, 'whole numbers >= 0', (seed) => Number.isInteger(seed) && seed >= 0),
  };
  for (const row of values) await refuseImpossible(model, row, options);
  const { maxLength = usualStudy.maxLength, maxNewTokens = usualStudy.maxNewTokens } = options;
  const task = options.task ?? (options.data === undefined ? usualStudy.task : undefined);
  const { data, plan } = await readStudyData(model, { ...options, task, maxLength, maxNewTokens }, listener);
  const configurations = makeConfigurations(values, commonSettings(options), data.rows.length);
  for (const configuration of configurations) tellOfWarmup(configuration, listener);
  await refuseBroken(model, data, Math.min(...configurations.map(({ batchSize }) => batchSize)));
  const whole = await planOf(model, { ...options, ...runs, isAboutCurvature }, configurations, plan);
  return { data, plan: whole, folder: options.study ?? join('runs', `${nameOf(model)}-${planKey(whole)}`) };
}

/** The settings of each configuration: rows one by one, or the product of the lists. */
function valuesOf(options: StudyOptions): CompleteValues[] {
  const standard = standardValues(options);
  if (options.configurations !== undefined)
    return checkedRows('configurations', options.configurations).map(
      (row) => ({ ...standard, ...row }) as CompleteValues,
    );
  return productOf({ ...options, methods: options.methods ?? usualStudy.methods }, standard);
}

/** Numbers in their order, each once. Throws an ArgumentError for one that is not as expected, and for none. */
function distinct(
  field: string,
  numbers: readonly number[],
  expected: string,
  isRight: (one: number) => boolean,
): number[] {
  const wrong = numbers.find((one) => !isRight(one));
  if (wrong !== undefined || numbers.length === 0)
    throw new ArgumentError({ subject: field, expected, got: wrong ?? 'none' });
  return [...new Set(numbers)];
}

/** The name of a model in that of a folder. */
export function nameOf({ name, checkpoint }: Model): string {
  return checkpoint.directory === bundledModel() ? 'study' : basename(name);
}

/** A rank or target modules that the model does not have. */
async function refuseImpossible(model: Model, row: CompleteValues, options: StudyOptions): Promise<void> {
  const { rankPattern, alphaPattern } = options;
  const method = await loadMethod(adapterMethodOf(row));
  // Whether there is such a module and rank does not depend on alpha.
  layoutFor(model, method, row.targetModules, { rank: row.rank, alpha: 1, rankPattern, alphaPattern });
}

/** Warns of a warm-up that never comes to its end. Throws a LambdamaxError if no step would have a rate above 0. */
function tellOfWarmup({ steps, warmupSteps }: Configuration, { warn }: Listener): void {
  requireTraining({ learningRate: 1, steps, warmupSteps });
  const notice = warmupNotice({ steps, warmupSteps });
  if (notice !== null) warn(notice);
}

/** A base whose loss is no number, which every run would take for a rate that is too high. */
async function refuseBroken(model: Model, { rows }: SweepData, batchSize: number): Promise<void> {
  const { loss } = await evaluate(model, rows.slice(0, batchSize), { batchSize });
  await requireFiniteLoss(model, 'loss of the model before the sweep', loss);
}

async function planOf(
  model: Model,
  options: StudyOptions & { readonly grid: readonly number[]; readonly isAboutCurvature: boolean },
  configurations: readonly Configuration[],
  data: Awaited<ReturnType<typeof readStudyData>>['plan'],
): Promise<StudyPlan> {
  const { grid, isAboutCurvature, mostRates = usualStudy.mostRates, refinements = usualStudy.refinements } = options;
  const { seeds = usualStudy.seeds, seedsNearBest = usualStudy.seedsNearBest, initSeed = null } = options;
  const { spectra, predictors, createdFrom = 'runStudy' } = options;
  const backend = backendNames.find((name) => name === model.backend.name);
  const methodContent = await contentOf(methodsOf({ configurations }));
  return {
    version: 2,
    model: model.checkpoint.directory === bundledModel() ? 'the bundled base' : model.name,
    modelHash: await model.checkpoint.contentHash(),
    ...data,
    resultsVersion,
    ...(Object.keys(methodContent).length > 0 && { methodContent }),
    configurations,
    ...(isAboutCurvature && { isAboutCurvature }),
    ...{ grid, mostRates, refinements, seeds, seedsNearBest, initSeed },
    precision: model.precision,
    ...(backend !== undefined && backend !== 'onnx' && { backend }),
    ...(spectra && { spectra }),
    ...(predictors && { predictors }),
    versions: {
      lambdamax: packageVersion(),
      node: process.versions.node,
      'onnxruntime-node': versionOf('onnxruntime-node'),
    },
    createdFrom,
  };
}

/** What those of some methods are made of that are files of the user's own. */
async function contentOf(methods: readonly string[]): Promise<Record<string, string>> {
  const known = await Promise.all(
    methods.map(async (method) => [method, (await loadMethod(adapterMethodOf({ method }))).contentHash] as const),
  );
  return Object.fromEntries(known.flatMap(([method, content]) => (content === undefined ? [] : [[method, content]])));
}

function versionOf(dependency: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${dependency}/package.json`);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
