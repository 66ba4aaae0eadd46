import type { Data, Layout } from 'plotly.js';

/** Text that would do harm in a page that does not escape it. */
export const hostileText = `</script><script>alert(1)</script><img src=x onerror="alert('2')"> & <!--`;

/** The page without plotly's own source, which is most of it. */
export function ownPart(html: string): string {
  const start = html.indexOf('<script type="text/plain"');
  const end = html.indexOf('</script>', start);
  return html.slice(0, start) + html.slice(end);
}

/** A figure's data as plain JSON. */
export type ReadFigure = { data: (Data & { name: string; x: number[]; y: number[] })[]; layout: Partial<Layout> };

/** The figures' specifications, read as a browser would. */
export function figuresOf(html: string): Record<string, ReadFigure> {
  const [, json] = /<script type="application\/json" id="specifications">(.*?)<\/script>/s.exec(html)!;
  return (JSON.parse(json!) as { figures: Record<string, ReadFigure> }).figures;
}

/** What is wrong with a page: what it would fetch, text that became markup, figures without an element or without a picture in it. */
export function faultsOf(html: string): string[] {
  const own = ownPart(html);
  return [
    ...(/<(link|img|iframe)\b|<script[^>]+src|@import|url\(/i.test(own) ? ['refers to something outside'] : []),
    ...(/<script>alert|<!--/.test(own) ? ['took text for markup'] : []),
    ...(html.match(/<\/script/gi)!.length === 3 ? [] : ['has a script element that ends where it should not']),
    ...Object.keys(figuresOf(html)).flatMap((id) => {
      const [, element] = new RegExp(`<figure class="figure" id="${id}">(.*?)</figure>`, 's').exec(own) ?? [];
      if (element === undefined) return [`has no place for ${id}`];
      return element.match(/<svg [^>]*role="img"/g)?.length === 2 ? [] : [`has not two pictures of ${id}`];
    }),
    ...doubled(own.match(/ id="[^"]*"/g) ?? []).map((id) => `has${id} twice`),
  ];
}

function doubled(words: readonly string[]): string[] {
  return words.filter((word, index) => words.indexOf(word) !== index);
}
