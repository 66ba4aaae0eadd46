import type { Data, Layout } from 'plotly.js';

/** Text that would do harm in a page that does not escape it. */
export const hostileText = `</script><script>alert(1)</script><img src=x onerror="alert('2')"> & <!--`;

/** The page without plotly's own source, which is most of it and contains everything. */
export function ownPart(html: string): string {
  const start = html.indexOf('<script>');
  const end = html.indexOf('</script>', start);
  return html.slice(0, start) + html.slice(end);
}

/** A figure's data as plain JSON. */
export type ReadFigure = { data: (Data & { name: string; x: number[]; y: number[] })[]; layout: Partial<Layout> };

/** The figures, read as a browser would: the text of the last script element. */
export function figuresOf(html: string): Record<string, ReadFigure> {
  const script = html.slice(html.lastIndexOf('<script>'), html.lastIndexOf('</script>'));
  const json = /Object\.entries\((\{.*\})\)\) Plotly/s.exec(script)![1]!;
  return JSON.parse(json) as Record<string, ReadFigure>;
}

/** What is wrong with a page: what it would fetch, text that became markup, figures without an element. */
export function faultsOf(html: string): string[] {
  const own = ownPart(html);
  return [
    ...(/<(link|img|iframe)\b|<script[^>]+src|@import|url\(/i.test(own) ? ['refers to something outside'] : []),
    ...(/<script>alert|<!--/.test(own) ? ['took text for markup'] : []),
    ...(html.match(/<\/script/gi)!.length === 2 ? [] : ['has a script element that ends where it should not']),
    ...Object.keys(figuresOf(html)).flatMap((id) => (own.includes(`id="${id}"`) ? [] : [`has no place for ${id}`])),
  ];
}
