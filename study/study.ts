import { join } from 'node:path';
import type { Prediction } from '../analysis/rates/prediction.ts';
import { predict } from '../analysis/rates/predictor.ts';
import { backendNamed } from '../compute/index.ts';
import { writeFileWhole, writeJson } from '../training/checkpoint/files.ts';
import type { Listener } from '../training/data/notices.ts';
import { loadModel, Model } from '../training/model.ts';
import { bundledModel } from '../training/package.ts';
import { aboutCurvature } from './aboutCurvature.ts';
import { configurationNames } from './configurations/names.ts';
import { readStudyFindings } from './findings.ts';
import { type OpenStudy, openStudy } from './folder/record.ts';
import { plannedPredictions, readPredicted, studyPredictors } from './measure/predictors.ts';
import { plannedSpectra, studySpectra } from './measure/spectra.ts';
import type { StudyOptions } from './options.ts';
import { usualPredictors, usualSpectra } from './plan/measurements.ts';
import { type PlannedStudy, planStudy } from './planStudy.ts';
import { reportOf } from './report.ts';
import { expectedRuns } from './sweep/progress.ts';
import type { RunProgress } from './sweep/runs.ts';
import { type SweepRecord, sweep } from './sweep/sweep.ts';
import type { StudyWork } from './work.ts';
import { openStudyWork } from './workers.ts';

/** A study has measured something, or has begun a run, taken a step of it, finished it, or found it done. */
export interface StudyEvent {
  readonly part: 'spectrum' | 'predictor' | 'run';
  /** The configuration's name, `pissa, rank 32`. */
  readonly configuration: string;
  /** The part has begun, or taken a step, and is not done. */
  readonly isBegun: boolean;
  /** The rate that a predictor said. */
  readonly rate?: number;
  /** Parts done so far, of all as far as can be told, with the runs that extending a grid usually adds. */
  readonly done: number;
  readonly planned: number;
  /** Which spectrum, or which predictor. */
  readonly what?: string;
  /** The run's rate, seed, step and result, where the part is a run. */
  readonly run?: RunProgress;
}

/** Who is told how a study goes, and what may end it. */
export interface StudyHandlers extends Partial<Listener> {
  readonly onProgress?: ((event: StudyEvent) => void) | undefined;
  /**
   * Ends the study: no part begins any more, and runs under way end at their next step. All that is done is kept, and the same
   * options go on from there.
   */
  readonly signal?: AbortSignal | undefined;
}

/** A study that came to its end. */
export interface StudyOutcome extends SweepRecord {
  readonly prediction: Prediction;
  /** The page that was written. */
  readonly report: string;
}

/**
 * A whole study: the curvature of each configuration where its training starts, other predictions of its best learning rate, a
 * sweep of learning rates, and prediction beside sweep. It leaves `study.json`, `results.csv`, `prediction.json`, `report.html` and a
 * folder for each run in the study's folder; what lies there already is not made again.
 * @throws LambdamaxError that names what is wrong with the options, the model or the data, or the run that failed; the signal's reason
 * once it is aborted.
 */
export async function runStudy(options: StudyOptions = {}, handlers: StudyHandlers = {}): Promise<StudyOutcome> {
  const { model: given = bundledModel(), precision, backend = 'onnx', threads } = options;
  if (given instanceof Model) return runOn(given, options, handlers);
  const settings = { ...(precision && { precision }), ...(threads !== undefined && { threads }) };
  await using model = await loadModel(given, { ...settings, backend: backendNamed(backend) });
  return await runOn(model, options, handlers);
}

async function runOn(model: Model, options: StudyOptions, handlers: StudyHandlers): Promise<StudyOutcome> {
  const { say = () => {}, warn = () => {} } = handlers;
  const { spectra = usualSpectra, predictors = usualPredictors } = options;
  const planned = await planStudy(model, { ...options, spectra, predictors }, { say, warn });
  await using work = await openStudyWork(model, planned, { ...options, onSilence: warn });
  const record = await carryOut(planned, work, handlers);
  return { ...record, ...(await conclude(record.folder)) };
}

