import type { Data, LayoutAxis, PlotData } from 'plotly.js';
import { baseLayout, escapeMarkup, type Figure } from './figure.ts';

/** One of several small plots in a figure. */
export interface Panel {
  readonly title: string;
  /** Traces without axes. */
  readonly data: readonly Data[];
  readonly xaxis: Partial<LayoutAxis>;
  /** A vertical scale of its own, with its labels; the figure's if absent. */
  readonly yaxis?: Partial<LayoutAxis>;
}

/** Pixels that a panel's title and its horizontal axis take. */
const titleHeight = 30;
const axisHeight = 60;

/**
 * Small plots side by side, row by row, at most `columns` in one, `plotHeight` pixels high; the vertical scale that they share has its labels at the left. A trace's
 * legend entry belongs to all panels. `title` says what the whole figure shows.
 */
export function panelled(
  title: string,
  panels: readonly Panel[],
  yaxis: Partial<LayoutAxis>,
  { columns, plotHeight }: { readonly columns: number; readonly plotHeight: number },
): Figure {
  // Four in rows of three would leave two gaps.
  const fewer = Math.ceil(panels.length / Math.ceil(panels.length / columns));
  const across = Math.max(1, Math.min(columns, fewer));
  const rows = Math.ceil(panels.length / across);
  const rowHeight = titleHeight + plotHeight + axisHeight;
  // The last row's axis lies in the margin.
  const inner = rows * rowHeight - axisHeight;
  // Scales of their own have labels at every panel.
  const gap = panels.some((panel) => panel.yaxis !== undefined) ? 0.08 : 0.04;
  const width = (1 - gap * (across - 1)) / across;
  const placed = panels.map((panel, i) => {
    const [row, column] = [Math.floor(i / across), i % across];
    const top = 1 - (row * rowHeight + titleHeight) / inner;
    const left = column * (width + gap);
    const number = i === 0 ? '' : String(i + 1);
    return { ...panel, number, column, x: [left, left + width], y: [top - plotHeight / inner, top] };
  });
  const { title: axisTitle, ...unnamed } = yaxis;
  const axes = placed.map(({ number, column, x, y, xaxis, yaxis: own }) => {
    const { title: _, ...shared } = own ?? { ...unnamed, showticklabels: column === 0 };
    const lines = baseLayout(xaxis, column === 0 && axisTitle ? { title: axisTitle, ...shared } : shared, 0);
    return {
      [`xaxis${number}`]: { ...lines.xaxis, domain: x, anchor: `y${number}` },
      [`yaxis${number}`]: { ...lines.yaxis, domain: y, anchor: `x${number}` },
    };
  });
  const annotations = placed.map(({ title, x, y }) => ({
    ...{ text: `<b>${escapeMarkup(title)}</b>`, font: { size: 14 }, showarrow: false },
    ...({ xref: 'paper', yref: 'paper', xanchor: 'left', yanchor: 'bottom' } as const),
    ...{ x: x[0]!, y: y[1]!, yshift: 8 },
  }));
  const shared = baseLayout({}, {}, inner + axisHeight + 90);
  return {
    title,
    data: placed.flatMap(({ data, number }) =>
      data.map((trace) => ({ ...(trace as Partial<PlotData>), xaxis: `x${number}`, yaxis: `y${number}` }) as Data),
    ),
    layout: { ...shared, ...Object.assign({}, ...axes), annotations },
  };
}
