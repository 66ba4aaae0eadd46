import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { clock, formatRate } from '../../analysis/rates/format.ts';
import { missing, type WordTable } from '../../analysis/report/tables.ts';
import { type Curve, readCurve } from '../folder/curves.ts';
import { runFolder } from '../folder/runFolders.ts';
import { scoreOf } from '../plan/result.ts';
import { isShare, scoreLabels } from '../plan/score.ts';
import type { NamedRun, Settled } from './settled.ts';

/** A run that has no result yet, as far as it has come. */
export interface UnderWay extends NamedRun {
  readonly curve: Curve;
  /** When its last step was written, in milliseconds since 1970; null before the first. */
  readonly lastStepAt: number | null;
  /** Whether the process that holds the study has written to it; one of an earlier process waits to be gone on with. */
  readonly isRunning: boolean;
}

/** The runs of a study without a result; `since` is when the process that works on the study began, null where there is none. */
export async function readUnderWay(folder: string, { runs }: Settled, since: number | null): Promise<UnderWay[]> {
  const open = runs.filter(({ result }) => result === null);
  return Promise.all(
    open.map(async (run) => {
      const path = runFolder(folder, run.key);
      const [begun, lastStepAt] = await Promise.all([timeOf(path), timeOf(join(path, 'metrics.jsonl'))]);
      const latest = Math.max(begun ?? 0, lastStepAt ?? 0);
      const curve = await readCurve(folder, run.key);
      return { ...run, curve, lastStepAt, isRunning: since !== null && latest >= since && !run.isBroken };
    }),
  );
}

/** What a run is called beside others: `pissa at 2.00e-3, seed 0`. */
export function runName({ configurationName, learningRate, seed }: NamedRun): string {
  return `${configurationName} at ${formatRate(learningRate)}, seed ${seed}`;
}

/** About how many seconds the runs take that are left; null where none is done that could tell, or nothing runs. */
export function secondsLeft({ progress, runs }: Settled, underWay: readonly UnderWay[]): number | null {
  const running = underWay.filter(({ isRunning }) => isRunning);
  const times = runs.flatMap(({ seconds }) => seconds ?? []);
  const left = progress.planned - progress.done;
  if (running.length === 0 || times.length === 0 || left <= 0) return null;
  const each = times.reduce((sum, one) => sum + one, 0) / times.length;
  const spent = running.reduce((sum, { curve }) => sum + Math.min(each, curve.seconds ?? 0), 0);
  return Math.max(0, left * each - spent) / Math.min(left, running.length);
}

/** A run is said to be silent after so many of its steps' time, and at least so many seconds. */
const [silentSteps, silentSeconds] = [20, 120];

/** What went wrong in a study, a sentence for each run. */
export function failuresOf({ runs }: Settled, underWay: readonly UnderWay[], now: number): string[] {
  const diverged = runs.filter(({ result }) => result?.status === 'diverged');
  const broken = runs.filter(({ isBroken }) => isBroken);
  const interrupted = underWay.filter(({ isRunning, isBroken }) => !isRunning && !isBroken);
  const silent = underWay.filter((run) => run.isRunning && silence(run, now) !== null);
  return [
    ...diverged.map((run) => `${runName(run)} diverged${run.reason ? `: ${run.reason}` : ''}.`),
    ...broken.map((run) => `${runName(run)} has a result.json that cannot be read; the study makes this run again.`),
    ...interrupted.map(
      (run) => `${runName(run)} was interrupted after ${run.curve.stepsDone} of ${run.configuration.steps} steps.`,
    ),
    ...silent.map((run) => `${runName(run)} has made no step for ${clock(silence(run, now)!)}.`),
  ];
}

/** Seconds for which a run has been silent that is not at its end; null where that is usual. */
function silence({ curve, lastStepAt, configuration }: UnderWay, now: number): number | null {
  if (lastStepAt === null || curve.stepsDone === 0 || curve.stepsDone >= configuration.steps) return null;
  const seconds = (now - lastStepAt) / 1000;
  return seconds > Math.max(silentSeconds, (silentSteps * (curve.seconds ?? 0)) / curve.stepsDone) ? seconds : null;
}

/** The runs under way as a table; null where there is none. */
export function underWayTable(underWay: readonly UnderWay[], now: number): WordTable | null {
  const running = underWay.filter(({ isRunning }) => isRunning);
  if (running.length === 0) return null;
  return {
    header: ['Run', 'Steps done', 'Loss', 'Last step'],
    rows: running.map((run) => [
      runName(run),
      `${run.curve.stepsDone} of ${run.configuration.steps}`,
      run.curve.stepsDone === 0 ? missing : (run.curve.lastLoss?.toPrecision(4) ?? 'not finite'),
      run.lastStepAt === null ? missing : `${clock(Math.max(0, now - run.lastStepAt) / 1000)} ago`,
    ]),
    note: 'Loss: of the last step’s batch, before the step, in nats a token. After its last step a run is scored.',
  };
}

/** All runs that have begun, with what became of them; null where none has. */
export function runsTable({ plan, runs }: Settled, underWay: readonly UnderWay[]): WordTable | null {
  if (runs.length === 0) return null;
  const stateOf = (run: NamedRun): string =>
    run.result?.status ??
    (run.isBroken
      ? 'broken file'
      : underWay.some(({ key, isRunning }) => isRunning && key === run.key)
        ? 'running'
        : 'interrupted');
  const scoreWords = ({ result }: NamedRun): string => {
    const score = result && scoreOf(result, plan.score);
    if (score === null) return missing;
    return isShare(plan.score) ? `${(100 * score).toFixed(1)} %` : score.toPrecision(4);
  };
  const score = scoreLabels[plan.score];
  return {
    header: ['Configuration', 'Learning rate', 'Seed', 'State', score.charAt(0).toUpperCase() + score.slice(1), 'Time'],
    rows: runs.map((run) => [
      run.configurationName,
      formatRate(run.learningRate),
      String(run.seed),
      stateOf(run),
      scoreWords(run),
      run.seconds === null ? missing : clock(run.seconds),
    ]),
    note: `${isShare(plan.score) ? 'A share of problems' : 'A loss in nats a token'}, by which rates are compared. Time: of training and scoring together.`,
  };
}

/** Null for a file that is not there. */
function timeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => null,
  );
}
