import type { Data } from 'plotly.js';
import { baseLayout, type Figure, logAxis } from './figure.ts';
import { told } from './findingWords.ts';

/** A spectral density with the ends of the spectrum, as far as they are known. */
export interface DensityOfSpectrum {
  readonly density: {
    readonly grid: readonly number[];
    /** Values of the density on the grid; their integral is 1. */
    readonly density: readonly number[];
    readonly standardError: readonly number[] | null;
    /** The standard deviation of the normal density that stands for each eigenvalue. */
    readonly width: number;
  };
  /** How many eigenvalues there are. */
  readonly parameters: number;
  readonly lambdaMax: number;
  readonly lambdaMin: number;
}

const color = '#0072b2';

/**
 * The number of eigenvalues per unit of lambda on a log axis, with a band of one standard error: it is cut off well below
 * what a single eigenvalue comes to. Diamonds mark the ends that Lanczos found.
 */
export function densityCurve({ density, parameters, lambdaMax, lambdaMin }: DensityOfSpectrum): Figure {
  const { grid, density: share, standardError, width } = density;
  const single = 1 / (width * Math.sqrt(2 * Math.PI));
  const floor = single / 10;
  const count = (index: number, errors: number): number =>
    Math.max(floor, parameters * (share[index]! + errors * (standardError?.[index] ?? 0)));
  const x = [...grid];
  const edge = (errors: number, fill: 'none' | 'tonexty'): Data => ({
    type: 'scatter',
    mode: 'lines',
    x,
    y: x.map((_, index) => count(index, errors)),
    line: { width: 0 },
    fill,
    fillcolor: 'rgba(0, 114, 178, 0.2)',
    showlegend: false,
    hoverinfo: 'skip',
  });
  const ends = [lambdaMin, lambdaMax].filter(Number.isFinite);
  return {
    title: titleOf(ends),
    data: [
      ...(standardError === null ? [] : [edge(-1, 'none'), edge(1, 'tonexty')]),
      {
        type: 'scatter',
        mode: 'lines',
        name: 'density',
        x,
        y: x.map((_, index) => count(index, 0)),
        line: { color, width: 2 },
        hovertemplate: 'λ %{x:.4g}<br>%{y:.3g} eigenvalues per unit<extra></extra>',
      },
      {
        type: 'scatter',
        mode: 'markers',
        name: 'λmin and λmax, by Lanczos',
        x: ends,
        y: ends.map(() => single),
        marker: { color: '#d55e00', symbol: 'diamond', size: 10 },
        hovertemplate: 'λ %{x:.4g}<extra></extra>',
      },
    ],
    layout: baseLayout(
      { title: { text: 'eigenvalue λ' } },
      logAxis('eigenvalues per unit of λ', [floor, ...x.map((_, index) => count(index, 1))]),
      400,
    ),
  };
}

function titleOf(ends: readonly number[]): string {
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (ends.length < 2) return 'The eigenvalues lie close to 0, and few far from it';
  return low < 0 && high > 0
    ? `Eigenvalues reach from ${told(low)} to ${told(high)}: the loss curves both ways`
    : `Eigenvalues reach from ${told(low)} to ${told(high)}`;
}
