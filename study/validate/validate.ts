import { join } from 'node:path';
import { curvePanels } from '../../analysis/figures/curvePanels.ts';
import { renderValidationPage } from '../../analysis/report/validationPage.ts';
import { backendNamed } from '../../compute/index.ts';
import { ArgumentError, LambdamaxError } from '../../errors.ts';
import { createAdapter } from '../../training/adapters/create.ts';
import { adapterDefaults } from '../../training/adapters/defaults.ts';
import { makeFolder, writeFileWhole, writeJson } from '../../training/checkpoint/files.ts';
import { stepRows } from '../../training/data/batches.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { contentKey } from '../../training/data/hash.ts';
import type { Listener } from '../../training/data/notices.ts';
import { holdOut } from '../../training/data/split.ts';
import { rowDefaults } from '../../training/data/tokenRow.ts';
import { stepGradient } from '../../training/finetune/finetune.ts';
import { loadModel, Model } from '../../training/model.ts';
import { bundledModel } from '../../training/package.ts';
import { adapterMethodOf } from '../configurations/configuration.ts';
import type { StudyOptions } from '../options.ts';
import { planKey } from '../plan/plan.ts';
import { nameOf, type PlannedStudy, planStudy } from '../planStudy.ts';
import type { ValidationSetting } from './setting.ts';
import { validationTests } from './tests.ts';
import {
  testNames,
  type ValidationEntry,
  type ValidationFindings,
  type ValidationPrice,
  type ValidationTest,
  type ValidationTestName,
} from './validationTest.ts';

/** What is tested, and on what. */
export interface ValidateOptions
  extends Pick<
    StudyOptions,
    | 'model'
    | 'data'
    | 'validation'
    | 'task'
    | 'exactOnly'
    | 'maxNewTokens'
    | 'maxLength'
    | 'template'
    | 'promptField'
    | 'responseField'
    | 'trainOn'
    | 'limit'
    | 'rankPattern'
    | 'alphaPattern'
    | 'initSeed'
    | 'precision'
    | 'backend'
    | 'threads'
    | 'workers'
    | 'workerTimeout'
    | 'createdFrom'
  > {
  /** The variant, or a file with one. Default `lora`. */
  readonly method?: string | undefined;
  readonly rank?: number | undefined;
  readonly alpha?: number | undefined;
  readonly targetModules?: string | undefined;
  /** Steps of a run. Default 100. */
  readonly steps?: number | undefined;
  /** Rows a step. Default 8. */
  readonly batchSize?: number | undefined;
  /** Default 0 and 1. */
  readonly seeds?: readonly number[] | undefined;
  /** Default `scale` and `sharp-module`. */
  readonly tests?: readonly ValidationTestName[] | undefined;
  /** Modules that are made sharp, one at a time; with more than one the grid has six rates. Default 1. */
  readonly sharpModules?: number | undefined;
  /** What the tests may cost together, in gradients of one batch: a test that does not fit is left out. Default: whatever they do. */
  readonly budget?: number | undefined;
  /** The folder for everything; a test that was stopped goes on in it. Default: one below `runs/` that follows from the rest. */
  readonly out?: string | undefined;
}

/** What is tested where nothing else is said. */
export const validateDefaults = {
  method: 'lora',
  steps: 100,
  batchSize: rowDefaults.batchSize,
  seeds: [0, 1],
  tests: ['scale', 'sharp-module'],
  sharpModules: 1,
} as const satisfies ValidateOptions;

/** A test and what it is expected to cost. */
export interface PricedTest extends ValidationPrice {
  readonly name: ValidationTestName;
  readonly title: string;
}

/** A test that was not made, and why. */
export interface LeftOutTest extends PricedTest {
  readonly reason: string;
}

/** What will be done, before it begins. */
export interface ValidationPlan {
  readonly folder: string;
  readonly tests: readonly PricedTest[];
  readonly leftOut: readonly LeftOutTest[];
  /** A gradient of one batch, as it was measured just now, by one worker. */
  readonly secondsPerGradient: number;
}

/** How far the tests are. */
export interface ValidationProgress {
  readonly test: ValidationTestName;
  /** What it is doing, in words. */
  readonly words: string;
  /** Parts of the test, as far as can be told: grids may be extended. */
  readonly done: number;
  readonly planned: number;
}

/** Who is told how the tests go, and what may end them. */
export interface ValidateHandlers extends Partial<Listener> {
  /** Told the price before anything is measured. */
  readonly onPlan?: ((plan: ValidationPlan) => void) | undefined;
  readonly onProgress?: ((progress: ValidationProgress) => void) | undefined;
  /** Ends the tests; all that is done is kept, and the same options go on from there. */
  readonly signal?: AbortSignal | undefined;
}

