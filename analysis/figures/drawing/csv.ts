import type { Figure } from '../figure.ts';
import { axisTitle, panelsOf } from './panel.ts';
import { plainText } from './text.ts';
import { errorBarsOf, type Trace } from './trace.ts';

type Row = Readonly<Record<string, unknown>>;

/**
 * The data behind a figure as a table in CSV, a row for each point: its series, its values under the titles of the axes, and the ends of
 * its error bars. Columns without any value are left out.
 */
export function csvOf(figure: Figure): string {
  const panels = panelsOf(figure);
  const x = axisTitle(panels[0]?.xaxis ?? {}) || 'x';
  const y = axisTitle(panels[0]?.yaxis ?? {}) || 'y';
  const rows = panels.flatMap(({ title, traces }) =>
    traces
      // The edges of a band, which belong to another series.
      .filter(({ name }) => name !== undefined)
      .flatMap((trace) =>
        rowsOf(trace, x, y).map((row): Row => ({ plot: title, series: plainText(trace.name), ...row })),
      ),
  );
  const columns = ['plot', 'series', x, `${x}, low`, `${x}, high`, y, `${y}, low`, `${y}, high`, 'value', 'text'];
  const used = columns.filter((column) => rows.some((row) => !isEmpty(row[column])));
  return [used, ...rows.map((row) => used.map((column) => row[column]))]
    .map((cells) => cells.map(cell).join(','))
    .join('\n')
    .concat('\n');
}

function rowsOf(trace: Trace, x: string, y: string): Row[] {
  const ys = (trace.y ?? []) as readonly unknown[];
  // Points that are drawn a little apart have their own places beside them.
  const own = (trace.customdata ?? []) as readonly unknown[];
  const xs = typeof own[0] === 'number' ? own : ((trace.x ?? []) as readonly unknown[]);
  const texts = trace.text as unknown as readonly unknown[] | undefined;
  if (trace.type === 'heatmap') {
    const [values, words] = [trace.z as (number | null)[][], texts as readonly (readonly string[])[] | undefined];
    return values.flatMap((row, i) =>
      row.map((value, j) => ({ [x]: shown(xs[j]), [y]: shown(ys[i]), value, text: plainText(words?.[i]?.[j]) })),
    );
  }
  const [barsX, barsY] = [errorBarsOf(trace, 'x'), errorBarsOf(trace, 'y')];
  const ends = (bars: typeof barsX, value: unknown, title: string, i: number): Row =>
    bars === null || typeof value !== 'number'
      ? {}
      : { [`${title}, low`]: value - bars.minus[i]!, [`${title}, high`]: value + bars.plus[i]! };
  return xs.map((value, i) => ({
    ...{ [x]: shown(value), [y]: shown(ys[i]), text: Array.isArray(texts) ? plainText(texts[i]) : '' },
    ...ends(barsX, value, x, i),
    ...ends(barsY, ys[i], y, i),
  }));
}

/** Names of categories without plotly's markup, numbers as they are. */
function shown(value: unknown): unknown {
  return typeof value === 'string' ? plainText(value) : value;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** A cell; numbers to ten digits, which is more than was measured, text in quotes where it needs them. */
function cell(value: unknown): string {
  if (isEmpty(value)) return '';
  const words = typeof value === 'number' ? String(Number(value.toPrecision(10))) : String(value);
  return /[",\n\r]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
}
