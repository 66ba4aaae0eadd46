import { followTop } from '../../numerics/krylov/followTop.ts';
import type { LanczosOptions } from '../../numerics/krylov/lanczos.ts';
import type { SymmetricOperator } from '../../numerics/krylov/operator.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { firstRows } from '../../training/data/split.ts';
import type { FinetuneOptions, TrainingPoint } from '../../training/finetune/finetune.ts';
import type { Model } from '../../training/model.ts';
import type { StepRule } from '../../training/optimizers/optimizer.ts';
import { stabilityFactor } from '../rates/thresholds.ts';
import { type AdapterCurvatureOptions, adapterCurvature } from './adapterCurvature.ts';
import { sharpnessDefaults, steadyKeptBytes } from './defaults.ts';
import { asStepsSee } from './operators/asStepsSee.ts';

/** On what sharpness is measured, and how well. */
export interface SharpnessOptions
  extends Pick<AdapterCurvatureOptions, 'batchSize' | 'mostKeptBytes'>,
    Pick<LanczosOptions, 'maxSteps' | 'seed'> {
  /** The first rows that together have so many scored tokens, the same at every step. Default 1,000. */
  readonly tokens?: number;
  /** Relative error, which searches after the first keep by their residuals (see `followTop`). Default 1e-2. */
  readonly tolerance?: number;
  /** Told how many products each measurement took. */
  readonly onProducts?: (products: number) => void;
}

/**
 * What `finetune` takes as `measureSharpness`: lambda_max of the Hessian at a point of a run, lambda_max of what the optimizer's
 * steps see of it (see `asStepsSee`), and the threshold of the latter at the rate in use. Progressive sharpening is the rise
 * of these towards the threshold, the edge of stability their staying about there: Cohen et al. 2021, arXiv 2103.00065, and for
 * Adam 2022, arXiv 2207.14484.
 *
 * Each search begins with the eigenvectors that the one before it ended with, and takes fewer products than the first.
 * They are a part of the run's state, so that a resumed run measures the same.
 */
export function sharpnessAlongTraining(
  model: Model,
  rows: readonly TokenRow[],
  options: SharpnessOptions,
): NonNullable<FinetuneOptions['measureSharpness']> {
  const {
    tokens = sharpnessDefaults.tokens,
    tolerance = sharpnessDefaults.tolerance,
    maxSteps = sharpnessDefaults.maxSteps,
    seed = 0,
    ...sizes
  } = options;
  const measured = firstRows(rows, tokens);
  const top = async (
    { rerounded: _, ...operator }: SymmetricOperator,
    what: string,
    { kept, step }: TrainingPoint,
  ): Promise<number | null> => {
    const name = (index: number): string => `${what} ${index}`;
    const before = [name(0), name(1)].flatMap((key) => kept.get(key) ?? []);
    // Nobody sees the bounds: no product is spent on what rounding does to them.
    const found = await followTop(operator, before, { tolerance, maxSteps, seed: `${seed} ${step}` });
    // A point where curvature is no number is not one to go on from.
    for (const key of [name(0), name(1)]) kept.delete(key);
    for (const [index, vector] of found.outcome === 'notFinite' ? [] : found.vectors.entries())
      kept.set(name(index), vector);
    options.onProducts?.(found.products);
    return found.value;
  };
  // The same whatever memory is free: a run that goes on elsewhere measures the same.
  const { mostKeptBytes = steadyKeptBytes, batchSize } = sizes;
  return async (point) => {
    const { adapter, learningRate, rule } = point;
    await using curvature = await adapterCurvature(model, adapter, measured, { batchSize, mostKeptBytes });
    const hessian = await top(curvature, 'hessian', point);
    if (rule === undefined) return { hessian, effective: null, threshold: null, limit: null };
    const effective = seesPlainly(rule) ? hessian : await top(asStepsSee(curvature, rule), 'effective', point);
    const factor = stabilityFactor(rule);
    return {
      hessian,
      effective,
      threshold: learningRate > 0 ? factor / learningRate : null,
      limit: effective !== null && effective > 0 ? factor / effective : null,
    };
  };
}

/** Whether the steps see the Hessian itself. */
function seesPlainly({ scale, penalty, decay }: StepRule): boolean {
  return (
    scale.every((entry) => entry === 1) && [penalty, decay].every((values) => values.every((entry) => entry === 0))
  );
}