/** What came of the tests: `validate.json`. */
export interface ValidationResult {
  readonly folder: string;
  /** The page that was written. */
  readonly report: string;
  readonly tests: readonly ValidationEntry[];
  readonly leftOut: readonly LeftOutTest[];
  /** The price of the tests that were made, as it was announced. */
  readonly gradientEvaluations: number;
  readonly seconds: number;
}

/**
 * Tests, on a model, data and a variant of one's own, what is claimed of curvature and the best learning rate: by a change of scale,
 * by one module made sharp, on full batches under descent and Adam, along training, and at other lengths and batches. Leaves
 * `validate.json`, `report.html` and all that was measured in the folder; what lies there is not made again.
 * @throws LambdamaxError that names what is wrong with the options, the model or the data, and where no test that was asked for can be
 * made; the signal's reason once it is aborted.
 */
export async function validate(
  options: ValidateOptions = {},
  handlers: ValidateHandlers = {},
): Promise<ValidationResult> {
  const { model: given = bundledModel(), precision, backend = 'onnx', threads } = options;
  checkTests(options);
  if (given instanceof Model) return validateOn(given, options, handlers);
  const settings = { ...(precision && { precision }), ...(threads !== undefined && { threads }) };
  await using model = await loadModel(given, { ...settings, backend: backendNamed(backend) });
  return await validateOn(model, options, handlers);
}

async function validateOn(
  model: Model,
  options: ValidateOptions,
  handlers: ValidateHandlers,
): Promise<ValidationResult> {
  const began = performance.now();
  const { onPlan = () => {}, onProgress = () => {} } = handlers;
  const setting = await settingOf(model, options, handlers);
  const plan = await planOf(setting, options);
  onPlan(plan);
  await makeFolder(plan.folder, 'a folder to write tests in');
  const made: Made[] = [];
  for (const { name } of plan.tests) {
    const test = testNamed(name);
    const findings = await test.carryOut(setting, (words, done, planned) =>
      onProgress({ test: name, words, done, planned }),
    );
    made.push({ test, findings });
  }
  const report = join(plan.folder, 'report.html');
  const result: ValidationResult = {
    ...{ folder: plan.folder, report },
    tests: made.flatMap(({ findings }) => findings.entries),
    leftOut: plan.leftOut,
    gradientEvaluations: plan.tests.reduce((sum, { gradientEvaluations }) => sum + gradientEvaluations, 0),
    seconds: (performance.now() - began) / 1000,
  };
  await writeJson(join(plan.folder, 'validate.json'), result);
  await writeFileWhole(report, pageOf(setting, made, result));
  return result;
}

interface Made {
  readonly test: ValidationTest;
  readonly findings: ValidationFindings;
}

function testNamed(name: ValidationTestName): ValidationTest {
  return validationTests.find((test) => test.name === name)!;
}

/** Refuses what no test can be made with, before a model is opened. */
function checkTests({ tests, steps, batchSize, sharpModules, seeds, budget }: ValidateOptions): void {
  const refuse = (subject: string, expected: string, got: unknown): never => {
    throw new ArgumentError({ subject, expected, got });
  };
  if (tests?.length === 0) refuse('tests', `some of ${testNames.join(', ')}`, 'none');
  for (const name of tests ?? [])
    if (!testNames.includes(name)) refuse('tests', `some of ${testNames.join(', ')}`, name);
  if (seeds?.length === 0) refuse('seeds', 'one or more', 'none');
  for (const [field, value] of Object.entries({ steps, batchSize, sharpModules }))
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) refuse(field, 'a whole number from 1', value);
  if (budget !== undefined && !(budget > 0)) refuse('budget', 'gradients of a batch, more than 0', budget);
}

/** Losses are taken on so many rows at most: enough to tell rates apart that matter. */
const mostScored = 64;

