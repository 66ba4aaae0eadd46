import { steadyKeptBytes } from '../../analysis/curvature/defaults.ts';
import { spectrum } from '../../analysis/curvature/spectrum.ts';
import { startsAtZeroB } from '../../training/adapters/zeroFactor.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { firstRows } from '../../training/data/split.ts';
import type { Model } from '../../training/model.ts';
import { warmUp } from '../../training/warmup.ts';
import type { StudySpectraOptions } from '../plan/measurements.ts';
import { runConfiguration, type StudyPlan } from '../plan/plan.ts';
import { startingAdapter } from './execute.ts';
import type { MeasureSpectrum, SpectrumChoice, StudySpectrum } from './spectra.ts';

/** A linearised product in gradients of the same batch: 1.1 to 1.4, as `npm run bench -- hvp` measures them. */
const productPrice = 1.4;

/** What a spectrum of so many rows costs, in gradients of a batch: what rounding does is seen by a second linearisation and two products. */
export function spectrumPrice(products: number, rows: number, batchSize: number): number {
  return (2 + productPrice * (products + 2)) * (rows / batchSize);
}

/** Measures the spectra of a plan in this process, on the rows that its runs train on. */
export function measureOn(model: Model, plan: StudyPlan, rows: readonly TokenRow[]): MeasureSpectrum {
  return (choice, options, onProducts) => measure(model, plan, rows, choice, options, onProducts);
}

async function measure(
  model: Model,
  plan: StudyPlan,
  rows: readonly TokenRow[],
  { configuration, operator }: SpectrumChoice,
  { tokens, tolerance, maxSteps, warmup, perModule = false }: StudySpectraOptions,
  onProducts: (products: number) => void = () => {},
): Promise<StudySpectrum> {
  const { batchSize, optimizer } = configuration;
  const seed = plan.seeds[0]!;
  const start = await startingAdapter(model, runConfiguration(plan, { configuration, learningRate: 0, seed }), rows);
  const { betas, eps } = optimizer;
  const warmed =
    operator === 'adam'
      ? await warmUp(model, start, rows, { ...warmup, batchSize, seed, adam: { betas, eps } })
      : { adapter: start };
  const measured = firstRows(rows, tokens);
  let soFar = 0;
  const found = await spectrum(model, warmed.adapter, measured, {
    // At least four batches, or there would be little to take a standard error over.
    batchSize: Math.min(batchSize, Math.ceil(measured.length / 4)),
    tolerance,
    maxSteps,
    seed,
    // A study comes to the same bytes on any machine.
    mostKeptBytes: steadyKeptBytes,
    beta1: betas[0],
    perModule: perModule && operator === 'hessian',
    onStep: ({ products }) => {
      soFar = products;
      onProducts(products);
    },
    // Modules come after the whole, each with products of its own: a sign that it goes on.
    onStage: () => onProducts(soFar),
    ...('preconditioner' in warmed ? { preconditioner: warmed.preconditioner } : {}),
  });
  const passes = spectrumPrice(found.products, measured.length, batchSize);
  const gradientEvaluations = passes + (operator === 'adam' ? warmup.steps : 0);
  return { ...found, gradientEvaluations, startsAtZeroB: startsAtZeroB(start) };
}
