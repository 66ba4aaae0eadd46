import type { Config, Data, Layout, LayoutAxis } from 'plotly.js';

/** A plotly specification: what `Plotly.newPlot(element, data, layout, config)` takes. */
export interface Figure {
  readonly data: Data[];
  readonly layout: Partial<Layout>;
}

/** How figures behave in a page: they follow its width, and keep their tools out of the way. */
export const figureConfig: Partial<Config> = { responsive: true, displaylogo: false, displayModeBar: false };

const ink = '#222222';
const gridColor = '#e6e6e6';

/** The layout shared by all figures: white ground, legend below the axes where it can cover no data. */
export function baseLayout(xaxis: Partial<LayoutAxis>, yaxis: Partial<LayoutAxis>, height: number): Partial<Layout> {
  const lines = { gridcolor: gridColor, zeroline: false, linecolor: ink, ticks: 'outside', automargin: true } as const;
  return {
    height,
    autosize: true,
    paper_bgcolor: 'white',
    plot_bgcolor: 'white',
    font: { family: 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif', size: 14, color: ink },
    margin: { l: 64, r: 16, t: 16, b: 56 },
    hovermode: 'closest',
    xaxis: { ...lines, ...xaxis },
    yaxis: { ...lines, ...yaxis },
    // Anchored to the whole figure's foot, so that it stays clear of the axis title at any width.
    legend: { orientation: 'h', yref: 'container', y: 0, yanchor: 'bottom', xanchor: 'left', x: 0 },
  };
}

/**
 * A logarithmic axis that shows all `values` (positive) with a margin. Ticks stand at the decades where there are more
 * than three of them, else at 1, 2 and 5 times: 10⁻³, 2·10⁻³, 5·10⁻³.
 */
export function logAxis(title: string, values: readonly number[]): Partial<LayoutAxis> & { range: [number, number] } {
  const usable = values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10);
  const low = usable.length === 0 ? -1 : Math.min(...usable);
  const high = usable.length === 0 ? 1 : Math.max(...usable);
  const margin = Math.max(0.05 * (high - low), 0.12);
  const range: [number, number] = [low - margin, high + margin];
  const factors = high - low > 3 ? [1] : high - low > 1.5 ? [1, 3] : [1, 2, 5];
  const everyDecade = Math.max(1, Math.ceil((high - low) / 8));
  const ticks: number[] = [];
  for (let decade = Math.floor(range[0]); decade <= Math.ceil(range[1]); decade += everyDecade) {
    for (const factor of factors) {
      const place = decade + Math.log10(factor);
      if (place >= range[0] && place <= range[1]) ticks.push(factor * 10 ** decade);
    }
  }
  return {
    title: { text: escapeMarkup(title) },
    type: 'log',
    range,
    tickvals: ticks,
    ticktext: ticks.map(formatPower),
  };
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
