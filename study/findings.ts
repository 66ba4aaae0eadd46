import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { limitOf } from '../analysis/rates/limits.ts';
import type { Prediction } from '../analysis/rates/prediction.ts';
import type { StabilityLimit, Sweep, SweepConfiguration } from '../analysis/rates/sweep.ts';
import type { ReportInput, ReportSpectrum } from '../analysis/report/reportInput.ts';
import { canonicalJson } from '../training/data/hash.ts';
import { directionOf } from './methodRuns.ts';
import {
  codeOf,
  configurationName,
  isShare,
  type OptimizerConfiguration,
  type ScoreMeasure,
  type StudyPlan,
} from './plan.ts';
import { studyProgress } from './progress.ts';
import { intervalOf, type MeasurementKind, readMeasurements, readStudy, type StudyRecord, scoreOf } from './record.ts';

const end = z.object({
  value: z.number().nullable(),
  residualBound: z.number().nullish(),
  standardError: z.number().nullish(),
});

/** The part of `spectrum`'s JSON object that predictions and reports need. */
const spectrumSchema = z.looseObject({
  operator: z.string(),
  method: z.string(),
  tokens: z.number(),
  batches: z.number(),
  products: z.number().nullish(),
  outcome: z.string().nullish(),
  lambdaMax: end,
  lambdaMin: end.nullish(),
  thresholds: z.record(z.string(), z.number().nullable()).nullish(),
  gradientEvaluations: z.number().nullish(),
  startsAtZeroB: z.boolean().nullish(),
});

/** What a predictor said of one method. */
const predictedSchema = z.looseObject({
  method: z.string(),
  rates: z.record(z.string(), z.number().nullable()),
  gradientEvaluations: z.number(),
});

/** The code that a measurement was made with, as its configuration says. */
const codeSchema = z.object({ resultsVersion: z.number().optional(), methodContent: z.string().optional() });

type Predicted = z.infer<typeof predictedSchema>;

type StoredSpectrum = z.infer<typeof spectrumSchema>;

