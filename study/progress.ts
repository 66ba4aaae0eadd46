import { methodRuns } from './methodRuns.ts';
import type { StudyPlan } from './plan.ts';
import type { FinishedRun, RunResult } from './record.ts';

/** How far a study has come. */
export interface StudyProgress {
  readonly done: number;
  /** Runs in all, as far as can be told: where a grid is unfinished it may still be extended. */
  readonly planned: number;
  /** The methods some of whose runs are still to be made. */
  readonly unfinished: readonly string[];
}

/** How many of a plan's runs are done, and of which methods some are missing: told from the results as the sweep itself goes on. */
export function studyProgress(plan: StudyPlan, runs: readonly FinishedRun[]): StudyProgress {
  const methods = plan.methods.map((method) => {
    const own = runs.filter(({ configuration }) => configuration.method === method);
    return { method, done: own.length, missing: missingRuns(plan, method, own) };
  });
  const done = methods.reduce((sum, one) => sum + one.done, 0);
  return {
    done,
    planned: methods.reduce((sum, one) => sum + one.missing, done),
    unfinished: methods.flatMap(({ method, missing }) => (missing > 0 ? [method] : [])),
  };
}

/** How many runs of a method are still to be made, as far as can be told. */
function missingRuns(plan: StudyPlan, method: string, runs: readonly FinishedRun[]): number {
  const results = new Map(
    runs.map(({ configuration: { learningRate, seed }, result }) => [`${learningRate} ${seed}`, result]),
  );
  const batches = methodRuns(plan, method);
  let next = batches.next();
  while (!next.done) {
    const found = next.value.runs
      .map(({ learningRate, seed }) => results.get(`${learningRate} ${seed}`))
      .filter((result): result is RunResult => result !== undefined);
    const missing = next.value.runs.length - found.length;
    if (missing > 0) return missing + next.value.later;
    next = batches.next(found);
  }
  return 0;
}
