import type { SpectrumResult } from '../../analysis/curvature/spectrum.ts';
import { type Output, shortNumber } from './output.ts';

/** Lines on the trace, the largest eigenvalues and the density, as far as they were asked for. */
export function distributionLines(result: SpectrumResult, output: Output): string[] {
  return [...traceLines(result), ...topLines(result, output), ...densityLines(result, output)];
}

function traceLines({ trace }: SpectrumResult): string[] {
  if (trace === undefined) return [];
  const { value, standardError, products } = trace;
  const spread = standardError === null ? '' : `${shortNumber(standardError, 2)} standard error of the estimate, `;
  return [`trace ${shortNumber(value, 5)} (${spread}${products} products)`];
}

function topLines({ topEigenvalues }: SpectrumResult, output: Output): string[] {
  if (topEigenvalues === undefined) return [];
  const longest = Math.max(...topEigenvalues.map(({ value }) => Math.abs(value)));
  const rows = topEigenvalues.map(({ value, residualBound, standardError }, index) => [
    index + 1,
    value,
    residualBound,
    standardError,
    bar(Math.abs(value) / longest),
  ]);
  return ['', ...output.table(['', 'eigenvalue', 'within', 'standard error', ''], rows)];
}

/** How many eigenvalues lie in each of 20 intervals; bars are logarithmic, as all but a few lie near zero. */
function densityLines({ density, parameters }: SpectrumResult, output: Output): string[] {
  if (density === undefined) return [];
  const { grid, density: heights } = density;
  const step = grid[1]! - grid[0]!;
  const intervals = 20;
  const counts = new Array<number>(intervals).fill(0);
  for (const [index, height] of heights.entries())
    counts[Math.floor((index * intervals) / heights.length)]! += height * step * parameters;
  const rows = counts.map((count, index) => [
    grid[Math.round(((index + 0.5) * grid.length) / intervals)]!,
    // Below half an eigenvalue there is smoothing and chance.
    count < 0.5 ? 0 : count,
    bar(count < 0.5 ? 0 : Math.log(1 + count) / Math.log(1 + parameters)),
  ]);
  return ['', ...output.table(['around', 'eigenvalues', '(logarithmic)'], rows)];
}

/** Each module's own block, with bars as long as its lambda_max is large. */
export function moduleLines({ modules }: SpectrumResult, output: Output): string[] {
  if (modules === undefined) return [];
  const longest = Math.max(...modules.map(({ lambdaMax }) => lambdaMax));
  const rows = modules.map(({ name, parameters, lambdaMax, lambdaMin, errorBounds, products }) => [
    name,
    parameters,
    lambdaMin,
    products,
    lambdaMax,
    errorBounds.lambdaMax,
    bar(Math.max(0, lambdaMax) / longest),
  ]);
  return ['', ...output.table(['module', 'parameters', 'lambda_min', 'products', 'lambda_max', 'within', ''], rows)];
}

/** A bar of up to 30 characters; `share` from 0 to 1. */
export function bar(share: number): string {
  return '━'.repeat(Math.round(30 * (Number.isFinite(share) ? share : 0)));
}
