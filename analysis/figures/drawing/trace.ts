import type { Datum, ErrorBar, PlotData } from 'plotly.js';
import { quantile } from '../../../numerics/statistics.ts';
import { palette } from '../figure.ts';
import type { Scale } from './axis.ts';
import { type Mark, pathThrough } from './scene.ts';
import { isOpen, symbolPath } from './symbols.ts';
import { plainText, textSize } from './text.ts';

/** A trace of a plotly specification, as far as figures use it. */
export type Trace = Partial<PlotData>;

/** The marks of a trace: those that the plot's edge cuts off, and those painted above all lines. */
export interface TraceMarks {
  readonly clipped: readonly Mark[];
  readonly above: readonly Mark[];
}

/** The values of a trace along an axis, the ends of its error bars among them. */
export function valuesAlong(trace: Trace, axis: 'x' | 'y'): unknown[] {
  const values = (trace[axis] ?? []) as readonly unknown[];
  const bars = errorBarsOf(trace, axis);
  return values.flatMap((value, i) =>
    typeof value === 'number' && bars !== null ? [value, value - bars.minus[i]!, value + bars.plus[i]!] : [value],
  );
}

/** Lines, error bars and markers; `before` is the trace before, to whose line an area reaches. */
export function scatterMarks(trace: Trace, before: Trace | undefined, x: Scale, y: Scale): TraceMarks {
  const points = placed(trace, x, y);
  const mode = trace.mode ?? 'lines';
  const opacity = trace.marker?.opacity as number | undefined;
  const line = trace.line;
  const area: Mark[] =
    trace.fill === 'tonexty' && before
      ? [
          {
            kind: 'path',
            d: pathThrough([...present(points), ...present(placed(before, x, y)).reverse()], true),
            fill: String(trace.fillcolor),
          },
        ]
      : [];
  const width = line?.width ?? 2;
  const lines: Mark[] =
    mode.includes('lines') && width > 0
      ? [
          {
            kind: 'path',
            d: stretches(points)
              .map((part) => pathThrough(part))
              .join(''),
            stroke: String(line?.color ?? palette.ink),
            width,
            dash: dashesOf(line?.dash ?? 'solid', width),
          },
        ]
      : [];
  const bars = [...errorMarks(trace, 'x', x, y), ...errorMarks(trace, 'y', x, y)];
  const markers: Mark[] = mode.includes('markers')
    ? points.flatMap((point, i) =>
        point === null
          ? []
          : [{ ...markerMark(trace, point[0], point[1], i), ...(opacity !== undefined && { opacity }) }],
      )
    : [];
  const texts = mode.includes('text') ? textMarks(trace, points) : [];
  return { clipped: [...area, ...lines, ...bars], above: [...markers, ...texts] };
}

/** Texts above the markers of their points. */
function textMarks({ text, marker }: Trace, points: readonly (Place | null)[]): Mark[] {
  const texts = (text ?? []) as readonly unknown[];
  return points.flatMap((point, i): Mark[] => {
    if (point === null) return [];
    const [x, y] = [point[0], point[1] - Number(marker?.size ?? 0) / 2 - 4];
    return [{ kind: 'text', text: plainText(texts[i]), x, y, anchor: 'middle', size: textSize, fill: palette.ink }];
  });
}

/** The marker of a trace's point at a place; sizes and colours may be each point's own. */
export function markerMark({ marker = {} }: Trace, x: number, y: number, index = 0): Mark & { kind: 'path' } {
  const symbol = String(marker.symbol ?? 'circle');
  const own = <T>(values: T | readonly T[] | undefined): T | undefined =>
    Array.isArray(values) ? (values[index] as T) : (values as T | undefined);
  const color = String(own<unknown>(marker.color) ?? palette.ink);
  const edge = marker.line?.width ? { stroke: String(marker.line.color), width: Number(marker.line.width) } : {};
  const d = symbolPath(symbol, x, y, Number(own<unknown>(marker.size) ?? 6));
  return isOpen(symbol) ? { kind: 'path', d, stroke: color, width: 2 } : { kind: 'path', d, fill: color, ...edge };
}

/** The lengths of dashes and gaps of a line's style. */
export function dashesOf(style: string, width: number): number[] {
  const lengths: Readonly<Record<string, readonly number[]>> = {
    dot: [1, 2],
    dash: [4.5, 3],
    longdash: [9, 4],
    dashdot: [5, 2.5, 1, 2.5],
  };
  return (lengths[style] ?? []).map((length) => length * width);
}

