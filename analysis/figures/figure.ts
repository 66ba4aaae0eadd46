import type { Config, Data, Layout, LayoutAxis } from 'plotly.js';

/** A plotly specification, `Plotly.newPlot(element, data, layout, config)`, and what it shows in words. */
export interface Figure {
  /** What is found, in one sentence without a full stop: `The best rates differ 3.6-fold`. */
  readonly title: string;
  /** What else is to be known, as that runs are still to be made. */
  readonly note?: string;
  readonly data: Data[];
  readonly layout: Partial<Layout>;
}

/** Figures by name, each drawn of what a page is about; null where that has nothing to show. */
export type Drawings<Input> = Readonly<Record<string, (input: Input) => Figure | null>>;

/** Those that there is something to show in. */
export function drawn<Input>(drawings: Drawings<Input>, input: Input): Record<string, Figure> {
  const figures = Object.entries(drawings).map(([name, draw]) => [name, draw(input)] as const);
  return Object.fromEntries(figures.flatMap(([name, figure]) => (figure === null ? [] : [[name, figure]])));
}

/** How figures behave in a page: they follow its width, and keep their tools out of the way. */
export const figureConfig: Partial<Config> = { responsive: true, displaylogo: false, displayModeBar: false };

/** Colours that are no data: a dark page exchanges them for its own, wherever they stand. */
export const palette = {
  ink: '#222222',
  quiet: '#555555',
  faint: '#888888',
  grid: '#e6e6e6',
  ground: 'white',
} as const;

/**
 * Six blues from faint to strong: a line or dot of the last stands out most from the ground. A dark page exchanges them as it does the
 * palette, so that no other colour may be spelt like one of them.
 */
export const shades = ['#9ccae6', '#6fb0d8', '#4596c6', '#277aad', '#125c8a', '#063c5f'] as const;

/** The shade of a share from 0, the faintest, to 1. */
export function shadeOf(share: number): string {
  return shades[Math.round(share * (shades.length - 1))]!;
}

/** The colours that a dark page exchanges, by the names of its own. */
export const exchangedColors: Readonly<Record<string, string>> = {
  ...palette,
  ...Object.fromEntries(shades.map((shade, index) => [`shade-${index + 1}`, shade])),
};

/** The layout shared by all figures: white ground, legend below the axes where it can cover no data. */
export function baseLayout(xaxis: Partial<LayoutAxis>, yaxis: Partial<LayoutAxis>, height: number): Partial<Layout> {
  const lines = {
    gridcolor: palette.grid,
    zeroline: false,
    linecolor: palette.ink,
    ticks: 'outside',
    automargin: true,
  } as const;
  return {
    height,
    autosize: true,
    paper_bgcolor: palette.ground,
    plot_bgcolor: palette.ground,
    font: { family: 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif', size: 14, color: palette.ink },
    margin: { l: 64, r: 16, t: 16, b: 56 },
    hovermode: 'closest',
    xaxis: { ...lines, ...xaxis },
    // With a distance of its own plotly keeps the title clear of tick labels that are longer than its margin.
    yaxis: { ...lines, ...yaxis, title: { ...yaxis.title, standoff: 10 } },
    // Anchored to the whole figure's foot, so that it stays clear of the axis title at any width.
    legend: { orientation: 'h', yref: 'container', y: 0, yanchor: 'bottom', xanchor: 'left', x: 0 },
  };
}

/** The specification for plotly alone, with the figure's words in it as its title. */
export function withPlotlyTitle({ data, layout, title, note }: Figure): Pick<Figure, 'data' | 'layout'> {
  const text = [`<b>${escapeMarkup(title)}</b>`, ...(note === undefined ? [] : [escapeMarkup(note)])].join('<br>');
  const place = { x: 0, xref: 'paper', y: 1, yref: 'paper', yanchor: 'bottom', pad: { b: 8 } } as const;
  const top = note === undefined ? 40 : 60;
  return {
    data,
    layout: { ...layout, title: { text, font: { size: 14 }, ...place }, margin: { ...layout.margin, t: top } },
  };
}

/**
 * A logarithmic axis that shows all `values` (positive) with a margin. Ticks stand at the decades where there are more
 * than three of them, else between them as well, until there are three: at 1, 2 and 5 times, 10⁻³, 2·10⁻³, 5·10⁻³, or closer.
 */
export function logAxis(title: string, values: readonly number[]): Partial<LayoutAxis> & { range: [number, number] } {
  const usable = values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10);
  const low = usable.reduce((least, value) => Math.min(least, value), Infinity);
  const high = usable.reduce((most, value) => Math.max(most, value), -Infinity);
  const [from, to] = usable.length === 0 ? [-1, 1] : [low, high];
  const margin = Math.max(0.05 * (to - from), 0.08);
  const range: [number, number] = [from - margin, to + margin];
  const coarsest = to - from > 3 ? 0 : to - from > 1.5 ? 1 : 2;
  const candidates = tickFactors.slice(coarsest).map((factors) => ticksAt(factors, range));
  const ticks = candidates.find((ticks) => ticks.length >= 3) ?? candidates.at(-1)!;
  return {
    title: { text: escapeMarkup(title) },
    type: 'log',
    range,
    tickvals: ticks,
    ticktext: ticks.map(formatPower),
  };
}

const tickFactors: readonly (readonly number[])[] = [
  [1],
  [1, 3],
  [1, 2, 5],
  [1, 1.5, 2, 3, 5, 7],
  [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9],
  [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 8.5, 9, 9.5],
];

/** These multiples of powers of ten within a range of exponents; of very many decades only every second, third, ... */
function ticksAt(factors: readonly number[], [from, to]: readonly [number, number]): number[] {
  const everyDecade = Math.max(1, Math.ceil((to - from) / 9));
  const ticks: number[] = [];
  for (let decade = Math.floor(from); decade <= Math.ceil(to); decade += everyDecade)
    for (const factor of factors) {
      const place = decade + Math.log10(factor);
      if (place >= from && place <= to) ticks.push(factor * 10 ** decade);
    }
  return ticks;
}

/** 0.002 as 2·10⁻³; between 0.1 and 999 as a plain number. */
export function formatPower(value: number): string {
  if (value >= 0.1 && value < 1000) return String(Number(value.toPrecision(2)));
  const [factor, exponent] = value.toExponential(1).split('e') as [string, string];
  const power = `10${[...String(Number(exponent))].map((digit) => superscripts[digit]).join('')}`;
  return Number(factor) === 1 ? power : `${Number(factor)}·${power}`;
}

const superscripts: Readonly<Record<string, string>> = {
  '-': '⁻',
  '0': '⁰',
  '1': '¹',
  '2': '²',
  '3': '³',
  '4': '⁴',
  '5': '⁵',
  '6': '⁶',
  '7': '⁷',
  '8': '⁸',
  '9': '⁹',
};

/** Text that plotly shows as it stands: plotly reads a small HTML in names, labels and titles. */
export function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
