import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Eta } from 'eta';
import type { Config } from 'plotly.js';
import { type Figure, figureConfig } from '../figures/figure.ts';

/** What is above the sections of a page. */
export interface PageHead {
  readonly title: string;
  /** What the page is about, in a few parts of a line. */
  readonly setting: readonly string[];
  /** Date to print; pages have no clock, so that the same findings give the same bytes. */
  readonly generatedAt?: string;
}

const eta = new Eta({ views: fileURLToPath(new URL('.', import.meta.url)), cache: true });

/**
 * One HTML document that needs nothing else: plotly.js, the figures' data and the style are inside. Its sections are the
 * template's; each figure is drawn in the element that has its name for an id. All text is escaped.
 */
export function renderPage<Data extends PageHead>(
  template: string,
  data: Data,
  figures: Readonly<Record<string, Figure>>,
  config: Partial<Config> = figureConfig,
): string {
  return eta.render(template, {
    ...data,
    style: readFileSync(new URL('report.css', import.meta.url), 'utf8'),
    figures: scriptSafe(JSON.stringify(figures)),
    config: scriptSafe(JSON.stringify(config)),
    plotly: plotlySource(),
  });
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

let plotly: string | undefined;

function plotlySource(): string {
  // The one bundle that plotly.js-dist ships. Between script tags the sequence "</script" must not occur.
  plotly ??= readFileSync(createRequire(import.meta.url).resolve('plotly.js-dist'), 'utf8').replaceAll(
    /<\/(?=script)/gi,
    '<\\/',
  );
  return plotly;
}
