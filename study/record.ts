import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { z } from 'zod';
import { LambdamaxError } from '../errors.ts';
import { fileFault, makeFolder, readJson, writeFileWhole, writeJson } from '../training/checkpoint/files.ts';
import { lockFolder } from '../training/checkpoint/folderLock.ts';
import { isUnfinished } from '../training/checkpoint/wholeFile.ts';
import { canonicalJson, contentKey } from '../training/data/hash.ts';
import {
  configurationName,
  editedFiles,
  isShare,
  type PlanDifference,
  planDifferences,
  planSchema,
  type RunConfiguration,
  runConfiguration,
  runKey,
  runSchema,
  type ScoreMeasure,
  type StudyPlan,
} from './plan.ts';

/** The 95 % confidence interval of a share. */
type Interval = readonly [low: number, high: number];

/** `result.json`: what `finetune` returns, of which a study reads this much. */
export interface RunResult {
  readonly status: 'finished' | 'diverged';
  readonly steps: number;
  readonly finalLoss?: number | null | undefined;
  readonly validationLoss?: number | null | undefined;
  readonly accuracy?: number | null | undefined;
  readonly accuracyInterval?: Interval | null | undefined;
  readonly exactMatch?: number | null | undefined;
  readonly exactMatchInterval?: Interval | null | undefined;
  /** Folder of the adapter; in `result.json` relative to the run's own folder. */
  readonly adapter?: string | null | undefined;
}

/** A run that is done. */
export interface FinishedRun {
  readonly key: string;
  readonly configuration: RunConfiguration;
  readonly result: RunResult;
}

/** What a study folder holds. */
export interface StudyRecord {
  readonly folder: string;
  readonly plan: StudyPlan;
  /** In the order of `results.csv`. */
  readonly runs: readonly FinishedRun[];
}

