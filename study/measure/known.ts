import { limitOf } from '../../analysis/rates/limits.ts';
import type { StabilityLimit, SweepConfiguration } from '../../analysis/rates/sweep.ts';
import type { Configuration, OptimizerConfiguration } from '../configurations/configuration.ts';
import type { StudyPlan } from '../plan/plan.ts';
import { type PredictedOf, readPredicted } from './predictors.ts';
import { readSpectra, type SpectrumOf } from './spectra.ts';

/** What was found out about a configuration besides its runs. */
export interface KnownConfiguration
  extends Required<Pick<SweepConfiguration, 'limit' | 'predictedRates' | 'prices'>>,
    Pick<SweepConfiguration, 'startsAtZeroB'> {
  /** Largest eigenvalue of the Hessian where training starts; null: not measured. */
  readonly lambdaMax: number | null;
  /** Largest eigenvalue of the Hessian as Adam sees it. */
  readonly lambdaPre: number | null;
  readonly gradientNorm: number | null;
}

/** What is known of each configuration of a study. */
export type KnownOf = (configuration: Configuration) => KnownConfiguration;

/** Brings together what spectra and predictors say of a configuration. */
export function knownOf(spectrumOf: SpectrumOf, predictedOf: PredictedOf): KnownOf {
  return (configuration) => {
    const hessian = spectrumOf(configuration, 'hessian');
    const adam = spectrumOf(configuration, 'adam');
    const lambdaMax = hessian?.lambdaMax.value ?? null;
    const predicted = predictedOf(configuration);
    return {
      lambdaMax,
      lambdaPre: adam?.lambdaMax.value ?? null,
      gradientNorm: hessian?.gradientNorm ?? null,
      ...(hessian?.startsAtZeroB != null && { startsAtZeroB: hessian.startsAtZeroB }),
      limit: stabilityLimit(configuration.optimizer, lambdaMax, adam?.lambdaMax.value),
      predictedRates: given([
        ['adam-threshold', adam?.thresholds?.adam],
        ...predicted.flatMap(({ rates }) => Object.entries(rates)),
      ]),
      prices: given([
        ['lambda-max', hessian?.gradientEvaluations],
        ['adam-threshold', adam?.gradientEvaluations],
        ...predicted.flatMap(({ rates, gradientEvaluations }) =>
          Object.keys(rates).map((rate): [string, number] => [rate, gradientEvaluations]),
        ),
      ]),
    };
  };
}

/** Reads what is known of a plan's configurations from a study folder. */
export async function readKnown(folder: string, plan: StudyPlan): Promise<KnownOf> {
  return knownOf(await readSpectra(folder, plan), await readPredicted(folder, plan));
}

/** The limit of the optimizer in use at these eigenvalues, each as far as it was measured. */
function stabilityLimit(
  optimizer: OptimizerConfiguration,
  hessian: number | null,
  preconditioned: number | null | undefined,
): StabilityLimit | null {
  const curvature = { lambdaMax: hessian ?? Number.NaN, preconditionedLambdaMax: preconditioned ?? Number.NaN };
  const limit = limitOf(optimizer, curvature);
  return limit && { optimizer: optimizer.name, learningRate: limit.learningRate, formula: limit.formula };
}

/** The entries that have a value. */
function given(entries: readonly (readonly [name: string, value: number | null | undefined])[]) {
  return Object.fromEntries(entries.flatMap(([name, value]) => (value == null ? [] : [[name, value]])));
}
