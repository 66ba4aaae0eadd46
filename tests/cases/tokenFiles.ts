import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomStream } from '../../compute/random.ts';
import { referenceBatch, referenceFile } from './reference.ts';

/** A row as a user's data file has it. */
export interface StoredRow {
  readonly input_ids: readonly number[];
  readonly labels: readonly number[];
  readonly attention_mask?: readonly number[];
}

/** The path that a user would type for a file or folder of the reference. */
export function referencePath(path: string): string {
  return fileURLToPath(referenceFile(path));
}

/** The rows of a reference batch, padding and all. */
export function storedReferenceRows(architecture = 'llama'): StoredRow[] {
  const { input_ids, attention_mask, labels } = referenceBatch(architecture);
  return input_ids.map((ids, row) => ({
    input_ids: ids,
    labels: labels[row]!,
    attention_mask: attention_mask[row]!,
  }));
}

/** Rows of 8 to 16 random tokens that the reference models know; the first three of each are not scored. */
export function randomRows(count: number, seed: number): StoredRow[] {
  const random = randomStream(seed, 'token rows');
  return Array.from({ length: count }, () => {
    const input_ids = Array.from({ length: 8 + Math.floor(9 * random.uniform()) }, () =>
      Math.floor(97 * random.uniform()),
    );
    return { input_ids, labels: input_ids.map((id, position) => (position < 3 ? -100 : id)) };
  });
}

/** Writes rows as `.jsonl`, an object a line, and returns the path. */
export async function writeRows(folder: string, rows: readonly unknown[], name = 'rows.jsonl'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}