/** A study folder that this process alone works on. */
export interface OpenStudy {
  readonly folder: string;
  readonly plan: StudyPlan;
  /** The user's own files that were edited since the study was last worked on: what was made with them is made again. */
  readonly edited: readonly string[];
  /** Lets other processes in. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const loss = z.number().nullish();

const interval = z.tuple([z.number(), z.number()]).nullish();

const resultSchema: z.ZodType<RunResult> = z.looseObject({
  status: z.enum(['finished', 'diverged']),
  steps: z.number(),
  finalLoss: loss,
  validationLoss: loss,
  accuracy: loss,
  accuracyInterval: interval,
  exactMatch: loss,
  exactMatchInterval: interval,
  adapter: z.string().nullish(),
});

/** What a killed process leaves behind: files that are not whole, and drafts of a lock. */
const isLeftover = (name: string): boolean => isUnfinished(name) || name.startsWith('.lock.');

/**
 * Begins a study in a folder, or goes on with the one there. Where a user's own file was edited, the plan is written anew: runs of
 * the file as it was stay where they are and are no part of the study, unless the edit is undone.
 * @throws LambdamaxError if the folder holds a study with another plan (it names what differs), if another process works
 * on it, or if it cannot be written.
 */
export async function openStudy(folder: string, plan: StudyPlan): Promise<OpenStudy> {
  await makeFolder(folder, 'a folder to write a study in');
  const lock = await lockFolder(folder);
  let edited: readonly string[] = [];
  try {
    const path = join(folder, 'study.json');
    const stored = await readPlan(path);
    if (stored !== null) {
      refuseOtherVersion(path, stored, plan);
      refuseOtherPlan(path, planDifferences(stored, plan));
      edited = editedFiles(stored, plan);
    }
    for (const inner of ['runs', 'spectra']) await makeFolder(join(folder, inner), 'a folder to write a study in');
    await removeLeftovers(folder);
    for (const kind of ['spectra', 'predictors']) await removeLeftovers(join(folder, kind));
    if (stored === null) await writeJson(path, plan);
    else if (edited.length > 0) {
      const { methodContent, task } = plan;
      await writeJson(path, { ...stored, ...(methodContent && { methodContent }), ...(task && { task }) });
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
  return { folder, plan, edited, release: lock.release, [Symbol.asyncDispose]: lock.release };
}

/**
 * Reads a study folder, finished or not, without holding it. Runs that are not the plan's, such as those of a file that was edited
 * since, are left out.
 * @throws LambdamaxError if there is no study in it.
 */
export async function readStudy(folder: string): Promise<StudyRecord> {
  const path = join(folder, 'study.json');
  const plan = parsePlan(path, await readJson(path));
  const runs: FinishedRun[] = [];
  for (const key of await entries(join(folder, 'runs'))) {
    const configuration = await readConfiguration(folder, key);
    if (configuration === null || runKey(runConfiguration(plan, configuration)) !== key) continue;
    const result = await readRun(folder, configuration, plan.score);
    if (result !== null) runs.push({ key, configuration, result });
  }
  return { folder, plan, runs: inOrder(plan, runs) };
}

/** Where a run's files lie. */
export function runFolder(folder: string, key: string): string {
  return join(folder, 'runs', key);
}

/**
 * The result of a run; null if it is not done. A run whose `run.json` or `result.json` is missing, broken or another
 * run's, or which finished without the measure that the study compares by, is not done.
 */
export async function readRun(
  folder: string,
  configuration: RunConfiguration,
  measure: ScoreMeasure,
): Promise<RunResult | null> {
  const key = runKey(configuration);
  if ((await readConfiguration(folder, key)) === null) return null;
  const result = resultSchema.safeParse(await readJsonOrNull(join(runFolder(folder, key), 'result.json')));
  if (!result.success) return null;
  const named = exactlyNamed(result.data, configuration);
  return isScored(named, measure) ? named : null;
}

/** Makes the run's folder anew, with its `run.json` and nothing else, and returns its path. */
export async function beginRun(folder: string, configuration: RunConfiguration): Promise<string> {
  const path = runFolder(folder, runKey(configuration));
  try {
    // A worker process that has not yet noticed the end of its killed study may still be writing there.
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
  } catch (cause) {
    throw fileFault(path, 'a folder to write a run in', cause);
  }
  await makeFolder(path, 'a folder to write a run in');
  await writeJson(join(path, 'run.json'), configuration);
  return path;
}

/**
 * Writes the run's `result.json`, by which it is done, and returns the result as it will be read again: numbers that are
 * not finite are null, the adapter's path relative to the run's folder.
 */
export async function finishRun<Result extends RunResult>(
  folder: string,
  configuration: RunConfiguration,
  result: Result,
): Promise<RunResult> {
  const path = runFolder(folder, runKey(configuration));
  const stored = { ...result, ...(result.adapter == null ? {} : { adapter: within(path, result.adapter) }) };
  await writeJson(join(path, 'result.json'), stored);
  return resultSchema.parse(JSON.parse(JSON.stringify(stored)));
}

/** The number by which runs are compared; null for a run that diverged. */
export function scoreOf(result: RunResult, measure: ScoreMeasure): number | null {
  return result.status === 'diverged' ? null : (result[measure] ?? null);
}

/** Whether the run has what the study compares by: a diverged one has nothing to compare. */
export function isScored(result: RunResult, measure: ScoreMeasure): boolean {
  return result.status === 'diverged' || scoreOf(result, measure) !== null;
}

/** The confidence interval of the number by which runs are compared; null for a loss, and for a run that diverged. */
export function intervalOf(result: RunResult, measure: ScoreMeasure): Interval | null {
  return isShare(measure) && result.status === 'finished' ? (result[`${measure}Interval`] ?? null) : null;
}

/** A result with exact matches under their own name: version 0.1.0 wrote them as an accuracy. */
function exactlyNamed(result: RunResult, { task }: RunConfiguration): RunResult {
  if (!task?.exactOnly || result.exactMatch != null || result.accuracy == null) return result;
  const { accuracy, accuracyInterval, ...rest } = result;
  return { ...rest, exactMatch: accuracy, exactMatchInterval: accuracyInterval };
}

/** Writes `results.csv` from the finished runs. */
export async function writeResults(folder: string, plan: StudyPlan, runs: readonly FinishedRun[]): Promise<void> {
  await writeFileWhole(join(folder, 'results.csv'), resultsCsv(plan, runs));
}

/**
 * The table of the finished runs, by method in the plan's order, learning rate and seed. It holds no times, so that a
 * study that was killed and resumed gives the same bytes.
 */
export function resultsCsv(plan: StudyPlan, runs: readonly FinishedRun[]): string {
  const header =
    'configuration,method,learningRate,seed,status,score,finalLoss,validationLoss,accuracy,steps,key,accuracyLow,accuracyHigh,' +
    'exact_match,exact_match_low,exact_match_high';
  const lines = inOrder(plan, runs).map(({ key, configuration, result }) =>
    [
      configurationName(configuration),
      configuration.method,
      configuration.learningRate,
      configuration.seed,
      result.status,
      scoreOf(result, plan.score),
      result.finalLoss,
      result.validationLoss,
      result.accuracy,
      result.steps,
      key,
      ...(result.accuracyInterval ?? [null, null]),
      result.exactMatch,
      ...(result.exactMatchInterval ?? [null, null]),
    ]
      .map(csvField)
      .join(','),
  );
  return `${[header, ...lines].join('\n')}\n`;
}

/** Folders of a study with what was measured of its methods beside its runs: curvature, and other predictions of the best rate. */
export type MeasurementKind = 'spectra' | 'predictors';

/** Writes `KIND/KEY.json`: a measurement beside the configuration it belongs to, and returns KEY, a hash of that. */
export async function writeMeasurement(
  folder: string,
  kind: MeasurementKind,
  configuration: object,
  measurement: object,
): Promise<string> {
  const key = contentKey(configuration);
  await makeFolder(join(folder, kind), 'a folder to write a study in');
  await writeJson(join(folder, kind, `${key}.json`), { ...measurement, configuration });
  return key;
}

/** The measurement that was written for this configuration; null if there is none, or a broken one. */
export async function readMeasurement(
  folder: string,
  kind: MeasurementKind,
  configuration: object,
): Promise<Record<string, unknown> | null> {
  const stored = await readJsonOrNull(join(folder, kind, `${contentKey(configuration)}.json`));
  return isObject(stored) && canonicalJson(stored.configuration) === canonicalJson(configuration) ? stored : null;
}

/** Removes all measurements but these: those made under settings that a study no longer has. */
export async function keepMeasurements(
  folder: string,
  kind: MeasurementKind,
  keys: ReadonlySet<string>,
): Promise<void> {
  for (const key of await measurementKeys(folder, kind))
    if (!keys.has(key)) await rm(join(folder, kind, `${key}.json`), { force: true });
}

/** All measurements of a kind, each with its `configuration`, in the order of their keys. */
export async function readMeasurements(folder: string, kind: MeasurementKind): Promise<Record<string, unknown>[]> {
  const keys = await measurementKeys(folder, kind);
  const stored = await Promise.all(keys.map((key) => readJsonOrNull(join(folder, kind, `${key}.json`))));
  return stored.filter(isObject);
}

async function measurementKeys(folder: string, kind: MeasurementKind): Promise<string[]> {
  return (await entries(join(folder, kind))).flatMap((name) => /^([0-9a-f]{12})\.json$/.exec(name)?.[1] ?? []);
}

/** The run's configuration if it is intact and the key's own. */
async function readConfiguration(folder: string, key: string): Promise<RunConfiguration | null> {
  const run = runSchema.safeParse(await readJsonOrNull(join(runFolder(folder, key), 'run.json')));
  return run.success && runKey(run.data) === key ? run.data : null;
}

/** Null where there is no plan yet. A broken one is refused: nobody could tell whether the runs beside it are of this plan. */
async function readPlan(path: string): Promise<StudyPlan | null> {
  return existsSync(path) ? parsePlan(path, await readJson(path)) : null;
}

function parsePlan(path: string, stored: unknown): StudyPlan {
  const plan = planSchema.safeParse(stored);
  // Version 0.1.0 called exact matches an accuracy.
  if (plan.success) return plan.data.task?.exactOnly ? { ...plan.data, score: 'exactMatch' } : plan.data;
  const issue = plan.error.issues[0];
  throw new LambdamaxError({
    subject: path,
    expected: 'the plan of a study, version 1',
    got: issue === undefined ? stored : `${issue.path.join('.')}: ${issue.message}`,
    remedy: 'choose another folder',
    cause: plan.error,
  });
}

/** Results of two versions would stand side by side, under names that say nothing of it. */
function refuseOtherVersion(path: string, stored: StudyPlan, wanted: StudyPlan): void {
  if (stored.resultsVersion === wanted.resultsVersion) return;
  throw new LambdamaxError({
    subject: path,
    expected: `a study of results version ${wanted.resultsVersion}`,
    got: stored.resultsVersion ?? 'an older one',
    remedy: 'begin anew in another study folder; predict and report still show this one',
  });
}

function refuseOtherPlan(path: string, differences: readonly PlanDifference[]): void {
  if (differences.length === 0) return;
  const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
  const words = differences.map(({ field, stored, wanted }) => `${field} was ${show(stored)} and is ${show(wanted)}`);
  // The error shortens long values; the names of what differs say more than half of the first difference.
  const whole = words.join('; ');
  throw new LambdamaxError({
    subject: path,
    expected: 'the plan that the study in this folder was begun with',
    got: whole.length <= 100 ? whole : `another ${differences.map(({ field }) => field).join(', ')}`,
    remedy: 'repeat the options of the first time, or choose another study folder',
  });
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await entries(folder)) {
    if (isLeftover(name)) await rm(join(folder, name), { force: true });
  }
}

/** The names in a folder, sorted; none if there is no such folder. */
async function entries(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fileFault(folder, 'a readable folder', cause);
  }
}

/** Null for a file that is missing or no JSON: what a killed process may leave. Any other fault is thrown. */
async function readJsonOrNull(path: string): Promise<unknown> {
  try {
    return await readJson(path);
  } catch (error) {
    const { cause } = error as LambdamaxError;
    if (cause instanceof SyntaxError || (cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Runs by method in the plan's order, learning rate and seed: the order of `results.csv`. */
export function inOrder(plan: StudyPlan, runs: readonly FinishedRun[]): FinishedRun[] {
  const place = (run: FinishedRun): number[] => [
    plan.methods.indexOf(run.configuration.method),
    run.configuration.learningRate,
    run.configuration.seed,
  ];
  return [...runs].sort((a, b) => {
    const [left, right] = [place(a), place(b)];
    const at = left.findIndex((value, index) => value !== right[index]);
    return at < 0 ? 0 : left[at]! - right[at]!;
  });
}

function within(folder: string, path: string): string {
  const inside = relative(folder, path);
  return inside.startsWith('..') || isAbsolute(inside) ? path : inside;
}

function csvField(value: string | number | null | undefined): string {
  const text = value == null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
