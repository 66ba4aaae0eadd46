import { LambdamaxError } from '../../errors.ts';
import { type Proportion, shareOf } from './proportion.ts';
import type { TaskFamily, TaskProblem, Verdict } from './task.ts';

/** How well responses solve their problems. */
export interface TaskScore {
  /** The family's own metric. */
  readonly accuracy: Proportion;
  /** The other metrics of the family, by name. */
  readonly metrics: Readonly<Record<string, Proportion>>;
  /** One verdict for each problem, in their order. */
  readonly verdicts: readonly Verdict[];
}

/**
 * Judges responses, the i-th to the i-th problem, each up to the first of the family's stop texts.
 * @throws LambdamaxError if there is none, if their number differs, or if the family cannot judge one.
 */
export async function scoreResponses<Problem extends TaskProblem>(
  family: TaskFamily<Problem>,
  problems: readonly Problem[],
  responses: readonly string[],
): Promise<TaskScore> {
  if (problems.length === 0 || problems.length !== responses.length) {
    const expected = `a response to each of ${problems.length || 'one or more'} problems`;
    throw new LambdamaxError({ subject: `task ${family.name}`, expected, got: `${responses.length} responses` });
  }
  const verdicts = await family.judge(
    problems,
    responses.map((response) => beforeStop(response, family.stop)),
  );
  const names = new Set(verdicts.flatMap(({ measures = {} }) => Object.keys(measures)));
  const metrics = Array.from(names, (name) => [name, shareOf(verdicts.flatMap((each) => each.measures?.[name] ?? []))]);
  return {
    accuracy: shareOf(verdicts.map(({ correct }) => correct)),
    metrics: Object.fromEntries(metrics) as Record<string, Proportion>,
    verdicts,
  };
}

/** The text before the first of some others, all of it if there is none. */
export function beforeStop(text: string, stops: readonly string[]): string {
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return text.slice(0, Math.min(text.length, ...ends));
}
