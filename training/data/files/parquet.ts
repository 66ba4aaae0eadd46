import { LambdamaxError } from '../../../errors.ts';
import { fileFault } from '../../checkpoint/files.ts';

/** Whether a file is a Parquet table by its name. */
export function isParquet(file: string): boolean {
  return /\.parquet$/i.test(file);
}

/**
 * The first rows of a Parquet table, in order; of a long one no more is read. Whole numbers become numbers, moments texts; lists and
 * structures stay what they are in JSON.
 * @throws LambdamaxError that names the file if it cannot be read, or is no Parquet table.
 */
export async function parquetRows(file: string, limit = Number.POSITIVE_INFINITY): Promise<Record<string, unknown>[]> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const source = await asyncBufferFromFile(file).catch((cause: unknown) => {
    throw fileFault(file, 'a readable file', cause);
  });
  try {
    const metadata = await parquetMetadataAsync(source);
    const rowEnd = Math.min(Number(metadata.num_rows), limit);
    const rows = await parquetReadObjects({ file: source, metadata, compressors, rowStart: 0, rowEnd });
    return rows.map((row) => asJson(row) as Record<string, unknown>);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== undefined) throw fileFault(file, 'a readable file', cause);
    throw new LambdamaxError({ subject: file, expected: 'a Parquet table', got: (cause as Error).message, cause });
  }
}

/** A value as it would stand in JSON. */
function asJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.toISOString();
  if (value === undefined) return null;
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array);
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asJson(inner)]));
}
