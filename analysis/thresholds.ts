import { LambdamaxError } from '../errors.ts';

/** What the thresholds follow from. */
export interface ThresholdOptions {
  /** The largest eigenvalue of the loss Hessian H at the point of interest. */
  readonly lambdaMax: number;
  /** The largest eigenvalue of P^-1/2 H P^-1/2, P = diag(sqrt(v) + eps) with Adam's own second moments v. */
  readonly preconditionedLambdaMax?: number | undefined;
  /** Heavy-ball momentum mu, from 0 to below 1. Default 0.9. */
  readonly momentum?: number;
  /** Adam's beta1, from 0 to below 1. Default 0.9. */
  readonly beta1?: number;
}

/**
 * The largest constant learning rate at which each optimizer is stable along the top eigenvector, as null where there is no such
 * limit or it is not known: an eigenvalue that is zero, negative or NaN, or that was not measured.
 *
 * Assumed: full-batch gradients of the quadratic model at this point. Curvature moves during training, and
 * an average over batches says nothing of their noise; so this is where training may break near the start, not the best rate.
 */
export interface Thresholds {
  /** 2 / lambda_max(H), for x <- x - rate g. Cohen et al. 2021, arXiv 2103.00065. */
  readonly gradientDescent: number | null;
  /** 2 (1 + mu) / lambda_max(H), for v <- mu v + g, x <- x - rate v (PyTorch's form). The same paper. */
  readonly momentum: number | null;
  /**
   * (2 + 2 beta1) / ((1 - beta1) lambda_max(P^-1/2 H P^-1/2)), for m <- beta1 m + (1 - beta1) g, x <- x - rate P^-1 m: 38 / lambda
   * at beta1 = 0.9. P is taken as frozen, bias correction as over. Cohen et al. 2022, arXiv 2207.14484.
   */
  readonly adam: number | null;
}

/** The thresholds that follow from these eigenvalues. Throws a LambdamaxError for a momentum or beta1 outside [0, 1). */
export function thresholds(options: ThresholdOptions): Thresholds {
  const { lambdaMax, preconditionedLambdaMax = Number.NaN, momentum = 0.9, beta1 = 0.9 } = options;
  checkMemory('momentum', momentum);
  checkMemory('beta1', beta1);
  return {
    gradientDescent: limit(2, lambdaMax),
    momentum: limit(2 * (1 + momentum), lambdaMax),
    adam: limit((2 + 2 * beta1) / (1 - beta1), preconditionedLambdaMax),
  };
}

function limit(factor: number, lambda: number): number | null {
  return lambda > 0 ? factor / lambda : null;
}

function checkMemory(subject: string, value: number): void {
  if (!(value >= 0 && value < 1))
    throw new LambdamaxError({ subject, expected: 'a number from 0 to below 1', got: value });
}