/**
 * Measures and sweeps what a plan asks for. The study's folder is this process's alone meanwhile.
 * @throws LambdamaxError that names the run that failed, and the signal's reason once it is aborted.
 */
export async function carryOut(
  planned: PlannedStudy,
  work: StudyWork,
  handlers: StudyHandlers & { readonly onOpen?: (study: OpenStudy) => void } = {},
): Promise<SweepRecord> {
  const { signal, onProgress = () => {}, onOpen } = handlers;
  const release = () => void work.release();
  signal?.throwIfAborted();
  // Processes are ended at once: they hear of nothing between two steps.
  signal?.addEventListener('abort', release, { once: true });
  try {
    await using study = await openStudy(planned.folder, planned.plan);
    onOpen?.(study);
    return await measureAndSweep(planned, study, work, onProgress, signal);
  } catch (error) {
    // What an ended process throws says less than why it was ended.
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', release);
  }
}

async function measureAndSweep(
  { plan: { spectra, predictors } }: PlannedStudy,
  opened: OpenStudy,
  work: StudyWork,
  onProgress: (event: StudyEvent) => void,
  signal: AbortSignal | undefined,
): Promise<SweepRecord> {
  const { plan, folder } = opened;
  const names = configurationNames(plan.configurations);
  const nameOf = (configuration: (typeof plan.configurations)[number]): string =>
    names[plan.configurations.indexOf(configuration)]!;
  const { atOnce } = work;
  const counts = {
    spectra: spectra ? plannedSpectra(plan).length : 0,
    predictors: predictors ? plannedPredictions(plan, predictors).length : 0,
  };
  const before = counts.spectra + counts.predictors;
  const planned = before + plan.configurations.reduce((sum, one) => sum + expectedRuns(plan, one), 0);
  // They are quick, and the first numbers that there are.
  if (predictors)
    await studyPredictors(plan, folder, predictors, {
      ...{ ask: work.askPredictor, atOnce, signal },
      onProgress: ({ configuration, predictor, done, isBegun, rate }) =>
        onProgress({
          ...{ part: 'predictor', what: predictor, configuration: nameOf(configuration), isBegun },
          ...{ done, planned, ...(rate != null && { rate }) },
        }),
    });
  const study = plan.isAboutCurvature ? await withGrids(opened) : opened;
  if (spectra)
    await studySpectra(study.plan, folder, spectra, {
      ...{ measure: work.measureSpectrum, atOnce, signal },
      onProgress: ({ configuration, operator, done, isBegun }) =>
        onProgress({
          ...{ part: 'spectrum', what: operator, configuration: nameOf(configuration), isBegun },
          ...{ done: counts.predictors + done, planned },
        }),
    });
  return sweep(study.plan, {
    ...{ study, execute: work.trainRun, atOnce, signal },
    onProgress: (run) =>
      onProgress({
        ...{ part: 'run', configuration: nameOf(run.configuration), isBegun: run.result === null, run },
        ...{ done: before + run.done, planned: before + run.expected },
      }),
  });
}

/** The study with first rates about those that curvature recommends, which its folder keeps. */
async function withGrids(study: OpenStudy): Promise<OpenStudy> {
  const { folder, plan } = study;
  const whole = aboutCurvature(plan, await readPredicted(folder, plan));
  if (Object.keys(whole.grids ?? {}).length !== Object.keys(plan.grids ?? {}).length)
    await writeJson(join(folder, 'study.json'), whole);
  return { ...study, plan: whole };
}

/** Writes `prediction.json` and `report.html` of a finished sweep. */
export async function conclude(folder: string): Promise<{ prediction: Prediction; report: string }> {
  const prediction = predict((await readStudyFindings(folder)).sweep);
  await writeJson(join(folder, 'prediction.json'), prediction);
  const report = join(folder, 'report.html');
  await writeFileWhole(report, (await reportOf(folder)).page);
  return { prediction, report };
}
