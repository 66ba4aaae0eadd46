import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { TokenRow } from './examples.ts';

/** 12 hexadecimal digits of the SHA-256 of a plain object's canonical JSON: fields in alphabetical order, no spaces. */
export function contentKey(value: object): string {
  return hashOf(value).slice(0, 12);
}

/** The SHA-256, in hexadecimal, of a plain value's canonical JSON. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/**
 * The SHA-256, in hexadecimal, of the contents of files, in this order; names and places do not count.
 * @throws the file system's error for a file that cannot be read.
 */
export async function hashFiles(files: readonly string[]): Promise<string> {
  const whole = createHash('sha256');
  for (const file of files) {
    const one = createHash('sha256');
    await pipeline(createReadStream(file), one);
    whole.update(one.digest());
  }
  return whole.digest('hex');
}

/** The SHA-256, in hexadecimal, of all that is in tokenised rows, whatever file, limit or template they came from. */
export function hashRows(rows: readonly TokenRow[]): string {
  const hash = createHash('sha256');
  for (const row of rows) {
    const fields = Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
    hash.update(`${fields.flatMap(([name, values]) => (values == null ? [] : [`${name} ${values}`])).join('|')}\n`);
  }
  return hash.digest('hex');
}

/** JSON with the fields of every object in alphabetical order. A field that is undefined is left out, as JSON does. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isPlainObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/** Whether a value is an object with fields, and no array. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
