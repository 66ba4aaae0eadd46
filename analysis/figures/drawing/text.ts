/** Advance widths of the characters 32 to 126 in DejaVu Sans, in thousandths of its size: the widest of the fonts in use. */
// biome-ignore format: a table
const widths = [
  318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636, 636,
  636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787,
  603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635,
  634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

/** The size of all text in a drawing: the unit in which everything else is measured. */
export const textSize = 14;

/** How much wider bold text is, at most on average. */
const boldness = 1.13;

/** Distance of two baselines, in sizes of the text. */
export const lineHeight = 1.3;

/** The width of a line of text; characters outside ASCII count as a digit, Chinese and its like as a square. */
export function textWidth(text: string, size: number, bold = false): number {
  let sum = 0;
  for (const letter of text) {
    const code = letter.codePointAt(0)!;
    sum += widths[code - 32] ?? (code > 0x2e80 ? 1000 : 640);
  }
  return (sum / 1000) * size * (bold ? boldness : 1);
}

/** Text in lines no wider than `width`, broken between words; a word that is wider is broken within. */
export function wrapped(text: string, width: number, size: number, bold = false): string[] {
  const fits = (line: string): boolean => textWidth(line, size, bold) <= width;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && fits(`${last} ${word}`)) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(...pieces(word, fits));
  }
  return lines;
}

/** A word in pieces that fit, each of at least one letter. */
function pieces(word: string, fits: (line: string) => boolean): string[] {
  const parts: string[] = [''];
  for (const letter of word) {
    const last = parts.at(-1)!;
    if (last === '' || fits(last + letter)) parts[parts.length - 1] = last + letter;
    else parts.push(letter);
  }
  return parts;
}

/** The text that plotly would show: its line breaks as lines, without marks, entities as what they stand for. */
function plainLines(markup: unknown): string[] {
  return String(markup ?? '')
    .split(/<br\s*\/?>/)
    .map((line) =>
      line
        .replaceAll(/<\/?[a-z]+>/g, '')
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&amp;', '&'),
    );
}

/** The text that plotly would show, in one line. */
export function plainText(markup: unknown): string {
  return plainLines(markup).join(' ');
}
