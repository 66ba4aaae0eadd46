import { type MethodSweep, methodRuns } from './methodRuns.ts';
import type { StudyPlan } from './plan.ts';
import { type FinishedRun, type OpenStudy, openStudy } from './record.ts';
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

/** A finished sweep. */
export interface SweepRecord {
  readonly plan: StudyPlan;
  readonly folder: string;
  readonly methods: readonly MethodSweep[];
  /** In the order of `results.csv`. */
  readonly runs: readonly FinishedRun[];
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
  const batches = methodRuns(plan, method);
  let next = batches.next();
  while (!next.done) next = batches.next(await runs.all(next.value.runs));
  return next.value;
}
