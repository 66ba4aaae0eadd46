import type { Vector } from '../compute/index.ts';
import type { Adapter } from './adapters/create.ts';
import { stepRows } from './data/batches.ts';
import type { TokenRow } from './data/examples.ts';
import { stepGradient } from './finetune/finetune.ts';
import { requireFiniteLoss } from './finiteLoss.ts';
import { layoutTensors } from './layout/layout.ts';
import type { Model } from './model.ts';
import { type AdamOptions, adamDefaults, adamw } from './optimizers/adamw.ts';
import { segmentsOf, spread } from './optimizers/groups.ts';
import { fasterTensors } from './optimizers/loraPlus.ts';

/** A few first steps of Adam. */
export interface WarmupOptions {
  readonly steps: number;
  /** Constant. */
  readonly learningRate: number;
  readonly batchSize: number;
  /** Seed of the order of the rows. */
  readonly seed: number;
  /** Default true. */
  readonly shuffle?: boolean;
  readonly adam?: AdamOptions;
  /** LoRA+'s: the rate of B as a multiple of that of A; absent: one rate. */
  readonly loraPlusRatio?: number;
}

/** Where an adapter stands after some steps of Adam, and what Adam divides its steps by there. */
export interface WarmedUp {
  readonly adapter: Adapter;
  /** P = sqrt(v) + eps for each parameter, v the bias-corrected second moments. */
  readonly preconditioner: Float64Array;
  /** Each parameter's rate over the base rate. */
  readonly rateFactors: Float64Array;
  /** The update u that Adam would make next with this gradient, per unit of the base rate: theta <- theta - rate u. */
  nextUpdate(gradient: Vector): Vector;
}

/**
 * Takes a copy of an adapter some steps of Adam on its way. At B = 0 the gradient of A is exactly zero, Adam's
 * preconditioner there is eps, and its curvature means nothing; after a few steps it does. Throws a LambdamaxError for a loss
 * that is not finite.
 */
export async function warmUp(
  model: Model,
  start: Adapter,
  rows: readonly TokenRow[],
  { steps, learningRate, batchSize, seed, shuffle = true, adam = {}, loraPlusRatio }: WarmupOptions,
): Promise<WarmedUp> {
  const adapter = { ...start, parameters: start.parameters.slice() };
  const specs = layoutTensors(adapter.layout);
  const faster = loraPlusRatio === undefined ? [] : [fasterTensors(specs, loraPlusRatio)];
  const groups = [...(adam.groups ?? []), ...faster];
  const settings = { ...adam, groups };
  const optimizer = adamw(specs, settings);
  for (let step = 0; step < steps; step++) {
    const { value, gradient } = await stepGradient(model, adapter, stepRows(rows, batchSize, step, seed, shuffle));
    await requireFiniteLoss(
      model,
      step === 0 ? 'loss before the warm-up' : `loss at step ${step + 1} of the warm-up`,
      value,
    );
    optimizer.step(adapter.parameters, gradient, learningRate);
  }
  const eps = adam.eps ?? adamDefaults.eps;
  return {
    adapter,
    preconditioner: optimizer.secondMoment().map((moment) => Math.sqrt(moment) + eps),
    rateFactors: spread(segmentsOf(specs, { groups }), ({ rateFactor }) => rateFactor),
    nextUpdate(gradient) {
      const next = adamw(specs, settings);
      next.restore(optimizer.state());
      const moved = Float64Array.from(adapter.parameters);
      next.step(moved, gradient, 1);
      return adapter.parameters.map((value, index) => value - moved[index]!);
    },
  };
}
