import { readFileSync } from 'node:fs';
import { type CsvError, parse } from 'csv-parse/sync';
import { LambdamaxError } from '../../errors.ts';
import { fileFault } from '../../training/checkpoint/files.ts';

/** One row of a table: its cells by column, without blanks around them, and how an error names it. */
export interface TableRow {
  readonly cells: Readonly<Record<string, string>>;
  readonly subject: string;
}

/** A table as it was written: the columns' names are all different and none is empty. */
export interface Table {
  readonly path: string;
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
  readonly separator: string;
}

const separators = [',', ';', '\t', '|'];

/**
 * Reads a table with a header and at least one row, in UTF-8 or UTF-16 as spreadsheets write it; cells are separated by commas,
 * semicolons, tabs or bars, whichever the header has most of. A first column without a name is the index that pandas writes, and
 * left out. Columns `config` and `summary` that hold JSON or a Python dict, as runs of W&B's API do, are taken apart.
 *
 * @throws LambdamaxError that names the file, and the line or the column that is not as it should be.
 */
export function readTable(path: string): Table {
  const text = decode(path).replace(/^\ufeff/, '');
  // Excel's own hint.
  const [, told] = /^sep=(.)\r?\n/i.exec(text) ?? [];
  const skipped = told === undefined ? 0 : text.indexOf('\n') + 1;
  const body = text.slice(skipped);
  const separator = told ?? separatorOf(body);
  const [header, ...lines] = parseCells(path, body, separator);
  if (header === undefined)
    throw new LambdamaxError({ subject: path, expected: 'a table with a header', got: 'an empty file' });
  if (lines.length === 0)
    throw new LambdamaxError({ subject: path, expected: 'at least one row', got: 'a header only' });
  const firstLine = told === undefined ? 0 : 1;
  const names = header.record.map((name, place) => (name === '' && place === 0 ? indexName : name));
  const places = keptPlaces(path, names, lines);
  const rows = lines.map(({ record, line }): TableRow => {
    const cells = places.map((place): [string, string] => [names[place]!, record[place]!]);
    return { cells: Object.fromEntries(cells), subject: `${path} line ${line + firstLine}` };
  });
  return takenApart({ path, columns: places.map((place) => names[place]!), rows, separator });
}

/** The name of a first column that has none. */
export const indexName = 'Unnamed: 0';

/** The file as text; what is no text is named. */
function decode(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw fileFault(path, 'a readable CSV file', cause);
  }
  const kind = binaryKinds.find(({ begins }) => bytes.subarray(0, begins.length).equals(Buffer.from(begins)));
  if (kind) throw new LambdamaxError({ subject: path, expected: 'a CSV file', got: kind.name, remedy: kind.remedy });
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const [line] = [...lineOfFault(bytes)];
    const subject = line === undefined ? path : `${path} line ${line}`;
    const remedy = 'save the table as CSV in UTF-8';
    throw new LambdamaxError({
      subject,
      expected: `text in ${encoding.toUpperCase()}`,
      got: 'other bytes',
      remedy,
      cause,
    });
  }
}

const binaryKinds = [
  {
    begins: [0x50, 0x4b, 3, 4],
    name: "a workbook of Excel's or another archive",
    remedy: 'save the sheet as CSV in UTF-8',
  },
  { begins: [0xd0, 0xcf, 0x11, 0xe0], name: "an old workbook of Excel's", remedy: 'save the sheet as CSV in UTF-8' },
  { begins: [0x1f, 0x8b], name: 'a compressed file', remedy: 'gunzip it' },
  { begins: [0x50, 0x41, 0x52, 0x31], name: 'a Parquet file', remedy: "write it with pandas' to_csv" },
];

/** UTF-16 by its mark, or by every second byte of the first ones being zero; else UTF-8. */
function encodingOf(bytes: Buffer): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const first = bytes.subarray(0, 64);
  const zeros = (odd: number): number => first.filter((byte, place) => byte === 0 && place % 2 === odd).length;
  if ((first[0] === 0xff && first[1] === 0xfe) || zeros(1) > first.length / 4) return 'utf-16le';
  if ((first[0] === 0xfe && first[1] === 0xff) || zeros(0) > first.length / 4) return 'utf-16be';
  return 'utf-8';
}

