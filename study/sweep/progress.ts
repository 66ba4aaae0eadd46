import type { Configuration } from '../configurations/configuration.ts';
import type { FinishedRun } from '../folder/record.ts';
import type { StudyPlan } from '../plan/plan.ts';
import { configurationRuns, type RunBatch } from '../search/configurationRuns.ts';

/** How far a study has come. */
export interface StudyProgress {
  readonly done: number;
  /** Runs in all, as far as can be told: where a grid is unfinished it may still be extended. */
  readonly planned: number;
  /** The configurations some of whose runs are still to be made. */
  readonly unfinished: readonly Configuration[];
}

/** How many of a plan's runs are done, and of which configurations some are missing: told from the results as the sweep itself goes on. */
export function studyProgress(plan: StudyPlan, runs: readonly FinishedRun[]): StudyProgress {
  const all = plan.configurations.map((configuration) => {
    const own = runs.filter((run) => run.configuration === configuration);
    return { configuration, done: own.length, missing: missingRuns(plan, configuration, own) };
  });
  const done = all.reduce((sum, one) => sum + one.done, 0);
  return {
    done,
    planned: all.reduce((sum, one) => sum + one.missing, done),
    unfinished: all.flatMap(({ configuration, missing }) => (missing > 0 ? [configuration] : [])),
  };
}

/** How many runs an extension of a grid usually adds, where a grid is extended at all. */
const usualExtension = 1;

/** How many runs will follow a batch: those that can be told, and those that an extension usually adds. */
export function likelyLater({ mostRates }: StudyPlan, { later, mayExtend }: RunBatch): number {
  return later + (mayExtend && mostRates > 0 ? usualExtension : 0);
}

/** How many runs a configuration will have in all, before any is made. */
export function expectedRuns(plan: StudyPlan, configuration: Configuration): number {
  const first = configurationRuns(plan, configuration).next().value as RunBatch;
  return first.runs.length + likelyLater(plan, first);
}

/** How many runs of a configuration are still to be made, as far as can be told from those that are done. */
export function missingRuns(plan: StudyPlan, configuration: Configuration, runs: readonly FinishedRun[]): number {
  const results = new Map(runs.map(({ learningRate, seed, result }) => [`${learningRate} ${seed}`, result]));
  const batches = configurationRuns(plan, configuration);
  let next = batches.next();
  while (!next.done) {
    const found = next.value.runs.flatMap(({ learningRate, seed }) => results.get(`${learningRate} ${seed}`) ?? []);
    const missing = next.value.runs.length - found.length;
    if (missing > 0) return missing + next.value.later;
    next = batches.next(found);
  }
  return 0;
}
