import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { readJson } from './files.ts';

/** The contents of a Hugging Face `config.json`. */
export interface ConfigFile {
  /** Its path, which error messages begin with. */
  readonly file: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Reads `config.json` of a checkpoint folder. Throws a LambdamaxError that names the file if it is no JSON object. */
export async function readConfigFile(directory: string): Promise<ConfigFile> {
  const file = join(directory, 'config.json');
  const raw = await readJson(file);
  const parsed = z.looseObject({}).safeParse(raw);
  if (!parsed.success) throw new LambdamaxError({ subject: file, expected: 'a JSON object', got: raw });
  return { file, values: parsed.data };
}

/** A config file with other values under some keys. */
export function withValues({ file, values }: ConfigFile, changed: ConfigFile['values']): ConfigFile {
  return { file, values: { ...values, ...changed } };
}

/** The keys that a schema asks for. Throws a LambdamaxError that names the file and the first key that does not fit. */
export function parseConfig<T>({ file, values }: ConfigFile, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const got = path.reduce<unknown>((value, part) => (value as Record<PropertyKey, unknown>)?.[part], values);
  throw new LambdamaxError({
    subject: `${path.join('.')} in ${file}`,
    expected: `a valid value (${message})`,
    got: got ?? 'none',
  });
}

/**
 * Throws a LambdamaxError where a key has another value than those under which our models compute the same as
 * transformers; a key that is absent or null passes. An empty list allows no value at all.
 */
export function requireValues(
  { file, values }: ConfigFile,
  allowedValues: Readonly<Record<string, readonly unknown[]>>,
): void {
  for (const [key, allowed] of Object.entries(allowedValues)) {
    const value = values[key] ?? undefined;
    if (value === undefined || allowed.some((one) => isDeepStrictEqual(one, value))) continue;
    const expected = allowed.length === 0 ? 'no such key' : allowed.map((one) => JSON.stringify(one)).join(' or ');
    throw new LambdamaxError({
      subject: `${key} in ${file}`,
      expected,
      got: value,
      remedy: 'this kind of model is not supported',
    });
  }
}

/**
 * The model type of a checkpoint, one of the keys of `known`, whose values are the classes in transformers. Throws a
 * LambdamaxError that lists the known ones for any other, and for a class that is no language model.
 */
export function modelTypeOf({ file, values }: ConfigFile, known: ReadonlyMap<string, string>): string {
  const { model_type: type, architectures: classes } = values;
  const expected = `a known model_type: ${[...known].map(([name, label]) => `${name} (${label})`).join(', ')}`;
  const names = Array.isArray(classes) ? classes.map(String) : [];
  if (type === undefined || type === null) {
    const fitting = [...known].find(([, label]) => names.includes(label));
    if (fitting === undefined) throw new LambdamaxError({ subject: file, expected, got: classes ?? 'none' });
    return fitting[0];
  }
  if (typeof type !== 'string' || !known.has(type)) throw new LambdamaxError({ subject: file, expected, got: type });
  const label = known.get(type)!;
  if (names.length > 0 && !names.includes(label)) {
    throw new LambdamaxError({ subject: `architectures in ${file}`, expected: label, got: classes });
  }
  return type;
}
