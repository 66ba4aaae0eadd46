import { LambdamaxError } from '../../../errors.ts';
import { mean, standardError } from '../../statistics.ts';
import type { SpectralMeasure } from './lanczosQuadrature.ts';

/** The eigenvalues' density (1/size) sum_i g(lambda - lambda_i) on a grid, g a normal density: its integral is 1. */
export interface SpectralDensity {
  /** Equally spaced eigenvalues, ascending, from 6 widths below the smallest node to 6 above the largest [points]. */
  readonly grid: readonly number[];
  /** In units of 1 / eigenvalue [points]. */
  readonly density: readonly number[];
  /** Over the random vectors [points]; null if there was one. */
  readonly standardError: readonly number[] | null;
  /** The standard deviation of g. */
  readonly width: number;
}

/**
 * The density of a spectral measure, its nodes smoothed by normal densities (Ghorbani et al. 2019, section 2.1). The width is by
 * default a hundredth of the nodes' range, or of the node where there is but one; with fewer Lanczos steps than the range has
 * widths, the bulk can look lumpier than it is.
 *
 * Throws a LambdamaxError for a width that is not positive, or fewer points than one for each width: the grid
 * would step over peaks.
 */
export function spectralDensity(
  { rules }: SpectralMeasure,
  options: { readonly points?: number; readonly width?: number } = {},
): SpectralDensity {
  const { points = 512 } = options;
  const nodes = rules.flatMap((rule) => rule.nodes);
  const [low, high] = nodes.reduce(
    ([least, most], x) => [Math.min(least, x), Math.max(most, x)],
    [Infinity, -Infinity],
  );
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const range = high - low > 1e-6 * largest ? high - low : largest;
  const width = options.width ?? (range > 0 ? range / 100 : 1);
  if (!(width > 0 && Number.isFinite(width)))
    throw new LambdamaxError({ subject: 'width of a spectral density', expected: 'a positive number', got: width });
  const [from, to] = [low - 6 * width, high + 6 * width];
  const least = Math.ceil((to - from) / width) + 1;
  if (!(Number.isInteger(points) && points >= least))
    throw new LambdamaxError({
      subject: 'points of a spectral density',
      expected: `a whole number from ${least}, one for each width ${width}`,
      got: points,
      remedy: 'take more points or a larger width',
    });
  const grid = Array.from({ length: points }, (_, i) => from + ((to - from) * i) / (points - 1));
  const height = 1 / (width * Math.sqrt(2 * Math.PI));
  const smoothed = (at: number) =>
    rules.map((rule) =>
      rule.nodes.reduce(
        (sum, node, j) => sum + rule.weights[j]! * height * Math.exp(-0.5 * ((at - node) / width) ** 2),
        0,
      ),
    );
  const values = grid.map(smoothed);
  return {
    grid,
    density: values.map(mean),
    standardError: rules.length < 2 ? null : values.map((each) => standardError(each)!),
    width,
  };
}
