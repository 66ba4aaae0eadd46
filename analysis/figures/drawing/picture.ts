import type { Figure } from '../figure.ts';
import { csvOf } from './csv.ts';
import { describe } from './describe.ts';
import { drawFigure } from './draw.ts';
import { short } from './scene.ts';
import { svgOf } from './svg.ts';
import { textSize } from './text.ts';

/** The kinds of files that a figure can be, besides a page and a specification for plotly. */
export const pictureFormats = ['svg', 'png', 'pdf', 'csv'] as const;

export type PictureFormat = (typeof pictureFormats)[number];

/** How large a figure stands on paper. */
export interface PictureSize {
  /** In inches. */
  readonly width: number;
  /** The size of all text, in points: 72 of them are an inch. */
  readonly fontSize: number;
  /** Whether its title stands above it; a paper has it in the caption. */
  readonly hasTitle: boolean;
}

/** Points, and pixels of a printed picture, in an inch. */
const [points, pixels] = [72, 300];

/** A figure as the content of a file: drawn at its size on paper, or the data behind it as a table. */
export async function pictureOf(
  figure: Figure,
  format: PictureFormat,
  { width, fontSize, hasTitle }: PictureSize,
): Promise<string | Uint8Array> {
  if (format === 'csv') return csvOf(figure);
  // The width in units of which the text is as high as drawings have it.
  const scene = drawFigure(figure, { width: (width * points * textSize) / fontSize, hasTitle });
  if (format === 'svg') {
    const size = { width: `${short(width)}in`, height: `${short((width * scene.height) / scene.width)}in` };
    return svgOf(scene, { description: describe(figure), size });
  }
  // Both are loaded by those who ask for them.
  if (format === 'pdf') return (await import('./pdf.ts')).pdfOf(scene, { width: width * points, title: figure.title });
  return (await import('./png.ts')).pngOf(scene, Math.round(width * pixels));
}
