import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Eta } from 'eta';
import type { Config } from 'plotly.js';
import { exchangedColors, type Figure, figureConfig } from '../figures/figure.ts';
import { drawnFigures } from './drawnFigure.ts';

/** What is above the sections of a page. */
export interface PageHead {
  readonly title: string;
  /** What the page is about, in a few parts of a line. */
  readonly setting: readonly string[];
  /** What was found, in a sentence or two. */
  readonly answer?: string;
  /** That something is still to come, and what. */
  readonly status?: string | null;
  /** Date to print; pages have no clock, so that the same findings give the same bytes. */
  readonly generatedAt?: string;
}

/** How a page's figures become interactive. */
export interface PageOptions {
  readonly config?: Partial<Config>;
  /** The bundle of plotly.js inside: what cartesian figures need, or all of it. */
  readonly bundle?: 'plotly.js-cartesian-dist-min' | 'plotly.js-dist';
}

/** The templates of pages, each by its path from their folder; one in a folder of its own refers to those outside by a slash. */
export const eta = new Eta({ views: fileURLToPath(new URL('templates/', import.meta.url)), cache: true });

/**
 * One HTML document that needs nothing else. Its sections are the template's; they show each figure, by its name, as a picture that is
 * there without any script. plotly.js and the figures' data are inside too, and make them interactive. All text is escaped.
 */
export function renderPage<Data extends PageHead>(
  template: string,
  data: Data,
  figures: Readonly<Record<string, Figure>>,
  { config = figureConfig, bundle = 'plotly.js-cartesian-dist-min' }: PageOptions = {},
): string {
  const specifications = {
    figures: Object.fromEntries(Object.entries(figures).map(([id, { data, layout }]) => [id, { data, layout }])),
    config,
    colors: Object.fromEntries(Object.entries(exchangedColors).map(([name, color]) => [color, `--${name}`])),
  };
  return eta.render(template, {
    ...data,
    drawn: drawnFigures(figures),
    style: pageStyle(),
    script: pageScript(),
    specifications: scriptSafe(JSON.stringify(specifications)),
    plotly: packed(bundle),
  });
}

/** The style of every page, in which pictures take the page's own colours. */
export function pageStyle(): string {
  return `${textOf('report.css')}\n${exchangeRules()}`;
}

/** What makes the figures of a page interactive. */
export function pageScript(): string {
  return textOf('interactive.js');
}

/** JSON that no HTML parser can take for the end of its script element, and no old JavaScript for a line end. */
export function scriptSafe(json: string): string {
  return json
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('&', '\\u0026')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

/** Rules by which pictures take the colours of their page, which is dark where somebody likes that better. */
function exchangeRules(): string {
  return Object.entries(exchangedColors)
    .flatMap(([name, color]) =>
      ['fill', 'stroke'].map((kind) => `.still [${kind}="${color}"] { ${kind}: var(--${name}); }`),
    )
    .join('\n');
}

function textOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}

const bundles = new Map<string, string>();

/** A bundle of plotly.js, compressed, in letters. */
function packed(name: string): string {
  const known = bundles.get(name);
  if (known !== undefined) return known;
  const source = readFileSync(createRequire(import.meta.url).resolve(name));
  const letters = gzipSync(source, { level: 9 }).toString('base64');
  bundles.set(name, letters);
  return letters;
}
