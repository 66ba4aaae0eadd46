import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Prediction } from '../analysis/rates/prediction.ts';
import { predict } from '../analysis/rates/predictor.ts';
import type { Sweep } from '../analysis/rates/sweep.ts';
import { renderReport } from '../analysis/report/report.ts';
import type { ReportInput, ReportSpectrum } from '../analysis/report/reportInput.ts';
import { renderTasksReport } from '../analysis/report/tasksReport.ts';
import { settingsTaken } from '../training/optimizers/index.ts';
import { packageVersion } from '../training/package.ts';
import { axes, axisNames } from './configurations/axes.ts';
import type { Configuration, OptimizerConfiguration } from './configurations/configuration.ts';
import { columnName, methodLabels } from './configurations/names.ts';
import { type FoundSpectrum, readStudyFindings, type StudyFindings } from './findings.ts';
import type { StoredSpectrum } from './measure/spectra.ts';
import { methodsOf, type StudyPlan } from './plan/plan.ts';
import type { TaskConfiguration } from './plan/run.ts';
import { scoreLabels } from './plan/score.ts';

/** The page of a study, or of several, and what it says. */
export interface StudyReport {
  /** One self-contained HTML document. */
  readonly page: string;
  readonly runs: number;
  readonly runsDone: number;
  readonly runsPlanned: number;
  /** One paragraph for each study that the page judges by itself. */
  readonly verdicts: readonly string[];
}

/**
 * Reads study folders and writes their report: one folder as one study or, where it holds a study for each of several tasks, these
 * one after the other; several folders as one sweep, whose page says in what they differ.
 * @throws LambdamaxError if there is no study in a folder, no finished run, or if studies cannot be compared.
 */
export async function reportOf(...folders: readonly string[]): Promise<StudyReport> {
  const inner = (await Promise.all(folders.map(studyFolders))).flat();
  const apart = folders.length === 1 ? inner.map((folder) => [folder]) : [inner];
  const reports = await Promise.all(
    apart.map(async (together) => {
      const findings = await readStudyFindings(...together);
      const task = findings.plans[0]!.task?.name ?? basename(together[0]!);
      return { task, report: await reportInput(findings, predict(findings.sweep)) };
    }),
  );
  const [first, ...others] = reports;
  const sum = (numberOf: (report: ReportInput) => number | null): number =>
    reports.reduce((total, { report }) => total + (numberOf(report) ?? 0), 0);
  return {
    page: others.length === 0 ? renderReport(first!.report) : renderTasksReport(reports),
    runs: sum(({ sweep }) => sweep.runs.length),
    runsDone: sum(({ prediction }) => prediction.runsDone),
    runsPlanned: sum(({ prediction }) => prediction.runsPlanned),
    verdicts: reports.map(({ report }) => report.prediction.verdict),
  };
}

/** The report of a table of runs, as `readSweepCsv` reads it; `command` is what its page names to make it again. */
export function reportOfTable(sweep: Sweep, file: string, command: string): StudyReport {
  const prediction = predict(sweep);
  const { steps, model, data, batchSize, optimizer, score } = sweep.context ?? {};
  const known = { table: basename(file), model, data, optimizer, steps, 'batch sizes': batchSize, score };
  const plan = Object.entries(known).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  const page = renderReport({
    title: `Learning rates of ${[...new Set(sweep.configurations.map(({ method }) => method))].join(', ')}`,
    ...{ command, plan: Object.fromEntries(plan), sweep, prediction, spectra: [] },
    versions: { lambdamax: packageVersion(), node: process.versions.node },
  });
  const { runsDone, runsPlanned, verdict } = prediction;
  const runs = sweep.runs.length;
  return { page, runs, runsDone: runsDone ?? runs, runsPlanned: runsPlanned ?? runs, verdicts: [verdict] };
}

/**
 * The study folders in a folder: itself, or where it holds one study for each of several tasks these, by name. Of a folder
 * without any it is itself, for whoever reads it to say what is missing.
 */
export async function studyFolders(folder: string): Promise<string[]> {
  const holdsStudy = (path: string): boolean => existsSync(join(path, 'study.json'));
  if (holdsStudy(folder)) return [folder];
  const names = await readdir(folder).catch((): string[] => []);
  const inner = names
    .sort()
    .map((name) => join(folder, name))
    .filter(holdsStudy);
  return inner.length > 0 ? inner : [folder];
}

/** What the report of a study, or of several, says: all but its prediction is read from the findings. */
export async function reportInput(
  { plans, sweep, spectra, readCurves, differences }: StudyFindings,
  prediction: Prediction,
): Promise<ReportInput> {
  const methods = methodLabels(plans.flatMap(methodsOf)).values();
  const [{ createdFrom, versions }] = plans as [StudyPlan];
  return {
    title: `Learning rates and curvature of ${[...methods].join(', ')}`,
    command: createdFrom,
    plan: { ...planWords(plans), ...(differences.length > 0 && { differences: differences.join(' ') }) },
    sweep,
    prediction,
    spectra: reportSpectra(spectra),
    curves: await readCurves(),
    versions,
  };
}

