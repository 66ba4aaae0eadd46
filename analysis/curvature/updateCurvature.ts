import { linearise } from '../../compute/linearise.ts';
import { roundoff, type Vector } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';
import { mean, ratioOfMeans, standardError } from '../../numerics/statistics.ts';
import { dot } from '../../numerics/vectors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import { rowsByStep, toBatch } from '../../training/data/batches.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import { evaluate } from '../../training/evaluate.ts';
import { stepGradient } from '../../training/finetune/finetune.ts';
import { requireFiniteLoss } from '../../training/finiteLoss.ts';
import type { Model } from '../../training/model.ts';
import { type WarmupOptions, warmUp } from '../../training/warmup.ts';
import { updateDefaults } from './defaults.ts';
import { type LineSearchResult, lineSearch } from './lineSearch.ts';
import { alongDirection, differenceStep, movedAlong } from './twoForward.ts';

/** A mean over directions. */
export interface DirectionMean {
  readonly value: number;
  /** Over the directions; null for a single one. */
  readonly standardError: number | null;
}

/** How the loss bends along Adam's own update u, and how far along it the loss falls. */
export interface UpdateCurvature {
  /** u'Hu by exact products; often negative early in training, so that nothing is divided by it. Null if not asked for. */
  readonly hessian: DirectionMean | null;
  /** u'Gu by exact products, G the Gauss-Newton matrix. Null if not asked for. */
  readonly gaussNewton: DirectionMean | null;
  /** u'Gu by two forward passes. */
  readonly gaussNewtonTwoForward: DirectionMean;
  /** g'u: what the loss falls by, per unit of the rate, at first. */
  readonly slope: DirectionMean;
  /** mean g'u over mean u'Gu: the rate at which the Gauss-Newton model of the loss is least; null where it does not fall. */
  readonly quadraticRate: DirectionMean | null;
  readonly lineSearch: LineSearchResult;
  readonly warmup: { readonly steps: number; readonly learningRate: number };
  readonly directions: number;
  /** Exact products. */
  readonly products: number;
  /**
   * The price of all but the exact products, in gradients of one batch; a forward pass counts as half a gradient, since frozen
   * weights need none of their own.
   */
  readonly gradientEvaluations: number;
  readonly seconds: number;
}

/** What is measured, and where. */
export interface UpdateCurvatureOptions extends Omit<WarmupOptions, 'steps' | 'learningRate'> {
  /** Steps of Adam before the update is looked at, and their constant rate. */
  readonly warmup: Pick<WarmupOptions, 'steps' | 'learningRate'>;
  /** Updates, each from a batch of its own, that everything is a mean over; at least 2; default 4. */
  readonly directions?: number;
  /** Whether u'Hu and u'Gu are measured by exact products too; default true. */
  readonly exact?: boolean;
  /** Whether the line search looks for its critical rate too; default true. */
  readonly critical?: boolean;
}

/** The price of a forward pass in gradients: the gradient's way back costs as much, as the frozen weights need none. */
export const forwardPrice = 0.5;

/** The roundoffs by which a mean loss may be off: between two ways to the same loss it was one. */
const lossRoundoffs = 4;

/**
 * Curvature along the update u that Adam would take next, per unit of the learning rate (theta <- theta - rate u), after some
 * warm-up steps. Each direction comes from a batch of its own, and is measured on the batch of the next direction: on its own
 * batch an update would look better than it is.
 *
 * At B = 0 the first update of A is noise over eps; after a few steps it is Adam's. u'Hu is often negative there (the loss
 * bends down where B begins to grow), which u'Gu cannot be.
 *
 * Throws a LambdamaxError for fewer than two directions, and for a loss that is not finite.
 */
export async function updateCurvature(
  model: Model,
  start: Adapter,
  rows: readonly TokenRow[],
  options: UpdateCurvatureOptions,
): Promise<UpdateCurvature> {
  const began = performance.now();
  const { warmup, directions = updateDefaults.directions, exact = true, critical = true, ...stepping } = options;
  const { batchSize, seed, shuffle = true } = stepping;
  if (!(Number.isInteger(directions) && directions >= 2))
    throw new LambdamaxError({
      subject: 'directions of an update',
      expected: 'a whole number from 2',
      got: directions,
    });
  const warmed = await warmUp(model, start, rows, { ...warmup, ...stepping });
  const { adapter } = warmed;
  const rowsOf = rowsByStep(rows, batchSize, seed, shuffle);
  const batches = Array.from({ length: directions }, (_, index) => rowsOf(warmup.steps + index));
  const updates: Vector[] = [];
  for (const batch of batches) {
    const { value, gradient } = await stepGradient(model, adapter, batch);
    await requireFiniteLoss(model, 'loss that the update is of', value);
    updates.push(warmed.nextUpdate(gradient));
  }
  const measuredOn = (index: number): readonly TokenRow[] => batches[(index + 1) % directions]!;

  const step = await differenceStep(model, adapter, measuredOn(0), updates[0]!);
  const along = [];
  for (const [index, update] of updates.entries())
    along.push(await alongDirection(model, adapter, measuredOn(index), update, step));
  const slopes = along.map(({ slope }) => slope);
  const bends = along.map(({ gaussNewton }) => gaussNewton);
  const quadraticRate = mean(slopes) > 0 && mean(bends) > 0 ? ratioOfMeans(slopes, bends) : null;
  const search = await lineSearch(
    async (rate) => {
      const losses: number[] = [];
      for (const [index, update] of updates.entries()) {
        const moved = movedAlong(adapter, update, -rate);
        losses.push((await evaluate(model, measuredOn(index), { adapter: moved, batchSize })).loss);
      }
      return losses;
    },
    {
      ...{ start: quadraticRate?.value ?? warmup.learningRate, critical },
      rounding: lossRoundoffs * roundoff[model.precision],
    },
  );
  const products = exact ? await exactProducts(model, adapter, updates, measuredOn) : null;
  return {
    hessian: products && directionMean(products.hessian),
    gaussNewton: products && directionMean(products.gaussNewton),
    gaussNewtonTwoForward: directionMean(bends),
    slope: directionMean(slopes),
    quadraticRate,
    lineSearch: search,
    warmup,
    directions,
    products: products ? 2 * directions : 0,
    gradientEvaluations: warmup.steps + forwardPrice * 2 + directions * (1 + forwardPrice * (2 + search.evaluations)),
    seconds: (performance.now() - began) / 1000,
  };
}

async function exactProducts(
  model: Model,
  adapter: Adapter,
  updates: readonly Vector[],
  measuredOn: (index: number) => readonly TokenRow[],
): Promise<Record<'hessian' | 'gaussNewton', number[]>> {
  const bends: Record<'hessian' | 'gaussNewton', number[]> = { hessian: [], gaussNewton: [] };
  for (const [index, update] of updates.entries()) {
    const batch = toBatch(measuredOn(index), { precision: model.precision });
    const program = model.program(adapter.layout, batch);
    for (const curvature of ['hessian', 'gaussNewton'] as const) {
      await using linearised = await linearise(program, adapter, batch.inputs, curvature);
      bends[curvature].push(dot(update, await linearised.apply(update)));
    }
  }
  return bends;
}

function directionMean(values: readonly number[]): DirectionMean {
  return { value: mean(values), standardError: standardError(values) };
}
