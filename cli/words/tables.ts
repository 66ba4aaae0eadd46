import { type Cell, type Output, shortNumber } from './output.ts';

/** How tables are written: aligned for a terminal, or for a document. */
export const tableFormats = ['text', 'markdown', 'latex'] as const;

export type TableFormat = (typeof tableFormats)[number];

/** Lays out tables in a format; lines of an aligned table are the output's own. */
export function tablesIn(format: TableFormat, output: Pick<Output, 'table'>): Pick<Output, 'table'> {
  return format === 'text' ? output : { table: format === 'markdown' ? markdownTable : latexTable };
}

/** A paragraph as it stands in a document of that format: in LaTeX a comment, for tables are pasted alone. */
export function paragraphIn(format: TableFormat, words: string): string {
  return format === 'latex' ? `% ${words.replaceAll('\n', '\n% ')}` : words;
}

type Rows = readonly (readonly Cell[])[];

function markdownTable(header: readonly string[], rows: Rows): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const escaped = (text: string): string => text.replace(/[|\\]/g, '\\$&');
  return [
    line(header.map(escaped)),
    line(header.map((_, column) => (isNumeric(rows, column) ? '---:' : '---'))),
    ...rows.map((row) => line(row.map((cell) => escaped(plainCell(cell))))),
  ];
}

/** A tabular with the rules of the package booktabs. */
function latexTable(header: readonly string[], rows: Rows): string[] {
  const line = (cells: readonly string[]): string => `${cells.join(' & ')} \\\\`;
  const columns = header.map((_, column) => (isNumeric(rows, column) ? 'r' : 'l')).join('');
  return [
    `\\begin{tabular}{${columns}}`,
    '\\toprule',
    line(header.map(latexText)),
    '\\midrule',
    ...rows.map((row) => line(row.map(latexCell))),
    '\\bottomrule',
    '\\end{tabular}',
  ];
}

function isNumeric(rows: Rows, column: number): boolean {
  return rows.some((row) => typeof row[column] === 'number');
}

function plainCell(cell: Cell): string {
  return cell === null ? '–' : typeof cell === 'number' ? shortNumber(cell) : cell;
}

function latexCell(cell: Cell): string {
  if (typeof cell === 'string') return latexText(cell);
  const [, sign, digits, exponent] = /^(-?)([\d.]+)(?:e(-?\d+))?$/.exec(plainCell(cell)) ?? [];
  if (digits === undefined) return cell === null ? '--' : plainCell(cell);
  const power = exponent === undefined ? '' : ` \\times 10^{${exponent}}`;
  return sign === '' && power === '' ? digits : `$${sign}${digits}${power}$`;
}

/** Words with their special signs escaped, and lambda_max as the symbol that it is. */
function latexText(words: string): string {
  const escapes: Readonly<Record<string, string>> = {
    '\\': '\\textbackslash{}',
    '~': '\\textasciitilde{}',
    '^': '\\textasciicircum{}',
  };
  return words
    .split(/((?:2\/)?lambda_max)/)
    .map((part, at) =>
      at % 2 === 1
        ? `$${part.replace('lambda_max', '\\lambda_{\\max}')}$`
        : part.replace(/[\\~^&%$#_{}]/g, (sign) => escapes[sign] ?? `\\${sign}`),
    )
    .join('');
}
