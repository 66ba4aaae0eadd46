import { type Mark, type Scene, short } from './scene.ts';

/** What stands around the marks of an SVG. */
export interface SvgOptions {
  /** What somebody hears who does not see the figure. */
  readonly description: string;
  /** Width and height as SVG's own words, `3.3in`; absent: as the page around it has room. */
  readonly size?: { readonly width: string; readonly height: string };
}

const fonts = 'system-ui, -apple-system, Segoe UI, Roboto, DejaVu Sans, sans-serif';

/** A scene as one SVG element. Colours are attributes, so that a style sheet can exchange them. */
export function svgOf({ width, height, marks }: Scene, { description, size }: SvgOptions): string {
  const own = size === undefined ? '' : ` width="${size.width}" height="${size.height}"`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg"${own} viewBox="0 0 ${short(width)} ${short(height)}" role="img" ` +
    `font-family="${fonts}" fill="none"><title>${escaped(description)}</title>${marks.map(markup).join('')}</svg>`
  );
}

function markup(mark: Mark): string {
  if (mark.kind === 'text') {
    const { text, x, y, anchor, size, fill, bold, angle } = mark;
    const attributes = [
      `x="${short(x)}" y="${short(y)}" font-size="${size}" fill="${fill}"`,
      ...(anchor === 'start' ? [] : [`text-anchor="${anchor}"`]),
      ...(bold ? ['font-weight="bold"'] : []),
      ...(angle === undefined ? [] : [`transform="rotate(${angle} ${short(x)} ${short(y)})"`]),
    ];
    return `<text ${attributes.join(' ')}>${escaped(text)}</text>`;
  }
  if (mark.kind === 'clipped') {
    if (mark.marks.length === 0) return '';
    const [x, y, width, height] = [mark.box.x, mark.box.y, mark.box.width, mark.box.height].map(short);
    // A viewport of its own cuts off without an id, which would have to be unique in a page.
    return (
      `<svg x="${x}" y="${y}" width="${width}" height="${height}" viewBox="${x} ${y} ${width} ${height}">` +
      `${mark.marks.map(markup).join('')}</svg>`
    );
  }
  const { d, fill, stroke, width = 1, dash = [], opacity } = mark;
  const attributes = [
    `d="${d}"`,
    ...(fill === undefined ? [] : [`fill="${fill}"`]),
    ...(stroke === undefined ? [] : [`stroke="${stroke}" stroke-width="${width}"`]),
    ...(dash.length === 0 ? [] : [`stroke-dasharray="${dash.map(short).join(' ')}"`]),
    ...(opacity === undefined ? [] : [`opacity="${opacity}"`]),
  ];
  return `<path ${attributes.join(' ')}/>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