/** Boxes that lie on their sides, from the first to the third quartile, with the median, and lines to the ends. */
export function boxMarks(trace: Trace, x: Scale, y: Scale): TraceMarks {
  const values = [...((trace.x ?? []) as number[])].filter((value) => x.place(value) !== null).sort((a, b) => a - b);
  const row = Number((trace.y as readonly Datum[])[0]);
  if (values.length === 0) return { clipped: [], above: [] };
  const [low, first, median, third, high] = [0, 0.25, 0.5, 0.75, 1].map((q) => x.place(quantile(values, q))!);
  const half = Number(trace.width ?? 0.5) / 2;
  const [top, middle, bottom] = [row + half, row, row - half].map((value) => y.place(value)!);
  const stroke = { stroke: String(trace.line?.color), width: Number(trace.line?.width ?? 1) };
  const box = [
    [first!, top!],
    [third!, top!],
    [third!, bottom!],
    [first!, bottom!],
  ] as const;
  const lines = [
    [low!, middle!, first!, middle!],
    [third!, middle!, high!, middle!],
    [median!, top!, median!, bottom!],
  ].map(
    ([x1, y1, x2, y2]): Mark => ({
      kind: 'path',
      d: pathThrough([
        [x1!, y1!],
        [x2!, y2!],
      ]),
      ...stroke,
    }),
  );
  return {
    clipped: [{ kind: 'path', d: pathThrough(box, true), fill: String(trace.fillcolor), ...stroke }, ...lines],
    above: [],
  };
}

type Place = readonly [x: number, y: number];

function placed(trace: Trace, x: Scale, y: Scale): (Place | null)[] {
  const ys = (trace.y ?? []) as readonly unknown[];
  return ((trace.x ?? []) as readonly unknown[]).map((value, i) => {
    const [px, py] = [x.place(value), y.place(ys[i])];
    return px === null || py === null ? null : [px, py];
  });
}

function present(points: readonly (Place | null)[]): Place[] {
  return points.filter((point) => point !== null);
}

/** A line without a value in it is two lines. */
function stretches(points: readonly (Place | null)[]): Place[][] {
  const parts: Place[][] = [[]];
  for (const point of points) {
    if (point === null) parts.push([]);
    else parts.at(-1)!.push(point);
  }
  return parts.filter((part) => part.length > 0);
}

/** How far the error bars of each point reach; null where a trace has none. */
export function errorBarsOf(trace: Trace, axis: 'x' | 'y'): { plus: number[]; minus: number[] } | null {
  const error: ErrorBar | undefined = axis === 'x' ? trace.error_x : trace.error_y;
  const { length } = (trace[axis] ?? []) as readonly unknown[];
  if (error === undefined || error.visible === false || !('array' in error)) return null;
  const numbers = (values: readonly Datum[] | undefined): number[] =>
    Array.from({ length }, (_, i) => Number(values?.[i] ?? 0));
  const plus = numbers(error.array as readonly Datum[]);
  return { plus, minus: error.symmetric === false ? numbers(error.arrayminus as readonly Datum[]) : plus };
}

function errorMarks(trace: Trace, axis: 'x' | 'y', x: Scale, y: Scale): Mark[] {
  const error = axis === 'x' ? trace.error_x : trace.error_y;
  const [along, across] = axis === 'x' ? [x, y] : [y, x];
  const values = (trace[axis] ?? []) as readonly unknown[];
  const others = (trace[axis === 'x' ? 'y' : 'x'] ?? []) as readonly unknown[];
  const bars = errorBarsOf(trace, axis);
  if (bars === null) return [];
  const cap = Number(error?.width ?? 3);
  const d = values.flatMap((value, i) => {
    const middle = across.place(others[i]);
    if (typeof value !== 'number' || middle === null || (bars.plus[i] === 0 && bars.minus[i] === 0)) return [];
    const [low, high] = [along.place(value - bars.minus[i]!), along.place(value + bars.plus[i]!)];
    if (high === null) return [];
    const turn = (a: number, b: number): Place => (axis === 'x' ? [a, b] : [b, a]);
    const capAt = (end: number): string => pathThrough([turn(end, middle - cap), turn(end, middle + cap)]);
    const bar = pathThrough([turn(low ?? along.start, middle), turn(high, middle)]);
    return [bar, ...(low === null ? [] : [capAt(low)]), capAt(high)];
  });
  const stroke = String(error?.color ?? trace.marker?.color ?? trace.line?.color ?? palette.ink);
  return d.length === 0 ? [] : [{ kind: 'path', d: d.join(''), stroke, width: Number(error?.thickness ?? 2) }];
}
