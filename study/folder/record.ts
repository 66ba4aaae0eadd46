import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { LambdamaxError } from '../../errors.ts';
import { fileFault, makeFolder, readJson, writeJson } from '../../training/checkpoint/files.ts';
import { lockFolder } from '../../training/checkpoint/folderLock.ts';
import { canonicalJson } from '../../training/data/hash.ts';
import type { Configuration } from '../configurations/configuration.ts';
import {
  editedFiles,
  type PlanDifference,
  planDifferences,
  planSchema,
  runConfiguration,
  type StudyPlan,
} from '../plan/plan.ts';
import { exactlyNamed, isScored, type RunResult, resultSchema } from '../plan/result.ts';
import { type RunConfiguration, runKey, runSchema } from '../plan/run.ts';
import type { ScoreMeasure } from '../plan/score.ts';
import { configurationRuns } from '../search/configurationRuns.ts';
import { readJsonOrNull } from './files.ts';
import { removeLeftovers } from './leftovers.ts';
import { checkpointName, runFolder, runKeysIn } from './runFolders.ts';

/** A run that is done. */
export interface FinishedRun {
  readonly key: string;
  /** The plan's configuration that it is a run of. */
  readonly configuration: Configuration;
  readonly learningRate: number;
  readonly seed: number;
  readonly result: RunResult;
}

