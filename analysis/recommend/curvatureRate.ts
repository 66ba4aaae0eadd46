import type { LineSearchResult } from '../curvature/lineSearch.ts';
import type { LengthOptimum } from './extrapolation.ts';

/**
 * The best rate of runs of 100 steps over the rate of the line search, and the root mean square of what ln(best rate) was off
 * by then, less the noise of the best rates themselves: by measurement, the mean over 15 configurations of a small model.
 */
export const fractionOfLineSearch = { fraction: 0.41, steps: 100, logError: 0.3 };

/**
 * The best rate of runs of 100 steps from the rate at which a single step of Adam lowers the loss most: a constant fraction of
 * it. Null where no step lowers the loss.
 */
export function curvatureOptimum({
  learningRate,
  logStandardError,
}: Pick<LineSearchResult, 'learningRate' | 'logStandardError'>): LengthOptimum | null {
  if (learningRate === null) return null;
  const { fraction, steps, logError } = fractionOfLineSearch;
  return { steps, learningRate: fraction * learningRate, logError: Math.hypot(logError, logStandardError ?? 0) };
}
