import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lambdaMaxByMethod } from '../../analysis/figures/lambdaMaxByMethod.ts';
import type { Prediction } from '../../analysis/rates/prediction.ts';
import { predict } from '../../analysis/rates/predictor.ts';
import { answerOf } from '../../analysis/rates/verdict/answer.ts';
import { drawnFigures } from '../../analysis/report/drawnFigure.ts';
import type { SettledPictures } from '../../analysis/report/live/livePages.ts';
import { reportFigures } from '../../analysis/report/report.ts';
import { LambdamaxError } from '../../errors.ts';
import { configurationNames } from '../configurations/names.ts';
import { readStudyFindings, type StudyFindings } from '../findings.ts';
import { type BegunRun, begunRuns, inOrder, readStudy } from '../folder/record.ts';
import { runFolder, runKeysIn } from '../folder/runFolders.ts';
import type { StudyPlan } from '../plan/plan.ts';
import { reportInput, reportSpectra } from '../report.ts';
import { type StudyProgress, studyProgress } from '../sweep/progress.ts';

/** A run that has begun, with what it is called and what its result says beyond a score. */
export interface NamedRun extends BegunRun {
  /** `pissa at 2.00e-3, seed 0` is of the configuration `pissa`. */
  readonly configurationName: string;
  /** Seconds from its start to its end; null where it is not done, or nobody wrote them down. */
  readonly seconds: number | null;
  /** Why it diverged. */
  readonly reason: string | null;
  /** There is a `result.json` that nobody can read. */
  readonly isBroken: boolean;
}

/** What changes in a study's folder only when a run begins or ends, or a spectrum is found. */
export interface Settled {
  readonly plan: StudyPlan;
  readonly progress: StudyProgress;
  readonly runs: readonly NamedRun[];
}

/** What is drawn of it, which takes longer. */
export interface SettledDrawings {
  readonly answer: string | null;
  readonly pictures: SettledPictures;
  readonly spectra: number;
}

/**
 * Reads a study's folder, of which another process may be writing.
 * @throws LambdamaxError if its plan cannot be read.
 */
export async function readSettled(folder: string): Promise<Settled> {
  const { plan, runs: counted } = await readStudy(folder);
  const names = configurationNames(plan.configurations);
  const begun = inOrder(plan, await begunRuns(folder, plan));
  const runs = await Promise.all(
    begun.map(async (run) => ({
      ...run,
      configurationName: names[plan.configurations.indexOf(run.configuration)]!,
      ...(await readMore(folder, run)),
    })),
  );
  return { plan, progress: studyProgress(plan, counted), runs };
}

/** Draws the figures of a study as it is now. */
export async function drawSettled(folder: string): Promise<SettledDrawings> {
  const findings = await readStudyFindings(folder);
  const spectra = reportSpectra(findings.spectra);
  const prediction = predictionOf(findings);
  const {
    'sweep-curve': sweepCurve,
    'lambda-max': lambdaMax = spectra.length > 0 ? lambdaMaxByMethod(spectra) : undefined,
    'learning-curves': learningCurves,
  } = prediction === null ? {} : reportFigures(await reportInput(findings, prediction));
  const figures = {
    ...(sweepCurve && { 'sweep-curve': sweepCurve }),
    ...(lambdaMax && { 'lambda-max': lambdaMax }),
    ...(learningCurves && { 'learning-curves': learningCurves }),
  };
  return {
    answer: prediction && answerOf(prediction),
    pictures: drawnFigures(figures),
    spectra: spectra.length,
  };
}

/** Null as long as no run has a score: nothing can be said then. */
function predictionOf({ sweep }: StudyFindings): Prediction | null {
  try {
    return predict(sweep);
  } catch (error) {
    if (error instanceof LambdamaxError) return null;
    throw error;
  }
}

async function readMore(folder: string, { key, result }: BegunRun) {
  const text = await readFile(join(runFolder(folder, key), 'result.json'), 'utf8').catch(() => null);
  // The schema of a result keeps what it does not know.
  const { seconds, reason } = (result ?? {}) as { seconds?: unknown; reason?: unknown };
  return {
    seconds: typeof seconds === 'number' ? seconds : null,
    reason: typeof reason === 'string' ? reason : null,
    isBroken: result === null && text !== null,
  };
}

/** Keeps what was made of a folder until a file in it is made or replaced. */
export function rememberedBy<Made>(make: (folder: string) => Promise<Made>): (folder: string) => Promise<Made> {
  const kept = new Map<string, { readonly at: string; readonly made: Promise<Made> }>();
  return async (folder) => {
    const { at, isSettled } = await stateOf(folder);
    const known = kept.get(folder);
    if (known?.at === at) return known.made;
    const made = make(folder);
    // What was written a moment ago may be written again within one tick of the clock.
    if (isSettled) kept.set(folder, { at, made });
    else kept.delete(folder);
    made.catch(() => kept.delete(folder));
    return made;
  };
}

/** Milliseconds after which a change of a folder is told from the one before. */
const tick = 1000;

/** When each folder of a study last changed: files are written beside and renamed, which changes the folder that they lie in. */
async function stateOf(folder: string): Promise<{ at: string; isSettled: boolean }> {
  const keys = await runKeysIn(folder);
  const folders = [
    ...['', 'runs', 'spectra', 'predictors'].map((name) => join(folder, name)),
    ...keys.map((key) => runFolder(folder, key)),
  ];
  const times = await Promise.all(
    folders.map((path) =>
      stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return { at: `${keys.join()} ${times.join()}`, isSettled: Date.now() - Math.max(...times) > tick };
}