/** A run that is under way, was interrupted, or is done. */
export interface BegunRun extends Omit<FinishedRun, 'result'> {
  /** Null as long as it is not done. */
  readonly result: RunResult | null;
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
  /** How many runs in the folder are finished that are no part of the plan: of configurations, rates or seeds asked for earlier. */
  readonly others: number;
  /** Lets other processes in. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Begins a study in a folder, or goes on with the one there. The plan may have other configurations, rates and seeds than the one
 * there, and is written anew: runs that both have are kept as they are. Those of the old plan alone stay in the folder, and are no
 * part of the study until they are asked for again; so do runs of a user's own file as it was before an edit.
 * @throws LambdamaxError if the folder holds a study of another subject (it names what differs), if another process works
 * on it, or if it cannot be written.
 */
export async function openStudy(folder: string, wanted: StudyPlan): Promise<OpenStudy> {
  await makeFolder(folder, 'a folder to write a study in');
  const lock = await lockFolder(folder);
  let edited: readonly string[] = [];
  let plan = wanted;
  try {
    const path = join(folder, 'study.json');
    const stored = await readPlan(path);
    if (stored !== null) {
      refuseOtherVersion(path, stored, wanted);
      refuseOtherSubject(path, planDifferences(stored, wanted));
      edited = editedFiles(stored, wanted);
      plan = grown(stored, wanted);
    }
    for (const inner of ['runs', 'spectra']) await makeFolder(join(folder, inner), 'a folder to write a study in');
    await removeLeftovers(folder);
    if (stored === null || canonicalJson(stored) !== canonicalJson(plan)) await writeJson(path, plan);
    const others = await countOthers(folder, plan);
    return { folder, plan, edited, others, release: lock.release, [Symbol.asyncDispose]: lock.release };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** The plan that is wanted now, with what the stored one alone says; it is the stored one if they lead to the same. */
function grown(stored: StudyPlan, wanted: StudyPlan): StudyPlan {
  const { spectra = stored.spectra, predictors = stored.predictors } = wanted;
  const plan = {
    ...wanted,
    ...(spectra && { spectra }),
    ...(predictors && { predictors }),
    ...(wanted.isAboutCurvature && stored.grids && { grids: stored.grids }),
  };
  // Paths, versions and the words of the command are those of the first time as long as nothing else has changed.
  const { model, data, validation, versions, createdFrom } = stored;
  const same = { ...plan, model, data, validation, versions, createdFrom };
  return canonicalJson(same) === canonicalJson(stored) ? stored : plan;
}

/**
 * Reads a study folder, finished or not, without holding it. Only the plan's runs count: those that its grids, their extension and
 * its seeds lead to.
 * @throws LambdamaxError if there is no study in it.
 */
export async function readStudy(folder: string): Promise<StudyRecord> {
  const path = join(folder, 'study.json');
  const plan = parsePlan(path, await readJson(path));
  const runs = await finishedRuns(folder, plan);
  return { folder, plan, runs: inOrder(plan, plan.version === 1 ? runs : runs.filter(askedFor(plan, runs))) };
}

/** All finished runs of a plan's configurations in a study's folder, whatever their rates and seeds. */
export async function finishedRuns(folder: string, plan: StudyPlan): Promise<FinishedRun[]> {
  return (await begunRuns(folder, plan)).flatMap(({ result, ...run }) => (result === null ? [] : [{ ...run, result }]));
}

/** All runs of a plan's configurations that a study's folder has anything of, whatever their rates and seeds. */
export async function begunRuns(folder: string, plan: StudyPlan): Promise<BegunRun[]> {
  const runs: BegunRun[] = [];
  for (const key of await runKeysIn(folder)) {
    const run = await readConfiguration(folder, key);
    if (run === null) continue;
    const { learningRate, seed } = run;
    const configuration = plan.configurations.find(
      (one) => runKey(runConfiguration(plan, { configuration: one, learningRate, seed })) === key,
    );
    if (configuration === undefined) continue;
    runs.push({ key, configuration, learningRate, seed, result: await readRun(folder, run, plan.score) });
  }
  return runs;
}

/** Whether a plan asks for a run, as far as can be told from those that are done. */
function askedFor(plan: StudyPlan, runs: readonly FinishedRun[]): (run: FinishedRun) => boolean {
  const asked = new Set(plan.configurations.flatMap((configuration) => askedRuns(plan, configuration, runs)));
  return (run) => asked.has(run);
}

/** The runs of one configuration that its sweep would find done, batch by batch, until one is missing. */
function askedRuns(plan: StudyPlan, configuration: Configuration, runs: readonly FinishedRun[]): FinishedRun[] {
  const done = new Map(
    runs.filter((run) => run.configuration === configuration).map((run) => [`${run.learningRate} ${run.seed}`, run]),
  );
  const batches = configurationRuns(plan, configuration);
  const asked: FinishedRun[] = [];
  for (let next = batches.next(); !next.done; ) {
    const found = next.value.runs.flatMap(({ learningRate, seed }) => done.get(`${learningRate} ${seed}`) ?? []);
    asked.push(...found);
    if (found.length < next.value.runs.length) break;
    next = batches.next(found.map(({ result }) => result));
  }
  return asked;
}

async function countOthers(folder: string, plan: StudyPlan): Promise<number> {
  const keys = await runKeysIn(folder);
  const done = keys.filter((key) => existsSync(join(runFolder(folder, key), 'result.json')));
  const runs = await finishedRuns(folder, plan);
  return done.length - runs.filter(askedFor(plan, runs)).length;
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

/**
 * Makes the run's folder anew, with its `run.json` and nothing else, and returns its path; one that was interrupted behind a checkpoint
 * stays, to go on from there.
 */
export async function beginRun(folder: string, configuration: RunConfiguration): Promise<string> {
  const key = runKey(configuration);
  const path = runFolder(folder, key);
  if (existsSync(join(path, checkpointName)) && (await readConfiguration(folder, key)) !== null) return path;
  try {
    // A worker process that has not yet noticed the end of its killed study may still be writing there.
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
  } catch (cause) {
    throw fileFault(path, 'a folder to write a run in', cause);
  }
  await makeFolder(path, 'a folder to write a run in');
  // In one order of fields, whether the plan was made just now or read.
  await writeJson(join(path, 'run.json'), runSchema.parse(configuration));
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
  await rm(join(path, checkpointName), { force: true });
  return resultSchema.parse(JSON.parse(JSON.stringify(stored)));
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
  if (plan.success) return plan.data;
  const issue = plan.error.issues[0];
  throw new LambdamaxError({
    subject: path,
    expected: 'the plan of a study, version 1 or 2',
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

function refuseOtherSubject(path: string, differences: readonly PlanDifference[]): void {
  if (differences.length === 0) return;
  const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
  const words = differences.map(({ field, stored, wanted }) => `${field} was ${show(stored)} and is ${show(wanted)}`);
  // The error shortens long values; the names of what differs say more than half of the first difference.
  const whole = words.join('; ');
  throw new LambdamaxError({
    subject: path,
    expected: 'what the study in this folder is about',
    got: whole.length <= 100 ? whole : `another ${differences.map(({ field }) => field).join(', ')}`,
    remedy: 'choose another study folder; variants, ranks, rates, seeds and the like may change, these may not',
  });
}

/** Runs by configuration in the plan's order, learning rate and seed: the order of `results.csv`. */
export function inOrder<Run extends Omit<FinishedRun, 'key' | 'result'>>(plan: StudyPlan, runs: readonly Run[]): Run[] {
  const places = new Map(plan.configurations.map((configuration, index) => [configuration, index]));
  return runs.toSorted(
    (a, b) =>
      places.get(a.configuration)! - places.get(b.configuration)! || a.learningRate - b.learningRate || a.seed - b.seed,
  );
}

function within(folder: string, path: string): string {
  const inside = relative(folder, path);
  return inside.startsWith('..') || isAbsolute(inside) ? path : inside;
}
