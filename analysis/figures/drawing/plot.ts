import type { LayoutAxis } from 'plotly.js';
import { palette } from '../figure.ts';
import type { Scale, Tick } from './axis.ts';
import { type HeatMap, heatMapMarks } from './heatMap.ts';
import { axisTitle, type Panel, xScale, yScale } from './panel.ts';
import { type Box, type Mark, pathThrough } from './scene.ts';
import { lineHeight, textSize, textWidth, wrapped } from './text.ts';
import { boxMarks, scatterMarks, type Trace } from './trace.ts';

/** How long the ticks of an axis are. */
export const tickLength = 5;

const row = lineHeight * textSize;

interface Labelling {
  readonly isLabelled: boolean;
  readonly isFirst: boolean;
  /** Labels of the vertical axis that are wider are broken into lines. */
  readonly widestLabel: number;
}

/** A plot in its box, with what stands around it: ticks, labels, titles. */
export function plotMarks(panel: Panel, box: Box, { isLabelled, isFirst, widestLabel }: Labelling): Mark[] {
  const [x, y] = [shifted(xScale(panel, box.width), box.x), shifted(yScale(panel, box.height), box.y)];
  const inside = (ticks: readonly Tick[], from: number, to: number): Tick[] =>
    ticks.filter(({ at }) => at >= from - 0.5 && at <= to + 0.5);
  const xTicks = inside(x.ticks, box.x, box.x + box.width);
  const yTicks = inside(y.ticks, box.y, box.y + box.height);
  const [bottom, rightEnd] = [box.y + box.height, box.x + box.width];
  const stroke = (d: string, color: string): Mark => ({ kind: 'path', d, stroke: color, width: 1 });
  const lines = [
    ...(panel.xaxis.showgrid === false
      ? []
      : xTicks.map(({ at }) =>
          pathThrough([
            [at, box.y],
            [at, bottom],
          ]),
        )),
    ...(panel.yaxis.showgrid === false
      ? []
      : yTicks.map(({ at }) =>
          pathThrough([
            [box.x, at],
            [rightEnd, at],
          ]),
        )),
  ];
  const frame = [
    pathThrough([
      [box.x, box.y],
      [box.x, bottom],
      [rightEnd, bottom],
    ]),
    ...xTicks.map(({ at }) =>
      pathThrough([
        [at, bottom],
        [at, bottom + tickLength],
      ]),
    ),
    ...(isLabelled
      ? yTicks.map(({ at }) =>
          pathThrough([
            [box.x - tickLength, at],
            [box.x, at],
          ]),
        )
      : []),
  ];
  const { clipped, above } = tracesIn(panel, x, y, box);
  const xTitle = titleLines(panel.xaxis, box.width);
  const text = (
    words: string,
    place: Pick<Mark & { kind: 'text' }, 'x' | 'y' | 'anchor' | 'angle' | 'bold'>,
  ): Mark => ({
    ...{ kind: 'text', text: words, size: textSize, fill: palette.ink },
    ...place,
  });
  return [
    ...(lines.length === 0 ? [] : [stroke(lines.join(''), palette.grid)]),
    { kind: 'clipped', box, marks: clipped },
    stroke(frame.join(''), palette.ink),
    ...above,
    ...xLabels(x, xTicks, bottom).map(({ words, ...place }) => text(words, place)),
    ...(isLabelled ? yLabels(yTicks, box.x, widestLabel) : []).map(({ words, ...place }) => text(words, place)),
    ...xTitle.map((words, i) =>
      text(words, {
        ...{ x: box.x + box.width / 2, anchor: 'middle' },
        y: bottom + footHeight(panel, box.width) - 8 - (xTitle.length - 1 - i) * row,
      }),
    ),
    ...(isFirst
      ? titleLines(panel.yaxis, box.height).map((words, i) =>
          text(words, {
            ...{ x: 8 + i * row + 0.8 * textSize, y: box.y + box.height / 2, anchor: 'middle', angle: -90 },
          }),
        )
      : []),
    ...(panel.title === ''
      ? []
      : [text(fittingTitle(panel.title, box.width), { x: box.x, y: box.y - 8, anchor: 'start', bold: true })]),
  ];
}

/** A title that is too long for its plot ends in dots. */
function fittingTitle(title: string, width: number): string {
  if (textWidth(title, textSize, true) <= width) return title;
  return `${wrapped(title, width - textWidth('…', textSize, true), textSize, true)[0]}…`;
}

