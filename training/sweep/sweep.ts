import { LambdamaxError } from '../../errors.ts';
import {
  bracket,
  type Direction,
  type ExtensionLimits,
  gridFactor,
  halfSteps,
  nearBest,
  nextRates,
  type RatePoint,
  usualLimits,
} from './extend.ts';
import { type RunConfiguration, runConfiguration, runKey, type ScoreMeasure, type StudyPlan } from './plan.ts';
import {
  beginRun,
  type FinishedRun,
  finishRun,
  isScored,
  type OpenStudy,
  openStudy,
  type RunResult,
  readRun,
  scoreOf,
  writeResults,
} from './record.ts';

/** A sweep has begun a run, finished it, or found it done. */
export interface SweepProgress {
  readonly event: 'started' | 'finished' | 'found';
  readonly key: string;
  readonly configuration: RunConfiguration;
  /** Null as long as the run is not done. */
  readonly result: RunResult | null;
  /** Runs done so far. */
  readonly done: number;
  /** Runs in all as far as can be told: grids may still be extended. */
  readonly planned: number;
}

/** Trains one run in its folder. Divergence is a result; only what cannot go on is thrown. */
export type ExecuteRun = (run: RunConfiguration, folder: string) => Promise<RunResult>;

/** What a sweep needs besides its plan. */
export interface SweepOptions {
  /** The study folder, or one that is open already (and then stays open). */
  readonly study: string | OpenStudy;
  readonly execute: ExecuteRun;
  readonly onProgress?: (progress: SweepProgress) => void;
}

/** What the first seed says about one method. */
export interface MethodSweep {
  readonly method: string;
  /** First seed, ascending in rate. */
  readonly points: readonly RatePoint[];
  /** Null when training diverged at every rate. */
  readonly best: RatePoint | null;
  /** Whether clearly worse rates lie on both sides of the best. */
  readonly bracketed: boolean;
}

/** A finished sweep. */
export interface SweepRecord {
  readonly plan: StudyPlan;
  readonly folder: string;
  readonly methods: readonly MethodSweep[];
  readonly runs: readonly FinishedRun[];
}

/** Which scores of a measure are better. */
export function directionOf(measure: ScoreMeasure): Direction {
  return measure === 'accuracy' ? 'higher' : 'lower';
}

/**
 * Carries out a plan, one run after another, skipping those that are done. For each method the first seed runs on the
 * grid, which is extended until the best rate is bracketed and then halved beside it; after that the further seeds run
 * near each method's best rate. Which runs there are follows from the plan and the scores alone, so that a sweep that
 * was killed goes on as if it had not been.
 * @throws LambdamaxError that names the run and its folder when a run fails; the runs before it are kept.
 */
export async function sweep(plan: StudyPlan, options: SweepOptions): Promise<SweepRecord> {
  const { study } = options;
  if (typeof study !== 'string') return carryOut(plan, study, options);
  const opened = await openStudy(study, plan);
  try {
    return await carryOut(plan, opened, options);
  } finally {
    await opened.release();
  }
}

async function carryOut(plan: StudyPlan, study: OpenStudy, options: SweepOptions): Promise<SweepRecord> {
  const { folder } = study;
  const direction = directionOf(plan.score);
  const [firstSeed, ...furtherSeeds] = plan.seeds;
  if (firstSeed === undefined) throw new LambdamaxError({ subject: 'seeds of the plan', expected: 'one or more' });
  const finished = new Map<string, FinishedRun>();
  let planned = plan.methods.length * plan.grid.length;

  const run = async (method: string, learningRate: number, seed: number): Promise<RatePoint> => {
    const configuration = runConfiguration(plan, { method, learningRate, seed });
    const key = runKey(configuration);
    const report = (event: SweepProgress['event'], result: RunResult | null): void =>
      options.onProgress?.({ event, key, configuration, result, done: finished.size, planned });

    let result = await readRun(folder, configuration, plan.score);
    const found = result !== null;
    if (result === null) {
      report('started', null);
      result = await executed(study, configuration, plan.score, options.execute);
    }
    finished.set(key, { key, configuration, result });
    await writeResults(folder, plan, [...finished.values()]);
    report(found ? 'found' : 'finished', result);
    return { learningRate, score: scoreOf(result, plan.score) };
  };

  const methods: MethodSweep[] = [];
  for (const method of plan.methods) {
    const points: RatePoint[] = [];
    const runAll = async (rates: readonly number[]): Promise<void> => {
      for (const rate of rates) points.push(await run(method, rate, firstSeed));
    };
    const limits: ExtensionLimits = { ...usualLimits, mostRates: plan.mostRates };
    await runAll(plan.grid);
    const factor = gridFactor(plan.grid);
    for (;;) {
      const rates = nextRates(points, direction, factor, limits);
      if (rates.length === 0) break;
      planned += rates.length;
      await runAll(rates);
    }
    for (let pass = 0; pass < plan.refinements; pass++) {
      const rates = halfSteps(points, direction);
      planned += rates.length;
      await runAll(rates);
    }
    points.sort((a, b) => a.learningRate - b.learningRate);
    const { best, below, above } = bracket(points, direction, limits);
    methods.push({ method, points, best, bracketed: below && above });
  }

  const repeats = methods.flatMap(({ method, points }) =>
    nearBest(points, direction, plan.seedsNearBest ?? points.length).map((rate) => ({ method, rate })),
  );
  planned += repeats.length * furtherSeeds.length;
  for (const seed of furtherSeeds) {
    for (const { method, rate } of repeats) await run(method, rate, seed);
  }
  return { plan, folder, methods, runs: [...finished.values()] };
}

async function executed(
  { folder }: OpenStudy,
  configuration: RunConfiguration,
  measure: ScoreMeasure,
  execute: ExecuteRun,
): Promise<RunResult> {
  const { method, learningRate, seed } = configuration;
  const path = await beginRun(folder, configuration);
  const subject = `run ${method} at learning rate ${learningRate}, seed ${seed}, in ${path}`;
  let result: RunResult;
  try {
    result = await execute(configuration, path);
  } catch (cause) {
    const remedy = cause instanceof Error ? cause.message : String(cause);
    throw new LambdamaxError({ subject, expected: 'training to go through', remedy, cause });
  }
  const stored = JSON.parse(JSON.stringify(result)) as RunResult;
  if (!isScored(stored, measure)) {
    throw new LambdamaxError({ subject, expected: `a result with ${measure}`, got: result[measure] ?? 'none' });
  }
  return finishRun(folder, configuration, result);
}
