import type { Data } from 'plotly.js';
import { mean, quantile } from '../../../numerics/statistics.ts';
import { baseLayout, escapeMarkup, type Figure, logAxis } from '../figure.ts';
import { told } from '../findingWords.ts';
import { methodStyles } from '../methodStyle.ts';
import type { MethodRatios } from './ratioStrip.ts';

const gridPoints = 120;

/**
 * How modules are distributed over lambda_max relative to vanilla LoRA's: a curve for each method on a log axis, whose area is 1 in
 * decades. It is a sum of normal densities, one on each module, as wide as Silverman's rule has it (1986), and a fifth of a decade at least.
 */
export function ratioDensity(methods: readonly MethodRatios[]): Figure {
  const all = methods.map(({ method, modules }) => ({
    ...{ method, logs: modules.map(({ ratio }) => Math.log10(ratio)), ratios: modules.map(({ ratio }) => ratio) },
  }));
  const measured = all.filter(({ logs }) => logs.length > 0);
  const styles = methodStyles(measured.map(({ method }) => ({ configuration: method, method })));
  const ends = measured.flatMap(({ logs }) => {
    const reach = 3 * bandwidth(logs);
    return [Math.min(...logs) - reach, Math.max(...logs) + reach];
  });
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const grid = Array.from({ length: gridPoints }, (_, i) => low + ((high - low) * i) / (gridPoints - 1));
  const data = measured.map(({ method, logs }): Data => {
    const { color, dash } = styles.get(method)!;
    return {
      ...{ type: 'scatter', mode: 'lines', name: escapeMarkup(method) },
      x: grid.map((log) => 10 ** log),
      y: grid.map((log) => densityAt(log, logs)),
      line: { color, dash, width: 2 },
      hovertemplate: `${escapeMarkup(method)}<br>%{x:.3g} times LoRA’s<extra></extra>`,
    };
  });
  const spread = measured.map(({ ratios }) => quantile(ratios, 0.9) / quantile(ratios, 0.1));
  return {
    title:
      measured.length === 0
        ? 'No module was measured beside LoRA’s'
        : `Relative to LoRA’s, λmax differs up to ${told(Math.max(...spread))}-fold between modules of one method (10 to 90 %)`,
    data,
    layout: baseLayout(
      logAxis('λmax over LoRA’s λmax, module by module', [10 ** low, 10 ** high]),
      { title: { text: 'share of modules per decade' }, rangemode: 'tozero' },
      360,
    ),
  };
}

function densityAt(log: number, logs: readonly number[]): number {
  const width = bandwidth(logs);
  const normal = (distance: number): number => Math.exp(-(distance ** 2) / 2) / Math.sqrt(2 * Math.PI);
  return mean(logs.map((own) => normal((log - own) / width) / width));
}

/** Silverman's rule of thumb, robust to outliers. */
function bandwidth(logs: readonly number[]): number {
  const middle = mean(logs);
  const deviation = Math.sqrt(mean(logs.map((log) => (log - middle) ** 2)));
  const spread = Math.min(deviation, (quantile(logs, 0.75) - quantile(logs, 0.25)) / 1.34 || deviation);
  return Math.max(0.9 * spread * logs.length ** -0.2, 0.05);
}
