import { Matrix, QrDecomposition } from 'ml-matrix';

/** A straight line fitted by least squares, with the 95 % interval of its slope (Student's t, n - 2 degrees of freedom). */
export interface LineFit {
  readonly slope: number;
  readonly intercept: number;
  /** Null with two points: a line through two points has no residual to judge it by. */
  readonly slopeLow: number | null;
  readonly slopeHigh: number | null;
}

/** y = constant + linear x + quadratic x^2. */
export interface Parabola {
  readonly constant: number;
  readonly linear: number;
  readonly quadratic: number;
  /** Where the slope is zero, -linear / (2 quadratic); null for a straight line. */
  readonly vertex: number | null;
}

/** Arithmetic mean; NaN for no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard error of the mean, sd / sqrt(n) with sd over n - 1; null below two values. */
export function standardError(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

/**
 * mean(numerators) / mean(denominators), and its standard error over the pairs, by linearisation: that of the mean of
 * (a_i - ratio b_i) over mean(b). Cochran, Sampling Techniques, 3rd edition, chapter 6. Null below two pairs.
 */
export function ratioOfMeans(
  numerators: readonly number[],
  denominators: readonly number[],
): { readonly value: number; readonly standardError: number | null } {
  const value = mean(numerators) / mean(denominators);
  const spread = standardError(numerators.map((numerator, i) => numerator - value * denominators[i]!));
  return { value, standardError: spread === null ? null : spread / Math.abs(mean(denominators)) };
}

/** A number with its 95 % interval, whose ends are null where there is nothing to judge it by. */
export interface Interval {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * The mean of values that go together in clusters (the ranks of one method), with an interval that takes only clusters for independent:
 * Student's t with clusters - 1 degrees of freedom and the variance G / (G - 1) sum_g (sum of g's deviations)^2 / n^2 (Liang and Zeger 1986).
 * Where every cluster is one value it is the usual interval of a mean. One cluster has none.
 */
export function clusteredMean(values: readonly number[], clusters: readonly unknown[]): Interval {
  const value = mean(values);
  const sums = new Map<unknown, number>();
  for (const [i, cluster] of clusters.entries()) sums.set(cluster, (sums.get(cluster) ?? 0) + values[i]! - value);
  const count = sums.size;
  if (count < 2) return { value, low: null, high: null };
  const squares = [...sums.values()].reduce((sum, deviation) => sum + deviation ** 2, 0);
  const half = (studentQuantile(count - 1) * Math.sqrt((count / (count - 1)) * squares)) / values.length;
  return { value, low: value - half, high: value + half };
}

/** exp(mean(ln v)) of positive values; NaN for no values. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map(Math.log)));
}

/** How many times too large or too small a prediction is: max(p/e, e/p), at least 1. */
export function foldError(predicted: number, actual: number): number {
  return Math.max(predicted / actual, actual / predicted);
}

/** The value below which `fraction` of the values lie, interpolated linearly between order statistics (R's type 7). */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = fraction * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

/** Least squares of y on x; null with fewer than two points or when all x are equal. */
export function fitLine(x: readonly number[], y: readonly number[]): LineFit | null {
  const n = x.length;
  const centreX = mean(x);
  const centreY = mean(y);
  const squares = x.reduce((sum, value) => sum + (value - centreX) ** 2, 0);
  if (n < 2 || !(squares > 1e-18 * (1 + centreX ** 2))) return null;
  const slope = x.reduce((sum, value, i) => sum + (value - centreX) * (y[i]! - centreY), 0) / squares;
  const intercept = centreY - slope * centreX;
  if (n === 2) return { slope, intercept, slopeLow: null, slopeHigh: null };
  const residual = x.reduce((sum, value, i) => sum + (y[i]! - intercept - slope * value) ** 2, 0);
  const halfWidth = studentQuantile(n - 2) * Math.sqrt(residual / (n - 2) / squares);
  return { slope, intercept, slopeLow: slope - halfWidth, slopeHigh: slope + halfWidth };
}

/** Points of one stratum, x[i] with y[i]. */
export interface Stratum {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** A slope that several strata share, with its 95 % interval; null with no degrees of freedom. */
export type SharedSlope = Pick<LineFit, 'slope' | 'slopeLow' | 'slopeHigh'>;

/**
 * The common slope of y on x by least squares where each stratum has a constant of its own (fixed effects): the slope of what is left
 * when every stratum's means are taken off. Interval: Student's t with points - strata - 1 degrees of freedom. Strata of one point
 * say nothing and are left out. Null where all x of each stratum are equal.
 */
export function fitLineWithin(strata: readonly Stratum[]): SharedSlope | null {
  const used = strata.filter(({ x }) => x.length > 1);
  const pairs = used.flatMap(({ x, y }) => {
    const [centreX, centreY] = [mean(x), mean(y)];
    return x.map((value, i) => ({ x: value - centreX, y: y[i]! - centreY, size: 1 + centreX ** 2 }));
  });
  const squares = pairs.reduce((sum, { x }) => sum + x ** 2, 0);
  if (!(squares > 1e-18 * Math.max(0, ...pairs.map(({ size }) => size)))) return null;
  const slope = pairs.reduce((sum, { x, y }) => sum + x * y, 0) / squares;
  const degrees = pairs.length - used.length - 1;
  if (degrees < 1) return { slope, slopeLow: null, slopeHigh: null };
  const residual = pairs.reduce((sum, { x, y }) => sum + (y - slope * x) ** 2, 0);
  const halfWidth = studentQuantile(degrees) * Math.sqrt(residual / degrees / squares);
  return { slope, slopeLow: slope - halfWidth, slopeHigh: slope + halfWidth };
}

/** {@link fitLine} of ln y on ln x, all positive: the slope is the exponent of y ~ x^slope. */
export function fitPowerLaw(x: readonly number[], y: readonly number[]): LineFit | null {
  return fitLine(x.map(Math.log), y.map(Math.log));
}

/**
 * The parabola that minimises sum_i w_i (y_i - p(x_i))^2; null with fewer than three distinct x. Weights are relative
 * (number of runs behind each mean, say) and positive.
 */
export function fitParabola(
  x: readonly number[],
  y: readonly number[],
  weights: readonly number[] = x.map(() => 1),
): Parabola | null {
  if (new Set(x).size < 3) return null;
  const centre = mean(x); // powers of centred x keep the least squares well conditioned
  const rows = x.map((value, i) => [1, value - centre, (value - centre) ** 2].map((u) => u * Math.sqrt(weights[i]!)));
  const right = y.map((value, i) => [value * Math.sqrt(weights[i]!)]);
  const [c, b, a] = new QrDecomposition(new Matrix(rows)).solve(new Matrix(right)).to1DArray() as [
    number,
    number,
    number,
  ];
  return {
    constant: c - b * centre + a * centre ** 2,
    linear: b - 2 * a * centre,
    quadratic: a,
    vertex: a === 0 ? null : centre - b / (2 * a),
  };
}

// Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom (any statistics textbook).
const studentTable = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

function studentQuantile(degrees: number): number {
  const z = 1.959964;
  // Beyond the table the first term of the Cornish-Fisher expansion is right to 1e-3.
  return studentTable[degrees - 1] ?? z + (z ** 3 + z) / (4 * degrees);
}