/** The first line, counted from 1, that is no UTF-8. */
function* lineOfFault(bytes: Buffer): Generator<number> {
  let [line, start] = [1, 0];
  for (let end = bytes.indexOf(10); start < bytes.length; end = bytes.indexOf(10, start), line++) {
    const own = bytes.subarray(start, end < 0 ? bytes.length : end);
    if (!Buffer.from(own.toString('utf8')).equals(own)) yield line;
    start = end < 0 ? bytes.length : end + 1;
  }
}

function separatorOf(text: string): string {
  const header = /^(?:"(?:[^"]|"")*"|[^"\r\n])*/.exec(text)![0].replace(/"(?:[^"]|"")*"/g, '');
  const count = (separator: string): number => header.split(separator).length;
  return separators.toSorted((a, b) => count(b) - count(a))[0]!;
}

interface ParsedLine {
  readonly record: readonly string[];
  /** Where it ends, counted from 1. */
  readonly line: number;
}

function parseCells(path: string, text: string, separator: string): ParsedLine[] {
  try {
    const parsed = parse(text, { delimiter: separator, trim: true, skip_empty_lines: true, info: true }) as unknown as {
      record: string[];
      info: { lines: number };
    }[];
    return parsed.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (cause) {
    throw new LambdamaxError({
      subject: path,
      expected: 'CSV with as many fields in each row as in its header',
      got: (cause as CsvError).message,
      cause,
    });
  }
}

/** The places of the columns that are kept: not those without name and contents, and of equal ones the first. */
function keptPlaces(path: string, names: readonly string[], lines: readonly ParsedLine[]): number[] {
  const isEqual = (a: number, b: number): boolean => lines.every(({ record }) => record[a] === record[b]);
  return names.flatMap((name, place) => {
    if (name === '') {
      if (lines.every(({ record }) => record[place] === '')) return [];
      throw new LambdamaxError({
        subject: path,
        expected: 'a name for each column',
        got: `none for column ${place + 1}`,
      });
    }
    const first = names.indexOf(name);
    if (first === place) return [place];
    if (isEqual(first, place)) return [];
    throw new LambdamaxError({
      subject: `column ${name} of ${path}`,
      expected: 'one of this name',
      got: `another in place ${place + 1} with other values`,
      remedy: 'give it a name of its own',
    });
  });
}

/** The table with columns of objects as columns of their fields: `config.lr`. */
function takenApart(table: Table): Table {
  const nested = table.columns.filter((name) => /^(config|summary)$/i.test(name));
  const objects = nested.flatMap((name) => {
    const values = table.rows.map(({ cells }) => objectIn(cells[name]!));
    return values.some((value) => value === undefined) ? [] : [{ name, values: values as Fields[] }];
  });
  if (objects.length === 0) return table;
  const apart = table.rows.map(
    (_, row) =>
      Object.assign({}, ...objects.map(({ name, values }) => flatten(values[row]!, name))) as Record<string, string>,
  );
  const added = [...new Set(apart.flatMap((fields) => Object.keys(fields)))];
  const kept = table.columns.filter((name) => !objects.some((object) => object.name === name));
  const columns = [...kept, ...added.filter((name) => !kept.includes(name))];
  const rows = table.rows.map(({ cells, subject }, row) => ({
    subject,
    cells: Object.fromEntries(columns.map((name) => [name, cells[name] ?? apart[row]![name] ?? ''])),
  }));
  return { ...table, columns, rows };
}

type Fields = Readonly<Record<string, unknown>>;

/** The object that a cell holds, as JSON or as Python shows a dict; undefined for anything else. */
function objectIn(cell: string): Fields | undefined {
  if (!cell.startsWith('{')) return undefined;
  const words: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };
  const json = cell.replace(
    /"(?:[^"\\]|\\.)*"|'((?:[^'\\]|\\.)*)'|(?<![\w.])(True|False|None|-?(?:nan|NaN|inf|Infinity))(?!\w)/g,
    (whole, single: string | undefined, word: string | undefined) => {
      if (single !== undefined) return JSON.stringify(single.replace(/\\'/g, "'"));
      return word === undefined ? whole : (words[word] ?? JSON.stringify(word));
    },
  );
  try {
    return JSON.parse(json) as Fields;
  } catch {
    return undefined;
  }
}

function flatten(fields: Fields, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]): [string, string][] => {
      const path = `${prefix}.${name}`;
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        return [[path, typeof value === 'string' ? value : JSON.stringify(value)]];
      // W&B's own files hold `{ "value": .., "desc": .. }`.
      if ('value' in value && 'desc' in value) return Object.entries(flatten({ [name]: value.value }, prefix));
      return Object.entries(flatten(value as Fields, path));
    }),
  );
}