function tracesIn(panel: Panel, x: Scale, y: Scale, box: Box): { clipped: Mark[]; above: Mark[] } {
  const isInside = (at: number, from: number, size: number): boolean => at >= from - 0.5 && at <= from + size + 0.5;
  const within = (scale: Scale, from: number, size: number): Scale => ({
    ...scale,
    place: (value) => {
      const at = scale.place(value);
      return at !== null && isInside(at, from, size) ? at : null;
    },
  });
  const [seenX, seenY] = [within(x, box.x, box.width), within(y, box.y, box.height)];
  const all = panel.traces.map((trace, i) => {
    if (trace.type === 'heatmap') return { clipped: [], above: heatMapMarks(trace as HeatMap, x, y) };
    if (trace.type === ('box' as Trace['type'])) return boxMarks(trace, x, y);
    const before = panel.traces[i - 1];
    // Lines run on to points out of sight, and the edge cuts them off; a marker is there as a whole or not at all.
    return {
      clipped: scatterMarks(trace, before, x, y).clipped,
      above: scatterMarks(trace, before, seenX, seenY).above,
    };
  });
  return { clipped: all.flatMap(({ clipped }) => clipped), above: all.flatMap(({ above }) => above) };
}

interface Label {
  readonly words: string;
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'middle' | 'end';
  readonly angle?: number;
}

/** The labels of a horizontal axis, as many as have room side by side; names of categories all, turned aside if need be. */
function xLabels(scale: Scale, ticks: readonly Tick[], bottom: number): Label[] {
  if (isTurned(scale))
    return ticks.map(({ at, label }) => ({
      ...{ words: label, x: at + 0.3 * textSize, y: bottom + tickLength + 3 + 0.7 * textSize },
      ...{ anchor: 'end', angle: -45 },
    }));
  const y = bottom + tickLength + 3 + 0.85 * textSize;
  const stride = [1, 2, 3, 4, 5, 6].find((every) => {
    const shown = ticks.filter((_, i) => i % every === 0);
    return shown.every(({ at, label }, i) => {
      const next = shown[i + 1];
      return next === undefined || at + halfOf(label) + 8 <= next.at - halfOf(next.label);
    });
  });
  return ticks
    .filter((_, i) => i % (stride ?? 6) === 0)
    .map(({ at, label }) => ({ words: label, x: at, y, anchor: 'middle' }));
}

function halfOf(label: string): number {
  return textWidth(label, textSize) / 2;
}

function yLabels(ticks: readonly Tick[], left: number, widest: number): Label[] {
  return ticks.flatMap(({ at, label }) => {
    const lines = wrapped(label, widest, textSize);
    return lines.map(
      (words, i): Label => ({
        ...{ words, x: left - tickLength - 4, anchor: 'end' },
        y: at + 0.36 * textSize + (i - (lines.length - 1) / 2) * row * 0.9,
      }),
    );
  });
}

function shifted(scale: Scale, by: number): Scale {
  return {
    ...scale,
    start: scale.start + by,
    place: (value) => {
      const at = scale.place(value);
      return at === null ? null : at + by;
    },
    ticks: scale.ticks.map(({ at, label }) => ({ at: at + by, label })),
  };
}

/** Labels of a horizontal axis turned aside where categories have no room beside one another. */
function isTurned(scale: Scale): boolean {
  return scale.step > 0 && scale.ticks.some(({ label }) => textWidth(label, textSize) > scale.step - 6);
}

/** How much room a plot's horizontal axis takes with its labels and title. */
export function footHeight(panel: Panel, width: number): number {
  const scale = xScale(panel, width);
  const longest = Math.max(0, ...scale.ticks.map(({ label }) => textWidth(label, textSize)));
  const labels = isTurned(scale) ? Math.SQRT1_2 * (longest + textSize) + 4 : textSize + 2;
  const lines = titleLines(panel.xaxis, width).length;
  return tickLength + 3 + labels + (lines === 0 ? 4 : 4 + lines * row) + 4;
}

/** The words beside an axis of this length, in lines. */
export function titleLines(axis: Partial<LayoutAxis>, length: number): string[] {
  const title = axisTitle(axis);
  return title === '' ? [] : wrapped(title, length + 20, textSize);
}
