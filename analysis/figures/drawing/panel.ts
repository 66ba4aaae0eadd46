import type { LayoutAxis } from 'plotly.js';
import type { Figure } from '../figure.ts';
import { type Scale, scaleOf } from './axis.ts';
import { plainText } from './text.ts';
import { type Trace, valuesAlong } from './trace.ts';

/** One plot of a figure: its traces and its two axes. */
export interface Panel {
  readonly title: string;
  readonly traces: readonly Trace[];
  readonly xaxis: Partial<LayoutAxis>;
  readonly yaxis: Partial<LayoutAxis>;
}

/** The plots of a figure, in their order. Notes on paper are titles of plots, one each; others belong to the one plot. */
export function panelsOf({ data, layout }: Figure): Panel[] {
  const traces = data as readonly Trace[];
  const axes = layout as Readonly<Record<string, Partial<LayoutAxis> | undefined>>;
  const numbers = [...new Set(traces.map(({ xaxis }) => xaxis ?? 'x'))].map((name) => name.slice(1));
  const titles = (layout.annotations ?? []).filter(({ xref }) => xref === 'paper');
  return (numbers.length === 0 ? [''] : numbers).map((number, index) => ({
    title: plainText(titles[index]?.text),
    traces: traces.filter(({ xaxis }) => (xaxis ?? 'x') === `x${number}`),
    xaxis: axes[`xaxis${number}`] ?? {},
    yaxis: axes[`yaxis${number}`] ?? {},
  }));
}

/** How many plots stand side by side as the figure has it. */
export function columnsOf(panels: readonly Panel[]): number {
  return new Set(panels.map(({ xaxis }) => xaxis.domain?.[0] ?? 0)).size;
}

/** The horizontal scale of a plot `width` wide. */
export function xScale({ traces, xaxis }: Panel, width: number): Scale {
  const values = traces.flatMap((trace) => valuesAlong(trace, 'x'));
  return scaleOf(xaxis, values, { from: 0, to: width, ticks: Math.max(3, Math.floor(width / 90)) });
}

/** The vertical scale of a plot `height` high; its largest value stands at 0. */
export function yScale({ traces, yaxis }: Panel, height: number): Scale {
  const values = traces.flatMap((trace) => valuesAlong(trace, 'y'));
  return scaleOf(yaxis, values, { from: height, to: 0, ticks: Math.max(3, Math.floor(height / 55)) });
}

/** Whether the rows of a plot are things with names, so that it is as high as they are many. */
export function hasNamedRows({ traces, yaxis }: Panel): boolean {
  const isNamed = yaxis.ticktext !== undefined && yaxis.type !== 'log';
  return isNamed || yaxis.type === 'category' || traces.some(({ y }) => typeof y?.[0] === 'string');
}

/** The words beside an axis. */
export function axisTitle({ title }: Partial<LayoutAxis>): string {
  return plainText(typeof title === 'object' ? title.text : title);
}
