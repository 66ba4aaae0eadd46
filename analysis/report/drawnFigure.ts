import { csvOf } from '../figures/drawing/csv.ts';
import { describe } from '../figures/drawing/describe.ts';
import { drawFigure } from '../figures/drawing/draw.ts';
import { svgOf } from '../figures/drawing/svg.ts';
import type { Figure } from '../figures/figure.ts';

/** A figure as a page shows it without any script. */
export interface DrawnFigure {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly note?: string;
  readonly description: string;
  /** An SVG element for screens and paper, and one for a phone: text does not shrink with a narrow screen. */
  readonly wide: string;
  readonly narrow: string;
  /** The data as CSV, in base64. */
  readonly csv: string;
}

const [wide, narrow] = [960, 362];

/** Figures by the ids of their elements. */
export function drawnFigures(figures: Readonly<Record<string, Figure>>): Record<string, DrawnFigure> {
  return Object.fromEntries(Object.entries(figures).map(([id, figure]) => [id, drawnFigure(id, figure)]));
}

function drawnFigure(id: string, figure: Figure): DrawnFigure {
  const description = describe(figure);
  const svg = (width: number): string => svgOf(drawFigure(figure, { width, hasTitle: false }), { description });
  const { title, note } = figure;
  const csv = Buffer.from(csvOf(figure)).toString('base64');
  return {
    id,
    name: id,
    title,
    ...(note !== undefined && { note }),
    description,
    wide: svg(wide),
    narrow: svg(narrow),
    csv,
  };
}
