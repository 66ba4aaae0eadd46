import { palette } from '../figure.ts';
import { type Mark, pathThrough } from './scene.ts';
import { lineHeight, plainText, textSize, textWidth, wrapped } from './text.ts';
import { dashesOf, markerMark, type Trace } from './trace.ts';

const sampleWidth = 30;
const gap = 18;

/** The traces that a legend explains. */
export function explained(traces: readonly Trace[], showlegend: boolean | undefined): Trace[] {
  const named = traces.filter((trace) => trace.showlegend !== false && trace.name !== undefined);
  return showlegend === false || (showlegend === undefined && traces.length < 2) ? [] : named;
}

/** Samples with their names in rows, within a width from a corner on, and how high these are. */
export function legendMarks(
  traces: readonly Trace[],
  corner: { readonly left: number; readonly top: number; readonly width: number },
): { marks: Mark[]; height: number } {
  const [size, rowHeight, { width }] = [textSize, lineHeight * textSize, corner];
  let [x, y, height] = [0, 0, 0];
  const marks = traces.flatMap((trace): Mark[] => {
    const lines = wrapped(plainText(trace.name), width - sampleWidth - 6, size);
    const own = sampleWidth + 6 + Math.max(...lines.map((line) => textWidth(line, size)));
    if (x > 0 && x + own > width) [x, y] = [0, height];
    const [left, top] = [corner.left + x, corner.top + y];
    x += own + gap;
    height = Math.max(height, y + lines.length * rowHeight + 2);
    const texts = lines.map(
      (text, i): Mark => ({
        ...{ kind: 'text', text, x: left + sampleWidth + 6, y: top + i * rowHeight + 0.95 * size },
        ...{ anchor: 'start', size, fill: palette.ink },
      }),
    );
    return [...sampleMarks(trace, left, top + 0.6 * size), ...texts];
  });
  return { marks, height };
}

function sampleMarks(trace: Trace, left: number, middle: number): Mark[] {
  const mode = trace.mode ?? 'lines';
  const width = trace.line?.width ?? 2;
  const ends = [left, left + sampleWidth].map((x) => [x, middle] as const);
  const line: Mark = {
    kind: 'path',
    d: pathThrough(ends),
    stroke: String(trace.line?.color ?? palette.ink),
    width,
    dash: dashesOf(trace.line?.dash ?? 'solid', width),
  };
  return [
    ...(mode.includes('lines') && width > 0 ? [line] : []),
    ...(mode.includes('markers') ? [markerMark(trace, left + sampleWidth / 2, middle)] : []),
  ];
}