/** The plans of some studies in words: what they have in common once, what differs with semicolons between. */
function planWords(plans: readonly StudyPlan[]): Record<string, string> {
  const configurations = plans.flatMap((plan) => plan.configurations);
  const each = <T>(values: readonly T[], words: (value: T) => string): string =>
    [...new Set(values.map(words).filter((text) => text !== ''))].join('; ');
  const settings = axisNames.map((name) => [
    columnName(axes[name].list).replaceAll('_', ' '),
    each(configurations, (one) => String(name === 'optimizer' ? optimizerWords(one.optimizer) : one[name])),
  ]);
  const all: Record<string, string> = {
    model: each(plans, ({ model }) => model),
    data: each(plans, ({ data }) => data.join(', ')),
    validation: each(plans, ({ validation }) => validation.join(', ')),
    task: each(plans, ({ task }) => (task === undefined ? '' : taskWords(task))),
    ...Object.fromEntries(settings),
    'patterns of rank and alpha': each(configurations, patternWords),
    'tokens a row, at most': each(configurations, ({ maxLength }) => String(maxLength)),
    'warm-up, in steps': each(configurations, ({ warmupSteps }) => String(warmupSteps)),
    'gradients clipped at': each(configurations, ({ maxGradNorm }) =>
      maxGradNorm === null ? '' : String(maxGradNorm),
    ),
    'first grid': each(plans, ({ grid, isAboutCurvature }) =>
      isAboutCurvature ? 'about the rate that curvature recommends' : grid.join(', '),
    ),
    seeds: each(plans, seedWords),
    score: each(plans, ({ score }) => scoreLabels[score]),
    precision: each(plans, ({ precision }) => precision),
    backend: each(plans, ({ backend = '' }) => backend),
  };
  return Object.fromEntries(Object.entries(all).filter(([, words]) => words !== ''));
}

/** Spectra as a report shows them; one without a finite top is left out. */
export function reportSpectra(spectra: readonly FoundSpectrum[]): ReportSpectrum[] {
  return spectra.flatMap(reportSpectrum);
}

function reportSpectrum({ configuration, method, spectrum }: FoundSpectrum): ReportSpectrum[] {
  const { tokens, batches, products, outcome, thresholds, lambdaMin, modules } = spectrum;
  const lambdaMax = endOf(spectrum.lambdaMax);
  if (lambdaMax === null) return [];
  return [
    {
      ...{ configuration, method, lambdaMax, lambdaMin: lambdaMin == null ? null : endOf(lambdaMin), tokens, batches },
      ...(thresholds != null && { thresholds }),
      ...(products != null && { products }),
      ...(outcome != null && { outcome }),
      ...(modules != null && { modules: modules.flatMap(moduleEnds) }),
    },
  ];
}

/** A module's block, as far as both ends are finite. */
function moduleEnds({ name, lambdaMax, lambdaMin }: NonNullable<StoredSpectrum['modules']>[number]) {
  return lambdaMax === null || lambdaMin === null ? [] : [{ name, lambdaMax, lambdaMin }];
}

function endOf({ value, residualBound, standardError }: StoredSpectrum['lambdaMax']): ReportSpectrum['lambdaMin'] {
  return value === null ? null : { value, residualBound: residualBound ?? 0, standardError: standardError ?? null };
}

function taskWords({ name, exactOnly, maxNewTokens }: TaskConfiguration): string {
  const way = exactOnly
    ? 'nothing is generated; an exact match is a response that greedy decoding would write word for word'
    : `greedy responses of at most ${maxNewTokens} tokens are judged as the task’s authors do`;
  return `${name}: ${way}`;
}

function optimizerWords({ name, betas, eps, weightDecay, momentum }: OptimizerConfiguration): string {
  const words = {
    ...{ betas: `betas ${betas.join(' and ')}`, eps: `eps ${eps}` },
    ...{ momentum: `momentum ${momentum}`, weightDecay: `weight decay ${weightDecay}` },
  };
  return [name, ...settingsTaken(name).map((setting) => words[setting])].join(', ');
}

function patternWords({ rankPattern, alphaPattern }: Configuration): string {
  return rankPattern || alphaPattern ? JSON.stringify({ rankPattern, alphaPattern }) : '';
}

function seedWords({ seeds, seedsNearBest }: StudyPlan): string {
  if (seeds.length === 1 || seedsNearBest === null) return seeds.join(', ');
  return `${seeds[0]}; ${seeds.slice(1).join(', ')} at the best rate and ${seedsNearBest} on either side`;
}
