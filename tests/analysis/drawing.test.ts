import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawFigure } from '../../analysis/figures/drawing/draw.ts';
import type { Mark, Scene, TextMark } from '../../analysis/figures/drawing/scene.ts';
import { svgOf } from '../../analysis/figures/drawing/svg.ts';
import { lineHeight, textSize, textWidth } from '../../analysis/figures/drawing/text.ts';
import { baseLayout, type Figure, logAxis } from '../../analysis/figures/figure.ts';
import { everyFigure } from '../cases/figures.ts';
import { hostileText } from '../cases/pages.ts';

const figures = everyFigure();
/** A phone's width, that of a paper's column (3.3 inches where text is 8 points high), a page's. */
const widths = [362, 3.3 * 72 * (textSize / 8), 960];

function textsIn(marks: readonly Mark[]): TextMark[] {
  return marks.flatMap((mark) => (mark.kind === 'text' ? [mark] : mark.kind === 'clipped' ? textsIn(mark.marks) : []));
}

interface Extent {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The rectangle that a line of text covers, upright or turned a quarter; of one turned aside that of its anchor alone. */
function extentOf({ text, x, y, size, anchor, angle = 0, bold = false }: TextMark): Extent {
  const width = textWidth(text, size, bold);
  const before = anchor === 'start' ? 0 : anchor === 'middle' ? width / 2 : width;
  if (angle === 0) return { left: x - before, right: x - before + width, top: y - 0.75 * size, bottom: y + 0.2 * size };
  if (angle === -90)
    return { left: x - 0.75 * size, right: x + 0.2 * size, top: y + before - width, bottom: y + before };
  const reach = width * Math.SQRT1_2;
  return { left: x - reach, right: x, top: y, bottom: y + reach };
}

for (const width of widths) {
  test(`${Math.round(width)} units wide no text is cut off or smaller than ${textSize}, in any figure`, () => {
    for (const [name, figure] of Object.entries(figures)) {
      const scene = drawFigure(figure, { width, hasTitle: true });
      for (const mark of textsIn(scene.marks)) {
        const { left, right, top, bottom } = extentOf(mark);
        const isIn = left >= -1 && right <= scene.width + 1 && top >= -1 && bottom <= scene.height + 1;
        assert.ok(isIn, `${name}: "${mark.text}" ${JSON.stringify({ left, right, top, bottom })}`);
        assert.is(mark.size, textSize, `${name}: ${mark.text}`);
      }
    }
  });

  test(`${Math.round(width)} units wide no two lines of text lie on one another`, () => {
    for (const [name, figure] of Object.entries(figures)) {
      const texts = textsIn(drawFigure(figure, { width, hasTitle: true }).marks).filter(({ angle }) => angle !== -45);
      for (const [i, a] of texts.entries())
        for (const b of texts.slice(i + 1))
          assert.not(overlap(extentOf(a), extentOf(b)), `${name}: "${a.text}" and "${b.text}"`);
    }
  });
}

function overlap(a: Extent, b: Extent): boolean {
  return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
}

test('text that lies on text is found', () => {
  const mark: TextMark = { kind: 'text', text: 'abc', x: 10, y: 20, anchor: 'start', size: textSize, fill: 'black' };
  assert.ok(overlap(extentOf(mark), extentOf({ ...mark, x: 20 })));
  assert.not(overlap(extentOf(mark), extentOf({ ...mark, y: 20 + textSize * lineHeight })));
});

/** A line through decades, as markers alone. */
function decades(changes: Partial<Figure['data'][number]> = {}): Figure {
  const values = [1e-3, 1e-2, 1e-1];
  const trace = { type: 'scatter', mode: 'markers', x: values, y: values, marker: { symbol: 'circle', size: 10 } };
  return {
    title: 'Decades',
    data: [{ ...trace, ...changes } as Figure['data'][number]],
    layout: baseLayout(logAxis('x', values), logAxis('y', values), 400),
  };
}

function circles({ marks }: Scene): [number, number][] {
  return marks.flatMap((mark) => {
    const [, x, y, radius] = (mark.kind === 'path' && /^M([\d.]+) ([\d.]+)a([\d.]+) /.exec(mark.d)) || [];
    return x === undefined ? [] : [[Number(x) + Number(radius), Number(y)] as [number, number]];
  });
}

test('on logarithmic axes decades are equally far apart, and larger values stand further right and up', () => {
  const [first, second, third] = circles(drawFigure(decades(), { width: 600, hasTitle: false })) as [number, number][];
  assert.ok(Math.abs(second![0] - first![0] - (third![0] - second![0])) < 0.05);
  assert.ok(Math.abs(second![1] - first![1] - (third![1] - second![1])) < 0.05);
  assert.ok(third![0] > first![0] && third![1] < first![1]);
});

test('a point without a place is left out: null, not finite, or 0 on a logarithmic axis', () => {
  for (const value of [null, Number.NaN, 0, -1, Number.POSITIVE_INFINITY]) {
    const figure = decades({ y: [1e-3, value as number, 1e-1] });
    assert.is(circles(drawFigure(figure, { width: 600, hasTitle: false })).length, 2, String(value));
  }
});

test('an error bar whose lower end has no place on a logarithmic axis reaches to where the axis begins', () => {
  const figure = decades({ error_x: { type: 'data', array: [0, 2e-2, 0] } });
  const { marks } = drawFigure(figure, { width: 600, hasTitle: false });
  const paths = marks.flatMap((mark) => (mark.kind === 'clipped' ? mark.marks : []));
  const bars = paths.flatMap((mark) => (mark.kind === 'path' ? [...mark.d.matchAll(/M[^M]+/g)] : [])).map(String);
  const [box] = marks.filter((mark) => mark.kind === 'clipped');
  assert.ok(
    bars.some((bar) => bar.startsWith(`M${Math.round(100 * box!.box.x) / 100} `)),
    bars.join(),
  );
});

test('an open symbol is an outline in the colour of its marker, and a filled one has it inside', () => {
  const looks = ['star', 'star-open'].map((symbol) => {
    const figure = decades({ x: [1e-2], y: [1e-2], marker: { symbol, color: '#123456', size: 10 } });
    const { marks } = drawFigure(figure, { width: 600, hasTitle: false });
    return marks.find((mark) => mark.kind === 'path' && [mark.fill, mark.stroke].includes('#123456'));
  });
  assert.equal(
    looks.map((mark) => mark?.kind === 'path' && [mark.fill, mark.stroke]),
    [
      ['#123456', undefined],
      [undefined, '#123456'],
    ],
  );
});

test('a title stands above the figure only where it is asked for', () => {
  const words = (hasTitle: boolean): boolean =>
    textsIn(drawFigure(decades(), { width: 600, hasTitle }).marks).some(({ text }) => text === 'Decades');
  assert.equal([true, false].map(words), [true, false]);
});

test('names are text and no markup, whatever they hold', () => {
  const named = decades({ name: hostileText.replaceAll('<', '&lt;').replaceAll('>', '&gt;'), showlegend: true });
  const scene = drawFigure({ ...named, title: hostileText }, { width: 960, hasTitle: true });
  const svg = svgOf(scene, { description: hostileText });
  assert.not(/<script|<img/.test(svg));
  assert.match(svg, '&lt;/script&gt;');
});

test.run();
