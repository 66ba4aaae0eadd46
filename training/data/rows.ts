import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { LambdamaxError } from '../../errors.ts';
import { fileFault, readJson } from '../checkpoint/files.ts';

/** One row of a data file: values by field. */
export type DataRow = Record<string, unknown>;

/**
 * The rows of data files, in order: `.jsonl` holds an object a line (blank lines are skipped), `.json` an array of
 * objects. `limit` is the number of rows over all files. Throws a LambdamaxError that names the file and the line or row
 * if one cannot be read, is no object, or if a file holds no row.
 */
export async function readRows(
  files: readonly string[],
  { limit = Number.POSITIVE_INFINITY }: { readonly limit?: number } = {},
): Promise<DataRow[]> {
  if (!(limit >= 1)) throw new LambdamaxError({ subject: '--limit', expected: 'at least 1 row', got: limit });
  const rows: DataRow[] = [];
  for (const file of files) {
    if (rows.length >= limit) break;
    for (const row of await readFileRows(file, limit - rows.length)) rows.push(row);
  }
  return rows;
}

async function readFileRows(file: string, limit: number): Promise<DataRow[]> {
  const readers: Readonly<Record<string, (file: string, limit: number) => Promise<DataRow[]>>> = {
    '.jsonl': readLines,
    '.json': readArray,
  };
  const read = readers[extname(file).toLowerCase()];
  if (read === undefined) {
    throw new LambdamaxError({
      subject: file,
      expected: 'a .jsonl or .json file',
      got: extname(file) || 'no extension',
    });
  }
  const rows = await read(file, limit);
  if (rows.length === 0) throw new LambdamaxError({ subject: file, expected: 'at least one row', got: 'none' });
  return rows;
}

async function readLines(file: string, limit: number): Promise<DataRow[]> {
  const rows: DataRow[] = [];
  const stream = createReadStream(file, 'utf8');
  try {
    let number = 0;
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
      if (text.trim() === '') continue;
      rows.push(parseLine(`${file}, line ${number}`, text));
      if (rows.length >= limit) break;
    }
  } catch (cause) {
    throw fileFault(file, 'a readable file', cause);
  } finally {
    stream.destroy();
  }
  return rows;
}

function parseLine(subject: string, text: string): DataRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LambdamaxError({ subject, expected: 'valid JSON', got: (cause as Error).message, cause });
  }
  return requireRow(subject, value);
}

async function readArray(file: string, limit: number): Promise<DataRow[]> {
  const value = await readJson(file);
  if (!Array.isArray(value)) {
    throw new LambdamaxError({ subject: file, expected: 'an array of rows', got: typeof value });
  }
  return value.slice(0, limit).map((row, index) => requireRow(`${file}, row ${index + 1}`, row));
}

function requireRow(subject: string, value: unknown): DataRow {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as DataRow;
  throw new LambdamaxError({ subject, expected: 'an object', got: value });
}
