import { steadyKeptBytes } from '../../analysis/curvature/defaults.ts';
import { spectrum } from '../../analysis/curvature/spectrum.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { Model } from '../../training/model.ts';
import { adamDefaults } from '../../training/optimizers/adamw.ts';
import { warmUp } from '../../training/warmup.ts';
import { usualSpectra } from '../plan/measurements.ts';

/** How sharp the loss is where training starts. */
export interface StartCurvature {
  /** lambda_max of the Hessian. */
  readonly lambdaMax: number;
  /** lambda_max of P^-1/2 H P^-1/2 after a few steps of Adam. */
  readonly preconditioned: number;
  /** Largest stable rates of gradient descent and of Adam; null where curvature allows any. */
  readonly limits: { readonly sgd: number | null; readonly adamw: number | null };
}

/** Where curvature is measured. */
export interface StartCurvatureOptions {
  /** Rows that the Hessian is a mean over. */
  readonly measured: readonly TokenRow[];
  /** Rows that Adam's first steps take. */
  readonly rows: readonly TokenRow[];
  readonly batchSize: number;
  readonly seed: number;
  /** The parameters are so many times smaller than usual: Adam's rate goes down with them, and its eps up. Default 1. */
  readonly smaller?: number;
}

/** The settings of Adam's first steps where parameters are so many times smaller. */
export function scaledWarmup(smaller: number) {
  const { steps, learningRate } = usualSpectra.warmup;
  return { warmup: { steps, learningRate: learningRate / smaller }, adam: { eps: smaller * adamDefaults.eps } };
}

/** Measures how sharp the loss is at an adapter's initial values, and as Adam sees it a few steps later. */
export async function startCurvature(
  model: Model,
  adapter: Adapter,
  { measured, rows, batchSize, seed, smaller = 1 }: StartCurvatureOptions,
): Promise<StartCurvature> {
  const { tolerance, maxSteps } = usualSpectra;
  const search = { batchSize, tolerance, maxSteps, seed, mostKeptBytes: steadyKeptBytes };
  const plain = await spectrum(model, adapter, measured, search);
  const { warmup, adam } = scaledWarmup(smaller);
  const warmed = await warmUp(model, adapter, rows, { ...warmup, batchSize, seed, adam });
  const { preconditioner } = warmed;
  const asAdam = await spectrum(model, warmed.adapter, measured, { ...search, preconditioner });
  return {
    lambdaMax: plain.lambdaMax.value,
    preconditioned: asAdam.lambdaMax.value,
    limits: { sgd: plain.thresholds.gradientDescent, adamw: asAdam.thresholds.adam },
  };
}
