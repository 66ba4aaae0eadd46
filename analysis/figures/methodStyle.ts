import type { Dash, MarkerSymbol } from 'plotly.js';

/** How one method looks in every figure. */
export interface MethodStyle {
  readonly color: string;
  readonly symbol: MarkerSymbol;
  readonly dash: Dash;
}

// Okabe and Ito's palette (2008), told apart with any common colour blindness; its yellow is too pale on white and is left
// out. Each colour goes with a marker, so that a print in grey still tells the methods apart.
const blue = '#0072b2';
const vermilion = '#d55e00';
const green = '#009e73';
const purple = '#cc79a7';
const orange = '#e69f00';
const sky = '#56b4e9';
const black = '#222222';

/** Colours of series that are no methods, in the order in which they are taken. */
export const seriesColors = [blue, vermilion, green, purple, orange, sky, black] as const;

/** The looks of the paper's methods and of those that are often drawn beside them; all others get theirs by their names. */
const styles: Readonly<Record<string, readonly [string, MarkerSymbol]>> = {
  lora: [blue, 'circle'],
  pissa: [vermilion, 'square'],
  milora: [green, 'diamond'],
  olora: [purple, 'triangle-up'],
  'init-ab': [orange, 'triangle-down'],
  'lora-ga': [sky, 'pentagon'],
  dora: [black, 'hexagon'],
  gralora: [blue, 'cross'],
  randlora: [vermilion, 'x'],
  loft: [green, 'star-diamond'],
  rslora: [purple, 'hourglass'],
  'lora+': [orange, 'bowtie'],
  eva: [sky, 'square'],
  corda: [black, 'diamond'],
  orthogonal: [blue, 'triangle-left'],
  vera: [vermilion, 'triangle-right'],
  full: [black, 'square'],
};

const dashes: readonly Dash[] = ['solid', 'dash', 'dot', 'dashdot', 'longdash'];
const spareColors = [green, purple, orange, sky, black, blue, vermilion];
const spareSymbols: readonly MarkerSymbol[] = ['hexagram', 'octagon', 'diamond-tall', 'diamond-wide', 'star-square'];

/**
 * The look of each configuration, by its name: colour and marker are the method's, the same in every figure and every
 * study; further configurations of one method differ in their dash. Where there is one method only, with more configurations than
 * there are dashes, they differ in their colour. A method without an entry, or of the user's own, gets a look by its name.
 */
export function methodStyles(
  points: readonly { readonly configuration: string; readonly method: string }[],
): Map<string, MethodStyle> {
  const seen = new Map<string, number>();
  const isByColor = points.length > dashes.length && points.every(({ method }) => method === points[0]!.method);
  return new Map(
    points.map(({ configuration, method }) => {
      const index = seen.get(method) ?? 0;
      seen.set(method, index + 1);
      const [color, symbol] = styles[method.toLowerCase()] ?? spareStyle(method);
      const dash = dashes[(isByColor ? Math.floor(index / spareColors.length) : index) % dashes.length]!;
      return [configuration, { color: isByColor ? spareColors[index % spareColors.length]! : color, symbol, dash }];
    }),
  );
}

function spareStyle(method: string): [string, MarkerSymbol] {
  const hash = [...method].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)!) % 1_000_003, 7);
  return [spareColors[hash % spareColors.length]!, spareSymbols[hash % spareSymbols.length]!];
}
