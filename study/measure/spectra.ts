import { z } from 'zod';
import type { SpectrumResult } from '../../analysis/curvature/spectrum.ts';
import { canonicalJson, contentKey, isPlainObject } from '../../training/data/hash.ts';
import { Turns } from '../../workers/turns.ts';
import { adapterMethodOf, type Configuration } from '../configurations/configuration.ts';
import { readMeasurement, readMeasurements, writeMeasurement } from '../folder/measured.ts';
import type { StudySpectraOptions } from '../plan/measurements.ts';
import { codeOf, type StudyPlan } from '../plan/plan.ts';

/** Which spectrum of a study: of a configuration, the Hessian where training starts or the one that Adam sees a few steps later. */
export interface SpectrumChoice {
  readonly configuration: Configuration;
  readonly operator: 'hessian' | 'adam';
}

/** One spectrum, its price in gradients of one batch of the runs, and where training starts. */
export type StudySpectrum = SpectrumResult & {
  readonly gradientEvaluations: number;
  /** At the adapter's initial values each module has a factor that is wholly zero, as B is in LoRA. */
  readonly startsAtZeroB: boolean;
};

/** Measures one spectrum; it may tell the number of products so far. */
export type MeasureSpectrum = (
  choice: SpectrumChoice,
  options: StudySpectraOptions,
  onProducts?: (products: number) => void,
) => Promise<StudySpectrum>;

/** One spectrum of a study has begun, is done, or was found done. */
export interface StudySpectraProgress extends SpectrumChoice {
  /** It has begun, and is not done. */
  readonly isBegun: boolean;
  readonly done: number;
  readonly planned: number;
}

/** What measures, and who is told. */
export interface StudySpectraWork {
  /** Once it is aborted nothing begins any more. */
  readonly signal?: AbortSignal | undefined;
  readonly measure: MeasureSpectrum;
  /** How many spectra `measure` is asked for at once; default 1. */
  readonly atOnce?: number;
  readonly onProgress?: (progress: StudySpectraProgress) => void;
}

/** The spectra of a plan: two of each start, which configurations that differ in steps or schedule share. */
export function plannedSpectra(plan: StudyPlan): SpectrumChoice[] {
  const starts = new Map(plan.configurations.map((one) => [contentKey(startOf(plan, one)), one]));
  return [...starts.values()].flatMap((configuration) => [
    { configuration, operator: 'hessian' },
    { configuration, operator: 'adam' },
  ]);
}

/** Measures both ends of each of a plan's spectra. What lies in the study's folder already is not measured again. */
export async function studySpectra(
  plan: StudyPlan,
  folder: string,
  options: StudySpectraOptions,
  { measure, atOnce = 1, onProgress, signal }: StudySpectraWork,
): Promise<void> {
  const choices = plannedSpectra(plan);
  let done = 0;
  await new Turns(atOnce).all(
    choices.map((choice) => async () => {
      signal?.throwIfAborted();
      const stored = spectrumConfiguration(plan, choice, options);
      if ((await readMeasurement(folder, 'spectra', stored)) === null) {
        onProgress?.({ ...choice, done, planned: choices.length, isBegun: true });
        await writeMeasurement(folder, 'spectra', stored, await measure(choice, options));
      }
      onProgress?.({ ...choice, done: ++done, planned: choices.length, isBegun: false });
    }),
  );
}

const end = z.object({
  value: z.number().nullable(),
  residualBound: z.number().nullish(),
  standardError: z.number().nullish(),
});

/** The part of a stored spectrum that predictions and reports need. */
const storedSchema = z.looseObject({
  tokens: z.number(),
  batches: z.number(),
  products: z.number().nullish(),
  outcome: z.string().nullish(),
  lambdaMax: end,
  lambdaMin: end.nullish(),
  gradientNorm: z.number().nullish(),
  thresholds: z.record(z.string(), z.number().nullable()).nullish(),
  gradientEvaluations: z.number().nullish(),
  startsAtZeroB: z.boolean().nullish(),
  modules: z
    .array(z.looseObject({ name: z.string(), lambdaMax: z.number().nullable(), lambdaMin: z.number().nullable() }))
    .nullish(),
});

/** A spectrum as it is read from a study folder. */
export type StoredSpectrum = z.infer<typeof storedSchema>;

/** The spectra of a study folder, by configuration and operator; undefined for one that was not measured. */
export type SpectrumOf = (
  configuration: Configuration,
  operator: SpectrumChoice['operator'],
) => StoredSpectrum | undefined;

/**
 * Reads the spectra that were measured of a plan's configurations, with the code that they have now. Of several under different
 * options it is the one under those that were last asked for; of a study that does not say, the first by key.
 */
export async function readSpectra(folder: string, plan: StudyPlan): Promise<SpectrumOf> {
  const all = (await readMeasurements(folder, 'spectra')).flatMap(({ configuration, ...stored }) => {
    const measured = storedSchema.safeParse(stored);
    return measured.success && isPlainObject(configuration) ? [{ configuration, spectrum: measured.data }] : [];
  });
  return (configuration, operator) => {
    const wanted = {
      ...startOf(plan, configuration),
      operator,
      ...(plan.spectra && optionsOf(plan.spectra, operator)),
    };
    return all.find(({ configuration: own }) => hasAll(own, wanted))?.spectrum;
  };
}

/** Whether an object has these fields with these values; a field that is undefined is to be absent. */
function hasAll(own: Readonly<Record<string, unknown>>, wanted: object): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => canonicalJson(own[name] ?? null) === canonicalJson(value ?? null),
  );
}

/** All that a spectrum of a study follows from, and no path. */
function spectrumConfiguration(
  plan: StudyPlan,
  { configuration, operator }: SpectrumChoice,
  options: StudySpectraOptions,
): object {
  return { ...startOf(plan, configuration), operator, ...optionsOf(options, operator) };
}

/** The options that an operator's spectrum follows from. */
function optionsOf(
  { warmup, perModule, ...search }: StudySpectraOptions,
  operator: SpectrumChoice['operator'],
): object {
  return operator === 'adam' ? { ...search, warmup } : { ...search, ...(perModule && { perModule }) };
}

/** Where the training of a configuration starts, and how its rows are batched. */
function startOf(plan: StudyPlan, configuration: Configuration): object {
  const { modelHash, dataHash, precision, backend, seeds, initSeed } = plan;
  const { rank, alpha, targetModules, rankPattern, alphaPattern, batchSize, optimizer } = configuration;
  const seed = seeds[0]!;
  return {
    ...{ method: adapterMethodOf(configuration), rank, alpha, targetModules, rankPattern, alphaPattern },
    ...{ modelHash, dataHash, precision, backend },
    ...{ batchSize, optimizer, seed, initSeed: initSeed ?? seed },
    ...codeOf(plan, configuration),
  };
}
