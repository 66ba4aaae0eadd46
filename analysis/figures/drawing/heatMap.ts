import { scaleLinear } from 'd3-scale';
import { palette } from '../figure.ts';
import type { Scale } from './axis.ts';
import { boxPath, type Mark } from './scene.ts';
import { plainText, textSize, textWidth } from './text.ts';
import type { Trace } from './trace.ts';

/** What the drawing needs of a plotly heat map, beyond what its types know. */
export type HeatMap = Trace & {
  readonly zmin?: number;
  readonly zmax?: number;
  readonly xgap?: number;
  readonly ygap?: number;
  readonly colorscale?: readonly (readonly [number, string])[];
};

/** A cell for each value, with its text where there is room for it. */
export function heatMapMarks(trace: HeatMap, x: Scale, y: Scale): Mark[] {
  const size = textSize;
  const colorOf = colorsOf(trace);
  const [width, height] = [x.step - (trace.xgap ?? 0), y.step - (trace.ygap ?? 0)];
  const texts = (trace.text ?? []) as unknown as readonly (readonly string[])[];
  return (trace.z as (number | null)[][]).flatMap((row, i) =>
    row.flatMap((value, j): Mark[] => {
      const [px, py] = [x.place((trace.x as unknown[])[j]), y.place((trace.y as unknown[])[i])];
      if (value === null || px === null || py === null) return [];
      const color = colorOf(value);
      const text = plainText(texts[i]?.[j] ?? '');
      const fits = text !== '' && textWidth(text, size) <= width - 2 && size <= height;
      return [
        { kind: 'path', d: boxPath({ x: px - width / 2, y: py - height / 2, width, height }), fill: color },
        ...(fits
          ? ([{ kind: 'text', text, x: px, y: py + 0.36 * size, anchor: 'middle', size, fill: inkOn(color) }] as const)
          : []),
      ];
    }),
  );
}

/** How wide the bar that explains the colours is, with its labels. */
export function colorBarWidth({ colorbar }: HeatMap): number {
  const size = textSize;
  const labels = labelsOf(colorbar).map((label) => textWidth(label, size));
  return 12 + 14 + 6 + Math.max(textWidth(titleOf(colorbar), size), ...labels) + 2;
}

/** The bar at the right of a plot, `height` high from `top` on. */
export function colorBarMarks(
  trace: HeatMap,
  { left, top, height }: { readonly left: number; readonly top: number; readonly height: number },
): Mark[] {
  const size = textSize;
  const colorOf = colorsOf(trace);
  const { zmin = 0, zmax = 1, colorbar } = trace;
  const title = titleOf(colorbar);
  const [start, length] = title === '' ? [top, height] : [top + 1.4 * size, height - 1.4 * size];
  const place = scaleLinear([zmin, zmax], [start + length, start]);
  const steps = 32;
  const bands = Array.from({ length: steps }, (_, i): Mark => {
    const middle = zmin + ((i + 0.5) / steps) * (zmax - zmin);
    // A little overlap, so that no line of the ground shows between two.
    const box = { x: left + 12, y: start + length * (1 - (i + 1) / steps), width: 14, height: length / steps + 0.5 };
    return { kind: 'path', d: boxPath(box), fill: colorOf(middle) };
  });
  const text = (words: string, x: number, y: number): Mark => ({
    ...{ kind: 'text', text: words, x, y, anchor: 'start', size, fill: palette.ink },
  });
  const ticks = (colorbar?.tickvals ?? []) as readonly number[];
  return [
    ...(title === '' ? [] : [text(title, left + 12, top + 0.8 * size)]),
    ...bands,
    ...ticks.map((value, i) => text(labelsOf(colorbar)[i]!, left + 32, place(value) + 0.36 * size)),
  ];
}

function labelsOf(colorbar: Trace['colorbar']): string[] {
  return ((colorbar?.ticktext ?? []) as readonly unknown[]).map(plainText);
}

function titleOf(colorbar: Trace['colorbar']): string {
  const title: unknown = colorbar?.title;
  return plainText(typeof title === 'object' && title !== null && 'text' in title ? title.text : (title ?? ''));
}

function colorsOf({ colorscale = [], zmin = 0, zmax = 1 }: HeatMap): (value: number) => string {
  const scale = scaleLinear<string>(
    colorscale.map(([share]) => zmin + share * (zmax - zmin)),
    colorscale.map(([, color]) => color),
  ).clamp(true);
  return (value) => hexOf(scale(value));
}

/** `rgb(0, 58, 93)` as `#003a5d`, which every reader of SVG knows. */
function hexOf(color: string): string {
  const parts = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(color);
  if (parts === null) return color;
  return `#${parts
    .slice(1)
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('')}`;
}

/** Black or white, whichever is told better from the ground; spelt otherwise than ink and ground, which a dark page exchanges. */
function inkOn(color: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => (Number.parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue! > 0.18 ? '#000000' : '#ffffff';
}
