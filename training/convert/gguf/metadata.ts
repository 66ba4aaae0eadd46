import { LambdamaxError } from '../../../errors.ts';
import type { MetadataScalar, MetadataValue } from './metadataValue.ts';

/** The metadata of a GGUF file. What a field holds is asked for by its type; a field of another type throws. */
export interface Metadata {
  readonly file: string;
  text(key: string): string | undefined;
  flag(key: string): boolean | undefined;
  /** A finite number. */
  number(key: string): number | undefined;
  /** A whole number from `least` (default 1) to `most` (2^31). */
  count(key: string, least?: number, most?: number): number | undefined;
  texts(key: string): readonly string[] | undefined;
  numbers(key: string): readonly number[] | undefined;
  /** What `read` finds, which must be something. */
  required<T>(key: string, read: (key: string) => T | undefined): T;
  /** Throws unless the field is not there or holds one of these values. */
  only(key: string, allowed: readonly MetadataScalar[]): void;
  /** An error about a field. */
  fault(key: string, expected: string, got: unknown, remedy?: string): LambdamaxError;
  /** Throws for the first field that nobody has asked for and that is not among the harmless ones. */
  requireAllKnown(harmless: (key: string) => boolean): void;
}

/** Access to the fields of a file by name. All functions throw a LambdamaxError that names the file and the field. */
export function metadataOf(file: string, fields: ReadonlyMap<string, MetadataValue>): Metadata {
  const asked = new Set<string>();
  const fault = (key: string, expected: string, got: unknown, remedy?: string) =>
    new LambdamaxError({ subject: `${key} in ${file}`, expected, got, ...(remedy && { remedy }) });
  const read =
    <T extends MetadataValue>(expected: string, fits: (value: MetadataValue) => value is T) =>
    (key: string): T | undefined => {
      asked.add(key);
      const value = fields.get(key);
      if (value === undefined || fits(value)) return value;
      throw fault(key, expected, value);
    };
  const number = read('a finite number', (value): value is number => Number.isFinite(value));
  return {
    file,
    fault,
    number,
    text: read('a text', (value): value is string => typeof value === 'string'),
    flag: read('true or false', (value): value is boolean => typeof value === 'boolean'),
    texts: read('a list of texts', isListOf<string>('string')),
    numbers: read('a list of numbers', isListOf<number>('number')),
    count: (key, least = 1, most = 2 ** 31) => {
      const value = number(key);
      if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return value;
      throw fault(key, `a whole number from ${least} to ${most}`, value);
    },
    required: (key, readField) => {
      const value = readField(key);
      if (value === undefined) throw fault(key, 'a value', 'none');
      return value;
    },
    only: (key, allowed) => {
      asked.add(key);
      const value = fields.get(key);
      if (value === undefined || allowed.some((one) => one === value)) return;
      throw fault(key, allowed.length === 0 ? 'no such field' : allowed.map(String).join(' or '), value, notSupported);
    },
    requireAllKnown: (harmless) => {
      for (const [key, value] of fields)
        if (!asked.has(key) && !harmless(key)) throw fault(key, 'a field that is known here', value, notSupported);
    },
  };
}

const notSupported = 'this kind of model is not supported';

function isListOf<T extends MetadataScalar>(type: 'string' | 'number') {
  return (value: MetadataValue): value is readonly T[] =>
    Array.isArray(value) && value.every((entry) => typeof entry === type);
}
