import type { Data, LayoutAxis } from 'plotly.js';
import { baseLayout, escapeMarkup, type Figure, logAxis } from './figure.ts';
import { seriesColors } from './methodStyle.ts';
import { panelled } from './panels.ts';

/** Points with a name: a curve, or marks with their intervals. */
export interface Curve {
  readonly name: string;
  readonly x: readonly number[];
  /** Null: nothing was found there, and the line has a gap. */
  readonly y: readonly (number | null)[];
  /** The intervals' ends, in the order of the points. */
  readonly low?: readonly number[];
  readonly high?: readonly number[];
  /** Default `line`. */
  readonly look?: 'line' | 'dashed' | 'marks' | 'line and marks';
  /** The place of its colour; curves of one place are of one thing. Default: its place in the panel. */
  readonly color?: number;
}

/** Curves on common axes. */
export interface CurvePanel {
  readonly title: string;
  readonly xTitle: string;
  /** Default: linear. */
  readonly xLog?: boolean;
  readonly curves: readonly Curve[];
}

/** Small plots side by side, with one vertical axis. */
export interface CurvePanels {
  /** What is found, in one sentence without a full stop. */
  readonly title: string;
  readonly yTitle: string;
  readonly yLog?: boolean;
  readonly panels: readonly CurvePanel[];
}

/** Curves, dashed ones for what is predicted, and marks with their intervals, in panels that share the vertical axis. */
export function curvePanels({ title: found, yTitle, yLog = false, panels }: CurvePanels): Figure {
  const heights = panels.flatMap(({ curves }) =>
    curves.flatMap(({ y, low = [], high = [] }) => [...y, ...low, ...high].filter((value) => value !== null)),
  );
  const yaxis = yLog ? logAxis(yTitle, heights) : { title: { text: yTitle } };
  const named = new Set<string>();
  const drawn = panels.map(({ title, xTitle, xLog = false, curves }) => {
    const places = curves.flatMap(({ x }) => [...x]);
    const xaxis: Partial<LayoutAxis> = xLog ? logAxis(xTitle, places) : { title: { text: xTitle } };
    const data = curves.map((curve, index) => {
      const isNew = !named.has(curve.name);
      named.add(curve.name);
      return trace(curve, curve.color ?? index, isNew);
    });
    return { title, xaxis, data };
  });
  if (drawn.length === 1) {
    const [{ xaxis, data }] = drawn as [(typeof drawn)[number]];
    return { title: found, data, layout: { ...baseLayout(xaxis, yaxis, 400), showlegend: true } };
  }
  const figure = panelled(found, drawn, yaxis, { columns: 3, plotHeight: 240 });
  return { ...figure, layout: { ...figure.layout, showlegend: true } };
}

function trace({ name, x, y, low, high, look = 'line' }: Curve, place: number, isNew: boolean): Data {
  const color = seriesColors[place % seriesColors.length]!;
  const isMarked = look === 'marks' || look === 'line and marks';
  return {
    type: 'scatter',
    mode: look === 'marks' ? 'markers' : isMarked || x.length === 1 ? 'lines+markers' : 'lines',
    name: escapeMarkup(name),
    legendgroup: name,
    showlegend: isNew,
    x: [...x],
    y: [...y],
    line: { color, width: 2, dash: look === 'dashed' ? 'dash' : 'solid' },
    marker: { color, size: 8 },
    ...(low &&
      high && {
        error_y: {
          type: 'data' as const,
          symmetric: false,
          array: y.map((value, at) => high[at]! - (value ?? 0)),
          arrayminus: y.map((value, at) => (value ?? 0) - low[at]!),
          color,
          thickness: 1.5,
        },
      }),
    hovertemplate: `${escapeMarkup(name)}<br>%{x:.4g}: %{y:.4g}<extra></extra>`,
  };
}
