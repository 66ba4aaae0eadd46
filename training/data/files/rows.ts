import { extname } from 'node:path';
import { ArgumentError, LambdamaxError } from '../../../errors.ts';
import { asJsonLines } from './dataBytes.ts';
import { isCutOff, type JsonText, jsonForm, jsonLines, jsonValues } from './jsonTexts.ts';
import { isParquet, parquetRows } from './parquet.ts';
import { requirePythonNumbers } from './pythonNumbers.ts';
import { repeatedField } from './repeatedField.ts';
import { refuseTable } from './tables.ts';

/** One row of a data file: values by field. */
export type DataRow = Record<string, unknown>;

/** A row, and where it stands. */
export interface PlacedRow {
  readonly row: DataRow;
  /** The line that it begins in, counted from 1. */
  readonly line: number;
}

/**
 * The rows of a data file, in order. It is a Parquet table, or .jsonl or .json, either also packed as .gz, and holds an object a line (blank lines
 * are skipped), an array of objects, or objects over several lines. What lies behind the first `limit` rows is not read. Throws
 * a LambdamaxError that names the file and the line or row if one cannot be read, is no object, has a field twice or a text
 * that is no Unicode, or if there is none.
 */
export async function readRows(
  file: string,
  { limit = Number.POSITIVE_INFINITY }: { readonly limit?: number } = {},
): Promise<PlacedRow[]> {
  if (!(limit >= 1)) throw new ArgumentError({ subject: 'limit', expected: 'at least 1 row', got: limit });
  if (isParquet(file)) return placed(file, await parquetRows(file, limit));
  requireExtension(file);
  const form = await jsonForm(file);
  const rows: PlacedRow[] = [];
  if (form !== null)
    for await (const text of form === 'lines' ? jsonLines(file) : jsonValues(file, form)) {
      if (text.text.trim() === '') continue;
      const subject = form === 'lines' ? `${file}, line ${text.line}` : `${file}, ${rowAt(rows.length + 1, text.line)}`;
      rows.push({ row: parseRow(subject, text), line: text.line });
      if (rows.length >= limit) break;
    }
  if (rows.length === 0) throw new LambdamaxError({ subject: file, expected: 'at least one row', got: 'none' });
  if (rows.length === 1) refuseTable(file, rows[0]!.row);
  return rows;
}

/** Rows of a table, which has no lines: each stands in that of its number. */
function placed(file: string, rows: readonly DataRow[]): PlacedRow[] {
  if (rows.length === 0) throw new LambdamaxError({ subject: file, expected: 'at least one row', got: 'none' });
  return rows.map((row, index) => ({ row, line: index + 1 }));
}

/** The number of a row in its file, counted from 1, with its line where that is another. */
export function rowAt(number: number, line: number): string {
  return `row ${number}${line === number ? '' : ` (line ${line})`}`;
}

const readers: Readonly<Record<string, string>> = {
  ...{ '.csv': 'read_csv', '.tsv': 'read_table', '.xlsx': 'read_excel', '.xls': 'read_excel' },
  ...{ '.feather': 'read_feather', '.arrow': 'read_feather' },
};

function requireExtension(file: string): void {
  const inner = extname(file).toLowerCase() === '.gz' ? file.slice(0, -'.gz'.length) : file;
  const extension = extname(inner).toLowerCase();
  if (extension === '.jsonl' || extension === '.json') return;
  const reader = readers[extension];
  throw new LambdamaxError({
    ...{
      subject: file,
      expected: 'a .jsonl or .json file, one packed as .gz, or a .parquet table',
      got: extension || 'no extension',
    },
    ...(reader === undefined ? {} : { remedy: asJsonLines(reader)(file) }),
  });
}

function parseRow(subject: string, { text, isLast }: JsonText): DataRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const remedy = jsonRemedy(text) ?? (isLast ? isCutOff : undefined);
    const parts = { subject, expected: 'valid JSON', got: (cause as Error).message, cause };
    throw new LambdamaxError(remedy === undefined ? parts : { ...parts, remedy });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new LambdamaxError({ subject, expected: 'an object', got: value });
  const twice = repeatedField(text);
  if (twice !== undefined)
    throw new LambdamaxError({
      subject,
      expected: 'each field once',
      got: `${twice} twice`,
      remedy: 'keep one of them',
    });
  if (/\\u[dD][89a-fA-F]/.test(text) && !isUnicode(value)) {
    const remedy = 'write whole characters, as json.dumps(..., ensure_ascii=False) does';
    throw new LambdamaxError({ subject, expected: 'texts of Unicode', got: 'half of a surrogate pair', remedy });
  }
  requirePythonNumbers(text, subject);
  return value as DataRow;
}

/** What is often the matter with a text that is no JSON. */
function jsonRemedy(text: string): string | undefined {
  if (/[:[,]\s*(NaN|-?Infinity)\b/.test(text))
    return "JSON has no NaN: write null, as pandas' to_json does, or leave the field out";
  if (/^\s*\{\s*'/.test(text)) return 'this is how Python prints a dict: write it with json.dumps';
  if (/,\s*$/.test(text))
    return 'JSON lines have no commas between them: put [ and ] around the rows, or take the commas out';
  return undefined;
}

/** Whether no text in a value has half of a surrogate pair, which would become another character on the way to tokens. */
function isUnicode(value: unknown): boolean {
  if (typeof value === 'string') return !/\p{Surrogate}/u.test(value);
  return typeof value !== 'object' || value === null || Object.entries(value).flat().every(isUnicode);
}