async function settingOf(
  model: Model,
  options: ValidateOptions,
  handlers: ValidateHandlers,
): Promise<ValidationSetting> {
  const { say = () => {}, warn = () => {}, signal } = handlers;
  const { method = validateDefaults.method, rank = adapterDefaults.rank, alpha = adapterDefaults.alpha } = options;
  const { steps = validateDefaults.steps, batchSize = validateDefaults.batchSize } = options;
  const { targetModules = adapterDefaults.targetModules, seeds = validateDefaults.seeds, out } = options;
  const { method: _, tests: _tests, budget: _budget, sharpModules = validateDefaults.sharpModules, ...rest } = options;
  const base = await planStudy(
    model,
    {
      ...rest,
      ...{ methods: [method], ranks: [rank], alphas: [alpha], targetModules: [targetModules] },
      ...{ steps: [steps], batchSizes: [batchSize], seeds, grid: [1e-3] },
      ...{ spectra: null, predictors: null },
    },
    { say, warn },
  );
  const [configuration] = base.plan.configurations;
  return {
    ...{ model, base, configuration: configuration!, ...rowsOf(base), seeds, sharpModules, signal },
    folder:
      out ?? join('runs', `validate-${nameOf(model)}-${contentKey({ of: planKey(base.plan), method, configuration })}`),
    work: {
      ...{ threads: options.threads, workers: options.workers, workerTimeout: options.workerTimeout },
      onSilence: warn,
    },
  };
}

/** Rows to train on and to score with: some are held out, unless there are rows to validate on. */
function rowsOf({ data: { rows, validation } }: PlannedStudy): Pick<ValidationSetting, 'rows' | 'scored'> {
  if (validation !== undefined && !('task' in validation)) return { rows, scored: validation.slice(0, mostScored) };
  const { training, validation: held } = holdOut<TokenRow>(rows);
  return held.length === 0 ? { rows, scored: rows } : { rows: training, scored: held.slice(0, mostScored) };
}

async function planOf(setting: ValidationSetting, options: ValidateOptions): Promise<ValidationPlan> {
  const { tests: wanted = validateDefaults.tests, budget = Number.POSITIVE_INFINITY } = options;
  const tests: PricedTest[] = [];
  const leftOut: LeftOutTest[] = [];
  const faults: LambdamaxError[] = [];
  let left = budget;
  for (const test of validationTests.filter(({ name }) => (wanted as readonly string[]).includes(name))) {
    const { name, title } = test;
    const priced = { name, title, ...test.price(setting) };
    const fault = (await test.fault?.(setting)) ?? null;
    if (fault !== null) {
      faults.push(fault);
      leftOut.push({ ...priced, reason: fault.message });
    } else if (priced.gradientEvaluations > left) {
      leftOut.push({
        ...priced,
        reason: `it takes about ${Math.ceil(priced.gradientEvaluations)} gradients, and ${Math.floor(left)} are left of the budget`,
      });
    } else {
      left -= priced.gradientEvaluations;
      tests.push(priced);
    }
  }
  if (tests.length === 0) {
    if (faults[0]) throw faults[0];
    const [least] = leftOut.toSorted((a, b) => a.gradientEvaluations - b.gradientEvaluations);
    throw new LambdamaxError({
      subject: '`budget`',
      expected: `at least ${Math.ceil(least!.gradientEvaluations)} gradients, for the cheapest of these tests, ${least!.name}`,
      got: budget,
    });
  }
  return { folder: setting.folder, tests, leftOut, secondsPerGradient: await secondsPerGradient(setting) };
}

/** The time that a gradient of one batch takes, once its graph is compiled. */
async function secondsPerGradient({ model, configuration, rows }: ValidationSetting): Promise<number> {
  const { rank, alpha, targetModules, batchSize } = configuration;
  const method = adapterMethodOf({ method: 'lora' });
  const adapter = await createAdapter(model, { method, rank, alpha, targetModules });
  const batch = stepRows(rows, batchSize, 0, 0, true);
  await stepGradient(model, adapter, batch);
  const began = performance.now();
  await stepGradient(model, adapter, batch);
  return (performance.now() - began) / 1000;
}

function pageOf(setting: ValidationSetting, made: readonly Made[], { leftOut }: ValidationResult): string {
  const { configuration, base } = setting;
  const { method, rank, alpha, steps, batchSize } = configuration;
  return renderValidationPage({
    title: `What curvature says of the learning rate: ${method}`,
    setting: [
      base.plan.model,
      base.plan.data.join(', '),
      `rank ${rank}, alpha ${alpha}`,
      `${steps} steps of ${batchSize} rows`,
    ],
    tests: made.map(({ test: { name, title, claim }, findings: { entries, figure, how, table } }) => ({
      ...{ name, title, claim, how, table, figure: curvePanels(figure) },
      entries: entries.map(({ words, outcome }) => ({ words, outcome })),
    })),
    leftOut: leftOut.map(({ title, reason }) => ({ title, reason })),
    ...(base.plan.createdFrom && { command: base.plan.createdFrom }),
  });
}