/** A study folder as the analysis sees it. */
export interface StudyFindings {
  readonly plan: StudyPlan;
  readonly sweep: Sweep;
  readonly spectra: readonly ReportSpectrum[];
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

/**
 * Reads the finished runs and the spectra of a study folder. A spectrum counts for all runs of its method; of several of one
 * operator the first, by key.
 * @throws LambdamaxError if there is no study in the folder.
 */
export async function readStudyFindings(folder: string): Promise<StudyFindings> {
  const record = await readStudy(folder);
  const spectra = await sound(record, 'spectra', spectrumSchema);
  const predicted = await sound(record, 'predictors', predictedSchema);
  return {
    plan: record.plan,
    sweep: sweepOf(record, spectra, predicted),
    spectra: reportSpectra(record.plan, spectra),
  };
}

/** The measurements of a kind, without broken ones, and without those of a method's file as it was before an edit. */
async function sound<T extends { readonly method: string }>(
  { folder, plan }: StudyRecord,
  kind: MeasurementKind,
  schema: z.ZodType<T>,
): Promise<T[]> {
  return (await readMeasurements(folder, kind)).flatMap((stored) => {
    const measured = schema.safeParse(stored);
    const code = codeSchema.safeParse(stored.configuration);
    if (!measured.success || !code.success) return [];
    return canonicalJson(code.data) === canonicalJson(codeOf(plan, measured.data.method)) ? [measured.data] : [];
  });
}

/** What the report of a study says, all but its prediction. */
export function reportInput({ plan, sweep, spectra }: StudyFindings, prediction: Prediction): ReportInput {
  const { training } = plan;
  const { optimizer } = training;
  return {
    title: `Learning rates and curvature of ${plan.methods.join(', ')}`,
    command: plan.createdFrom,
    plan: {
      model: plan.model,
      data: plan.data.join(', '),
      ...(plan.validation.length > 0 && { validation: plan.validation.join(', ') }),
      ...(plan.task && { task: taskWords(plan.task) }),
      methods: plan.methods.join(', '),
      adapter: `rank ${plan.rank}, alpha ${plan.alpha}, on ${plan.targetModules}`,
      training: `${training.steps} steps of ${training.batchSize} rows, at most ${training.maxLength} tokens a row`,
      optimizer: optimizerWords(optimizer),
      schedule: `${training.schedule}, ${training.warmupSteps} steps of warm-up`,
      'first grid': plan.grid.join(', '),
      seeds: seedWords(plan),
      score: scoreLabels[plan.score],
      precision: plan.precision,
      ...(plan.backend && { backend: plan.backend }),
    },
    sweep,
    prediction,
    spectra,
    versions: plan.versions,
  };
}

/** What the number by which runs are compared is called, in tables, on axes and in sentences. */
const scoreLabels: Readonly<Record<ScoreMeasure, string>> = {
  accuracy: 'accuracy',
  exactMatch: 'exact match',
  validationLoss: 'validation loss',
  finalLoss: 'training loss',
};

function sweepOf(
  { plan, runs }: StudyRecord,
  spectra: readonly StoredSpectrum[],
  predicted: readonly Predicted[],
): Sweep {
  const ofShares = isShare(plan.score);
  const configurations = new Map<string, SweepConfiguration>();
  for (const { configuration } of runs) {
    const name = configurationName(configuration);
    const { method } = configuration;
    const hessian = spectrumOf(spectra, method, 'hessian');
    const adam = spectrumOf(spectra, method, 'adam');
    const lambdaMax = hessian?.lambdaMax.value ?? undefined;
    const own = predicted.filter((one) => one.method === method);
    configurations.set(name, {
      configuration: name,
      method,
      // A curvature that is zero or negative predicts no rate.
      ...(lambdaMax !== undefined && lambdaMax > 0 && { lambdaMax }),
      ...(hessian?.startsAtZeroB != null && { startsAtZeroB: hessian.startsAtZeroB }),
      limit: stabilityLimit(plan.training.optimizer, lambdaMax, adam?.lambdaMax.value),
      predictedRates: known([
        ['adam-threshold', adam?.thresholds?.adam],
        ...own.flatMap(({ rates }) => Object.entries(rates)),
      ]),
      prices: known([
        ['lambda-max', hessian?.gradientEvaluations],
        ['adam-threshold', adam?.gradientEvaluations],
        ...own.flatMap(({ rates, gradientEvaluations }) =>
          Object.keys(rates).map((rate): [string, number] => [rate, gradientEvaluations]),
        ),
      ]),
    });
  }
  return {
    runs: runs.map(({ configuration, result }) => ({
      configuration: configurationName(configuration),
      method: configuration.method,
      learningRate: configuration.learningRate,
      seed: configuration.seed,
      score: scoreOf(result, plan.score),
      status: result.status,
      ...(ofShares && { interval: intervalOf(result, plan.score), loss: result.validationLoss ?? null }),
    })),
    scoreDirection: directionOf(plan.score),
    isShare: ofShares,
    configurations: [...configurations.values()],
    progress: studyProgress(plan, runs),
    context: {
      steps: plan.training.steps,
      model: plan.model,
      data: plan.data.join(', '),
      batchSize: plan.training.batchSize,
      optimizer: plan.training.optimizer.name,
      score: scoreLabels[plan.score],
    },
  };
}

/** The limit of the optimizer in use at these eigenvalues, each as far as it was measured. */
function stabilityLimit(
  optimizer: OptimizerConfiguration,
  hessian: number | null | undefined,
  preconditioned: number | null | undefined,
): StabilityLimit | null {
  const curvature = { lambdaMax: hessian ?? Number.NaN, preconditionedLambdaMax: preconditioned ?? Number.NaN };
  const limit = limitOf(optimizer, curvature);
  return limit && { optimizer: optimizer.name, learningRate: limit.learningRate, formula: limit.formula };
}

/** The entries that have a value. */
function known(entries: readonly (readonly [name: string, value: number | null | undefined])[]) {
  return Object.fromEntries(entries.flatMap(([name, value]) => (value == null ? [] : [[name, value]])));
}

function reportSpectra(plan: StudyPlan, spectra: readonly StoredSpectrum[]): ReportSpectrum[] {
  return plan.methods.flatMap((method): ReportSpectrum[] => {
    const spectrum = spectrumOf(spectra, method, 'hessian');
    if (spectrum === undefined) return [];
    const { tokens, batches, products, outcome, thresholds, lambdaMin } = spectrum;
    const lambdaMax = endOf(spectrum.lambdaMax);
    if (lambdaMax === null) return [];
    return [
      {
        configuration: method,
        method,
        lambdaMax,
        lambdaMin: lambdaMin == null ? null : endOf(lambdaMin),
        tokens,
        batches,
        ...(thresholds != null && { thresholds }),
        ...(products != null && { products }),
        ...(outcome != null && { outcome }),
      },
    ];
  });
}

function endOf({ value, residualBound, standardError }: z.infer<typeof end>): ReportSpectrum['lambdaMin'] {
  return value === null ? null : { value, residualBound: residualBound ?? 0, standardError: standardError ?? null };
}

function spectrumOf(spectra: readonly StoredSpectrum[], method: string, operator: string): StoredSpectrum | undefined {
  return spectra.find((spectrum) => spectrum.method === method && spectrum.operator === operator);
}

function taskWords({ name, exactOnly, maxNewTokens }: NonNullable<StudyPlan['task']>): string {
  const way = exactOnly
    ? 'nothing is generated; an exact match is a response that greedy decoding would write word for word'
    : `greedy responses of at most ${maxNewTokens} tokens are judged as the task’s authors do`;
  return `${name}: ${way}`;
}

function optimizerWords({ name, betas, eps, weightDecay, momentum }: StudyPlan['training']['optimizer']): string {
  const settings = name === 'sgd' ? `momentum ${momentum}` : `betas ${betas.join(' and ')}, eps ${eps}`;
  return `${name}, ${settings}, weight decay ${weightDecay}`;
}

function seedWords({ seeds, seedsNearBest }: StudyPlan): string {
  if (seeds.length === 1 || seedsNearBest === null) return seeds.join(', ');
  return `${seeds[0]}; ${seeds.slice(1).join(', ')} at the best rate and ${seedsNearBest} on either side`;
}
