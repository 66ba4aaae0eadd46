import type { Data } from 'plotly.js';
import { quantile } from '../../../numerics/statistics.ts';
import { baseLayout, escapeMarkup, type Figure, logAxis, palette } from '../figure.ts';
import { told } from '../findingWords.ts';
import { seriesColors } from '../methodStyle.ts';
import { kindsOf, modulePlaces } from './moduleGrid.ts';

/** One method's lambda_max over vanilla LoRA's, by module. */
export interface MethodRatios {
  readonly method: string;
  readonly modules: readonly { readonly name: string; readonly ratio: number }[];
}

/**
 * The distribution over modules of lambda_max relative to vanilla LoRA's, on a log axis: for each method a box from the first
 * to the third quartile with the median in it, and a point for each module, its kinds in rows of one colour. The paper's figure:
 * Lee et al. 2026, arXiv 2602.04998.
 */
export function ratioStrip(methods: readonly MethodRatios[]): Figure {
  // The first method stands at the top.
  const ordered = [...methods].reverse();
  const places = modulePlaces([...new Set(ordered.flatMap(({ modules }) => modules.map(({ name }) => name)))]);
  const kinds = kindsOf(places);
  const boxes = ordered.map(
    ({ method, modules }, row): Data => ({
      type: 'box',
      orientation: 'h',
      name: escapeMarkup(method),
      x: modules.map(({ ratio }) => ratio),
      y: modules.map(() => row),
      width: 0.84,
      boxpoints: false,
      fillcolor: 'rgba(120, 120, 120, 0.12)',
      line: { color: palette.faint, width: 1.5 },
      showlegend: false,
      hoverinfo: 'skip',
    }),
  );
  const points = kinds.map((kind, index): Data => {
    const own = ordered.flatMap(({ method, modules }, row) =>
      modules.filter(({ name }) => places.get(name)!.kind === kind).map((module) => ({ ...module, method, row })),
    );
    const offset = 0.3 * (kinds.length === 1 ? 0 : 1 - (2 * index) / (kinds.length - 1));
    return {
      type: 'scatter',
      mode: 'markers',
      name: escapeMarkup(kind),
      x: own.map(({ ratio }) => ratio),
      y: own.map(({ row }) => row + offset),
      text: own.map(({ method, name }) => escapeMarkup(`${method}, ${name}`)),
      marker: { color: seriesColors[index % seriesColors.length]!, size: 7, opacity: 0.8 },
      hovertemplate: '%{text}<br>%{x:.4g} times LoRA’s<extra></extra>',
    };
  });
  const ratios = ordered.flatMap(({ modules }) => modules.map(({ ratio }) => ratio));
  const rows = ordered.map((_, row) => row);
  return {
    title: titleOf(methods),
    data: [...boxes, ...points],
    layout: baseLayout(
      logAxis('λmax over LoRA’s λmax', [1, ...ratios]),
      {
        tickvals: rows,
        ticktext: ordered.map(({ method }) => escapeMarkup(method)),
        range: [-0.6, ordered.length - 0.4],
        showgrid: false,
      },
      150 + 80 * Math.max(ordered.length, 2),
    ),
  };
}

/** The median module of each method, or of many those of the least and the most. */
function titleOf(methods: readonly MethodRatios[]): string {
  const medians = methods
    .flatMap(({ method, modules }) =>
      modules.length === 0
        ? []
        : [
            {
              method,
              median: quantile(
                modules.map(({ ratio }) => ratio),
                0.5,
              ),
            },
          ],
    )
    .sort((a, b) => a.median - b.median);
  const shown = medians.length > 3 ? [medians[0]!, medians.at(-1)!] : medians;
  if (shown.length === 0) return 'No module was measured beside LoRA’s';
  return `In the median module λmax is ${shown.map(({ method, median }) => `${told(median)} times LoRA’s with ${method}`).join(', ')}`;
}
