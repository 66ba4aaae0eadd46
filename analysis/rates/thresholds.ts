import { LambdamaxError } from '../../errors.ts';

/** What the thresholds follow from. */
export interface ThresholdOptions {
  /** The largest eigenvalue of the loss Hessian H at the point of interest. */
  readonly lambdaMax: number;
  /** The largest eigenvalue of P^-1/2 H P^-1/2, P = diag(sqrt(v) + eps) with Adam's own second moments v. */
  readonly preconditionedLambdaMax?: number | undefined;
  /** The largest eigenvalue of D^1/2 P^-1/2 H P^-1/2 D^1/2, D being each parameter's rate over the base rate: two values in LoRA+. */
  readonly twoRateLambdaMax?: number | undefined;
  /** Heavy-ball momentum mu, from 0 to below 1. Default 0.9. */
  readonly momentum?: number;
  /** Adam's beta1, from 0 to below 1. Default 0.9. */
  readonly beta1?: number;
  /** Weight decay w, from 0: a penalty's gradient w x for gradient descent, decoupled as AdamW's for Adam. Default 0. */
  readonly weightDecay?: number;
  /**
   * The rate of each step over the peak rate. With it the thresholds are of the peak rate, such that no step's rate is above
   * what that step allows; without it they are of a constant rate, once Adam's bias correction is over.
   */
  readonly schedule?: readonly number[];
}

/**
 * The largest learning rate at which each optimizer is stable along the top eigenvector, as null where there is no such limit or
 * it is not known: curvature that is zero, negative or NaN, or that was not measured.
 *
 * Assumed: full-batch gradients of the quadratic model at this point. Curvature moves during training, and
 * an average over batches says nothing of their noise; so this is where training may break near the start, not the best rate.
 * `limits.ts` has all of this in words.
 */
export interface Thresholds {
  /** 2 / (lambda_max(H) + w), for x <- x - rate (g + w x). Cohen et al. 2021, arXiv 2103.00065. */
  readonly gradientDescent: number | null;
  /** 2 (1 + mu) / (lambda_max(H) + w), for v <- mu v + g + w x, x <- x - rate v (PyTorch's form). The same paper. */
  readonly momentum: number | null;
  /**
   * 1 / ((1 - beta1) lambda / (2 + 2 beta1) + w / 2), lambda = lambda_max(P^-1/2 H P^-1/2), for m <- beta1 m + (1 - beta1) g,
   * x <- x - rate (P^-1 m + w x): 38 / lambda at beta1 = 0.9 without decay. P is taken as frozen. Cohen et al. 2022, arXiv 2207.14484.
   */
  readonly adam: number | null;
  /**
   * Limit of the base rate of Adam with a rate of its own for each parameter, from the curvature scaled by these; only
   * where that was measured. In y = D^-1/2 x it is Adam with one rate. LoRA+: Hayou, Ghosh and Yu 2024, arXiv 2402.12354.
   */
  readonly loraPlus?: number | null;
}

/** The optimizers' settings that thresholds are of where none are given. */
export const thresholdDefaults = { momentum: 0.9, beta1: 0.9, weightDecay: 0 } as const;

/** An optimizer's memory of gradients: m <- memory m + gain g, x <- x - rate m. */
export interface Memory {
  /** From 0 to below 1. */
  readonly memory: number;
  /** Above 0: 1 for heavy-ball momentum, 1 - memory for Adam's running mean. */
  readonly gain: number;
}

/**
 * The thresholds that follow from these eigenvalues. Throws a LambdamaxError for a momentum or beta1 outside [0, 1), a
 * negative decay, and a schedule that never rises above 0.
 */
export function thresholds(options: ThresholdOptions): Thresholds {
  const { lambdaMax, preconditionedLambdaMax = Number.NaN, twoRateLambdaMax, schedule = [1] } = options;
  const {
    momentum = thresholdDefaults.momentum,
    beta1 = thresholdDefaults.beta1,
    weightDecay = thresholdDefaults.weightDecay,
  } = options;
  check('momentum', momentum, 'a number from 0 to below 1', (value) => value >= 0 && value < 1);
  check('beta1', beta1, 'a number from 0 to below 1', (value) => value >= 0 && value < 1);
  check('weight decay', weightDecay, 'a number from 0', (value) => value >= 0 && value < Infinity);
  check(
    'largest rate of a schedule',
    schedule.reduce((a, b) => Math.max(a, b), 0),
    'above 0',
    (value) => value > 0,
  );
  const descent = (memory: number) =>
    onSchedule(schedule, () => largestStableRate(lambdaMax + weightDecay, { memory, gain: 1 }));
  const adam = (lambda: number) =>
    onSchedule(schedule, (step) => {
      // Without a schedule the question is of the long run.
      const correction = options.schedule === undefined ? 1 : 1 - beta1 ** step;
      return largestStableRate(lambda, { memory: beta1, gain: (1 - beta1) / correction }, weightDecay);
    });
  return {
    gradientDescent: descent(0),
    momentum: descent(momentum),
    adam: adam(preconditionedLambdaMax),
    ...(twoRateLambdaMax === undefined ? {} : { loraPlus: adam(twoRateLambdaMax) }),
  };
}

/**
 * The largest stable rate of m <- memory m + gain lambda x, x <- x - rate (m + decay x), or null if there is none: the
 * deviation x changes sign and grows with every step as soon as a root of the rule's characteristic polynomial passes -1,
 * at rate = 1 / (lambda / stabilityFactor + decay / 2).
 */
export function largestStableRate(lambda: number, rule: Memory, decay = 0): number | null {
  const inverse = lambda / stabilityFactor(rule) + decay / 2;
  return inverse > 0 ? 1 / inverse : null;
}

/** 2 (1 + memory) / gain: what the rate times the curvature must stay below. 2 without memory, 38 for Adam with beta1 = 0.9. */
export function stabilityFactor({ memory, gain }: Memory): number {
  return (2 * (1 + memory)) / gain;
}

/** The largest peak rate such that the rate of each step, counted from 1, stays within that step's own limit. */
function onSchedule(schedule: readonly number[], limitAt: (step: number) => number | null): number | null {
  return schedule.reduce<number | null>((least, share, index) => {
    const limit = limitAt(index + 1);
    return least === null || limit === null ? null : share > 0 ? Math.min(least, limit / share) : least;
  }, Infinity);
}

function check(subject: string, value: number, expected: string, accepts: (value: number) => boolean): void {
  if (!accepts(value)) throw new LambdamaxError({ subject, expected, got: value });
}
