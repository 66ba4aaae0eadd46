import type { Configuration } from '../configurations/configuration.ts';
import { type FinishedRun, type OpenStudy, openStudy } from '../folder/record.ts';
import type { ExecuteRun } from '../measure/execute.ts';
import { readKnown } from '../measure/known.ts';
import type { StudyPlan } from '../plan/plan.ts';
import { type ConfigurationSweep, configurationRuns } from '../search/configurationRuns.ts';
import { likelyLater } from './progress.ts';
import { type RunProgress, StudyRuns } from './runs.ts';

/** What a sweep needs besides its plan. */
export interface SweepOptions {
  /** The study folder, or one that is open already (and then stays open). */
  readonly study: string | OpenStudy;
  readonly execute: ExecuteRun;
  /** How many runs `execute` is given at once; default 1. */
  readonly atOnce?: number;
  readonly onProgress?: (progress: RunProgress) => void;
  /** Once it is aborted no run begins any more, and those under way end at their next step, as if they had not begun. */
  readonly signal?: AbortSignal | undefined;
}

/** A finished sweep. */
export interface SweepRecord {
  readonly plan: StudyPlan;
  readonly folder: string;
  readonly configurations: readonly ConfigurationSweep[];
  /** How many of the runs were made by this sweep, and not found done. */
  readonly added: number;
  /** In the order of `results.csv`. */
  readonly runs: readonly FinishedRun[];
}

/**
 * Carries out a plan, skipping the runs that are done. For each configuration the first seed runs on the grid, which is extended
 * until the best rate is bracketed and then halved beside it; after that the further seeds run near the configuration's best rate.
 * Configurations go side by side. Which runs there are follows from the plan and the scores alone, so that a sweep that was killed
 * goes on as if it had not been, however many runs are made at once.
 * @throws LambdamaxError that names the run and its folder when a run fails; those that are done by then are kept.
 */
export async function sweep(plan: StudyPlan, options: SweepOptions): Promise<SweepRecord> {
  const { study } = options;
  if (typeof study !== 'string') return carryOut(study.plan, study, options);
  const opened = await openStudy(study, plan);
  try {
    return await carryOut(opened.plan, opened, options);
  } finally {
    await opened.release();
  }
}

async function carryOut(
  plan: StudyPlan,
  study: OpenStudy,
  { execute, atOnce = 1, onProgress, signal }: SweepOptions,
): Promise<SweepRecord> {
  const knownOf = await readKnown(study.folder, plan);
  const runs = new StudyRuns(study, { execute, atOnce, knownOf, onProgress, signal });
  const sweeps = plan.configurations.map((configuration) => sweepOne(plan, configuration, runs));
  // None may go on when the study is let go.
  await Promise.allSettled(sweeps);
  const configurations = await Promise.all(sweeps);
  return { plan, folder: study.folder, configurations, runs: runs.finished, added: runs.made };
}

async function sweepOne(plan: StudyPlan, configuration: Configuration, runs: StudyRuns): Promise<ConfigurationSweep> {
  const batches = configurationRuns(plan, configuration);
  let next = batches.next();
  while (!next.done) {
    runs.expect(configuration, likelyLater(plan, next.value));
    next = batches.next(await runs.all(next.value.runs));
  }
  runs.expect(configuration, 0);
  return next.value;
}
