import { type SpectrumResult, spectrum } from '../analysis/curvature/spectrum.ts';
import { startsAtZeroB } from '../training/adapters/zeroFactor.ts';
import type { TokenRow } from '../training/data/examples.ts';
import { contentKey } from '../training/data/hash.ts';
import { firstRows } from '../training/data/split.ts';
import type { Model } from '../training/model.ts';
import { warmUp } from '../training/warmup.ts';
import { startingAdapter } from './execute.ts';
import { codeOf, runConfiguration, type StudyPlan } from './plan.ts';
import { keepMeasurements, readMeasurement, writeMeasurement } from './record.ts';
import { Turns } from './turns.ts';

/** How the curvature of a study's methods is measured. */
export interface StudySpectraOptions {
  /** The Hessian is a mean over the first rows of the training data that together have so many scored tokens. */
  readonly tokens: number;
  readonly tolerance: number;
  readonly maxSteps: number;
  /** Steps of Adam before the preconditioned Hessian is measured, and their constant rate. */
  readonly warmup: { readonly steps: number; readonly learningRate: number };
}

/** Which spectrum of a study: of a method, the Hessian where training starts or the one that Adam sees a few steps later. */
export interface SpectrumChoice {
  readonly method: string;
  readonly operator: 'hessian' | 'adam';
}

/** One spectrum, its price in gradients of one batch of the runs, and where the method's training starts. */
export type StudySpectrum = SpectrumResult & {
  readonly gradientEvaluations: number;
  /** At the method's initial values each module has a factor that is wholly zero, as B is in LoRA. */
  readonly startsAtZeroB: boolean;
};

/** Measures one spectrum; it may tell the number of products so far. */
export type MeasureSpectrum = (
  choice: SpectrumChoice,
  options: StudySpectraOptions,
  onProducts?: (products: number) => void,
) => Promise<StudySpectrum>;

/** One spectrum of a study is done, or was found done. */
export interface StudySpectraProgress extends SpectrumChoice {
  readonly done: number;
  readonly planned: number;
}

/** What measures, and who is told. */
export interface StudySpectraWork {
  readonly measure: MeasureSpectrum;
  /** How many spectra `measure` is asked for at once; default 1. */
  readonly atOnce?: number;
  readonly onProgress?: (progress: StudySpectraProgress) => void;
}

/** A linearised product in gradients of the same batch: 1.1 to 1.4, as `npm run bench -- hvp` measures them. */
const productPrice = 1.4;

/** The spectra of a plan. */
export function plannedSpectra({ methods }: StudyPlan): SpectrumChoice[] {
  return methods.flatMap((method) => [
    { method, operator: 'hessian' },
    { method, operator: 'adam' },
  ]);
}

/**
 * Measures both ends of each of a plan's spectra. What lies in the study's folder already is not measured again; what was
 * measured under other options is removed, since a study has one spectrum of a kind.
 */
export async function studySpectra(
  plan: StudyPlan,
  folder: string,
  options: StudySpectraOptions,
  { measure, atOnce = 1, onProgress }: StudySpectraWork,
): Promise<void> {
  const choices = plannedSpectra(plan);
  let done = 0;
  const keyOf = async (choice: SpectrumChoice): Promise<string> => {
    const configuration = spectrumConfiguration(plan, choice, options);
    if ((await readMeasurement(folder, 'spectra', configuration)) === null)
      await writeMeasurement(folder, 'spectra', configuration, await measure(choice, options));
    onProgress?.({ ...choice, done: ++done, planned: choices.length });
    return contentKey(configuration);
  };
  const keys = await new Turns(atOnce).all(choices.map((choice) => () => keyOf(choice)));
  await keepMeasurements(folder, 'spectra', new Set(keys));
}

/** Measures the spectra of a plan in this process, on the rows that its runs train on. */
export function measureOn(model: Model, plan: StudyPlan, rows: readonly TokenRow[]): MeasureSpectrum {
  return (choice, options, onProducts) => measure(model, plan, rows, choice, options, onProducts);
}

async function measure(
  model: Model,
  plan: StudyPlan,
  rows: readonly TokenRow[],
  { method, operator }: SpectrumChoice,
  { tokens, tolerance, maxSteps, warmup }: StudySpectraOptions,
  onProducts: (products: number) => void = () => {},
): Promise<StudySpectrum> {
  const { training } = plan;
  const { batchSize } = training;
  const seed = plan.seeds[0]!;
  const start = await startingAdapter(model, runConfiguration(plan, { method, learningRate: 0, seed }), rows);
  const { betas, eps } = training.optimizer;
  const warmed =
    operator === 'adam'
      ? await warmUp(model, start, rows, { ...warmup, batchSize, seed, adam: { betas, eps } })
      : { adapter: start };
  const measured = firstRows(rows, tokens);
  const found = await spectrum(model, warmed.adapter, measured, {
    // At least four batches, or there would be little to take a standard error over.
    batchSize: Math.min(batchSize, Math.ceil(measured.length / 4)),
    tolerance,
    maxSteps,
    seed,
    beta1: betas[0],
    onStep: ({ products }) => onProducts(products),
    ...('preconditioner' in warmed ? { preconditioner: warmed.preconditioner } : {}),
  });
  // What rounding does is seen at both ends: a second linearisation, and a product each.
  const passes = (2 + productPrice * (found.products + 2)) * (measured.length / batchSize);
  const gradientEvaluations = passes + (operator === 'adam' ? warmup.steps : 0);
  return { ...found, gradientEvaluations, startsAtZeroB: startsAtZeroB(start) };
}

/** All that a spectrum of a study follows from, and no path. */
function spectrumConfiguration(
  plan: StudyPlan,
  { method, operator }: SpectrumChoice,
  options: StudySpectraOptions,
): object {
  const { rank, alpha, targetModules, modelHash, dataHash, precision, backend, training, seeds, initSeed } = plan;
  const { warmup, ...search } = options;
  const seed = seeds[0]!;
  return {
    ...{ method, rank, alpha, targetModules, modelHash, dataHash, precision, operator, ...search },
    ...{ batchSize: training.batchSize, optimizer: training.optimizer, seed, initSeed: initSeed ?? seed },
    ...codeOf(plan, method),
    ...(backend && { backend }),
    ...(operator === 'adam' ? { warmup } : {}),
  };
}
