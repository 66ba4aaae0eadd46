import { type Figure, palette } from '../figure.ts';
import { colorBarMarks, colorBarWidth, type HeatMap } from './heatMap.ts';
import { explained, legendMarks } from './legend.ts';
import { columnsOf, hasNamedRows, type Panel, panelsOf, yScale } from './panel.ts';
import { footHeight, plotMarks, tickLength, titleLines } from './plot.ts';
import { boxPath, type Mark, type Scene } from './scene.ts';
import { lineHeight, textSize, textWidth, wrapped } from './text.ts';
import type { Trace } from './trace.ts';

/** How a figure is drawn. */
export interface DrawOptions {
  /** Width in units of which the text is 14 high. */
  readonly width: number;
  /** Whether what the figure shows stands above it; in a page that says it in words of its own it need not. */
  readonly hasTitle: boolean;
}

const row = lineHeight * textSize;
/** A plot narrower than this has no room for its ticks. */
const narrowest = 140;
/** The share of a figure that labels of a vertical axis have at most; longer ones are broken into lines. */
const labelShare = 0.4;

/**
 * A plotly specification laid out at a width of its own: plots side by side as many as there is room for, no text over another and none
 * cut off, words broken into lines, the legend below in as many rows as it takes. All text has one size.
 */
export function drawFigure(figure: Figure, { width, hasTitle }: DrawOptions): Scene {
  const panels = panelsOf(figure);
  const heatMap = (figure.data as readonly Trace[]).find(({ type }) => type === 'heatmap') as HeatMap | undefined;
  const right = heatMap ? colorBarWidth(heatMap) : 20;
  const height = plotHeight(figure, panels, width);
  const fit = fitted(panels, { width: width - right, height });
  const { columns, plotWidth, gutter } = fit;
  const head = hasTitle ? titleMarks(figure, width) : { marks: [], height: 8 };
  const titled = panels.some(({ title }) => title !== '') ? row + 4 : 0;
  const marks: Mark[] = [];
  let top = head.height;
  for (let first = 0; first < panels.length; first += columns) {
    const inRow = panels.slice(first, first + columns);
    const below = Math.max(...inRow.map((panel) => footHeight(panel, plotWidth)));
    for (const [column, panel] of inRow.entries()) {
      const left = gutter.first + column * (plotWidth + gutter.between);
      const box = { x: left, y: top + titled, width: plotWidth, height };
      const isLabelled = column === 0 || gutter.isOwn;
      marks.push(...plotMarks(panel, box, { isLabelled, isFirst: column === 0, widestLabel: labelShare * width }));
    }
    top += titled + height + below;
  }
  if (heatMap) {
    const bar = { left: width - right, top: head.height + titled, height: Math.max(height, 120) };
    marks.push(...colorBarMarks(heatMap, bar));
    top = Math.max(top, bar.top + bar.height + textSize);
  }
  const named = explained(figure.data as readonly Trace[], figure.layout.showlegend);
  const legend = legendMarks(named, { left: 4, top: top + 8, width: width - 8 });
  marks.push(...legend.marks);
  if (named.length > 0) top += 8 + legend.height;
  const scene = { width, height: Math.ceil(top + 6) };
  const ground: Mark = { kind: 'path', d: boxPath({ x: 0, y: 0, ...scene }), fill: palette.ground };
  return { ...scene, marks: [ground, ...marks, ...head.marks] };
}

/** The height of one plot: as high as its rows ask for, else as the figure says, and not much higher than wide. */
function plotHeight({ layout }: Figure, panels: readonly Panel[], width: number): number {
  const [first] = panels;
  const domain = first?.yaxis.domain;
  const inner = (layout.height ?? 400) - (panels.length > 1 ? 166 : 110);
  const height = domain && panels.length > 1 ? (domain[1]! - domain[0]!) * inner : inner;
  if (first !== undefined && hasNamedRows(first)) return Math.max(height, 40);
  return Math.max(140, Math.min(height, (panels.length > 1 ? 0.42 : 0.62) * width));
}

/** How many plots stand in a row, how wide each is, and the room for labels before the first and between two. */
function fitted(panels: readonly Panel[], { width, height }: { readonly width: number; readonly height: number }) {
  const isOwn = panels.length > 1 && panels.every(({ yaxis }) => yaxis.showticklabels !== false);
  const labels = Math.max(...panels.map((panel) => labelWidth(panel, height, width)));
  const lines = titleLines(panels[0]?.yaxis ?? {}, height).length;
  const titleRoom = lines === 0 ? 0 : lines * row + 6;
  const first = 8 + titleRoom + labels + tickLength + 5;
  const between = isOwn ? labels + tickLength + 30 : 26;
  const widthOf = (columns: number): number => (width - first - between * (columns - 1)) / columns;
  let columns = Math.min(columnsOf(panels), panels.length);
  while (columns > 1 && widthOf(columns) < narrowest) columns--;
  return { columns, plotWidth: widthOf(columns), gutter: { first, between, isOwn } };
}

/** How wide the labels of a vertical axis are. */
function labelWidth(panel: Panel, height: number, width: number): number {
  const most = labelShare * width;
  const lines = yScale(panel, height).ticks.flatMap(({ label }) => wrapped(label, most, textSize));
  return Math.max(0, ...lines.map((line) => textWidth(line, textSize)));
}

function titleMarks({ title, note }: Figure, width: number): { marks: Mark[]; height: number } {
  const lines = [
    ...wrapped(title, width - 8, textSize, true).map((text) => ({ text, bold: true, fill: palette.ink })),
    ...(note === undefined
      ? []
      : wrapped(note, width - 8, textSize).map((text) => ({ text, bold: false, fill: palette.quiet }))),
  ];
  const marks = lines.map(
    (line, i): Mark => ({
      kind: 'text',
      ...line,
      x: 4,
      y: 6 + i * row + 0.95 * textSize,
      anchor: 'start',
      size: textSize,
    }),
  );
  return { marks, height: 6 + lines.length * row + 10 };
}
