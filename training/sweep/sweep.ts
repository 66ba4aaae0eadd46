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
import { isShare, type ScoreMeasure, type StudyPlan } from './plan.ts';
import { type FinishedRun, intervalOf, type OpenStudy, openStudy, type RunResult, scoreOf } from './record.ts';
import { type ExecuteRun, StudyRuns, type SweepProgress } from './runs.ts';

/** What a sweep needs besides its plan. */
export interface SweepOptions {
  /** The study folder, or one that is open already (and then stays open). */
  readonly study: string | OpenStudy;
  readonly execute: ExecuteRun;
  /** How many runs `execute` is given at once; default 1. */
  readonly atOnce?: number;
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
  /** In the order of `results.csv`. */
  readonly runs: readonly FinishedRun[];
}

/** Which scores of a measure are better. */
export function directionOf(measure: ScoreMeasure): Direction {
  return isShare(measure) ? 'higher' : 'lower';
}

/**
 * Carries out a plan, skipping the runs that are done. For each method the first seed runs on the grid, which is extended
 * until the best rate is bracketed and then halved beside it; after that the further seeds run near the method's best rate.
 * Methods go side by side. Which runs there are follows from the plan and the scores alone, so that a sweep that was killed
 * goes on as if it had not been, however many runs are made at once.
 * @throws LambdamaxError that names the run and its folder when a run fails; those that are done by then are kept.
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

async function carryOut(
  plan: StudyPlan,
  study: OpenStudy,
  { execute, atOnce = 1, onProgress }: SweepOptions,
): Promise<SweepRecord> {
  const runs = new StudyRuns(study, execute, atOnce, onProgress);
  const sweeps = plan.methods.map((method) => sweepMethod(plan, method, runs));
  // None may go on when the study is let go.
  await Promise.allSettled(sweeps);
  return { plan, folder: study.folder, methods: await Promise.all(sweeps), runs: runs.finished };
}

async function sweepMethod(plan: StudyPlan, method: string, runs: StudyRuns): Promise<MethodSweep> {
  const direction = directionOf(plan.score);
  const limits: ExtensionLimits = { ...usualLimits, mostRates: plan.mostRates };
  const [firstSeed, ...furtherSeeds] = plan.seeds;
  if (firstSeed === undefined) throw new LambdamaxError({ subject: 'seeds of the plan', expected: 'one or more' });
  const points: RatePoint[] = [];
  const tryRates = async (rates: readonly number[]): Promise<void> => {
    const results = await runs.all(rates.map((learningRate) => ({ method, learningRate, seed: firstSeed })));
    points.push(...results.map((result, index) => ratePoint(rates[index]!, result, plan.score)));
  };
  await tryRates(plan.grid);
  const factor = gridFactor(plan.grid);
  for (;;) {
    const rates = nextRates(points, direction, factor, limits);
    if (rates.length === 0) break;
    await tryRates(rates);
  }
  for (let pass = 0; pass < plan.refinements; pass++) await tryRates(halfSteps(points, direction));
  points.sort((a, b) => a.learningRate - b.learningRate);
  const repeated = nearBest(points, direction, plan.seedsNearBest ?? points.length);
  await runs.all(furtherSeeds.flatMap((seed) => repeated.map((learningRate) => ({ method, learningRate, seed }))));
  const { best, below, above } = bracket(points, direction, limits);
  return { method, points, best, bracketed: below && above };
}

/** What a result says about its rate; beside a share stand its confidence interval and the validation loss. */
function ratePoint(learningRate: number, result: RunResult, measure: ScoreMeasure): RatePoint {
  const score = scoreOf(result, measure);
  if (!isShare(measure)) return { learningRate, score };
  return { learningRate, score, low: intervalOf(result, measure)?.[0] ?? null, loss: result.validationLoss ?? null };
}
