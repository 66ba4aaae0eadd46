import { LambdamaxError } from '../../errors.ts';
import type { TaskRow } from './task.ts';

/** The text in a field of a row. Throws a LambdamaxError that names row (`subject`) and field if it holds none. */
export function textField(row: TaskRow, field: string, subject: string): string {
  const value = Object.hasOwn(row, field) ? row[field] : undefined;
  if (typeof value === 'string') return value;
  if (value !== undefined)
    throw new LambdamaxError({ subject: `field ${field} of ${subject}`, expected: 'a text', got: value });
  const got = `fields ${Object.keys(row).join(', ') || 'none'}`;
  throw new LambdamaxError({ subject, expected: `a field ${field}`, got });
}

/** Two fields of a row that belong together. */
export type FieldPair = readonly [prompt: string, response: string];

/**
 * The texts of the first pair of which a row has both fields; under an `instruction`, the text of `input` follows in a line of
 * its own, if there is any. Throws a LambdamaxError that names the row and all pairs if it has none.
 */
export function textPair(row: TaskRow, pairs: readonly FieldPair[], subject: string): FieldPair {
  const pair = pairs.find((fields) => fields.every((field) => Object.hasOwn(row, field)));
  if (pair === undefined) {
    const expected = `fields ${pairs.map((fields) => fields.join('/')).join(', or ')}`;
    throw new LambdamaxError({ subject, expected, got: Object.keys(row).join(', ') || 'no fields' });
  }
  const [prompt, response] = pair.map((field) => textField(row, field, subject)) as [string, string];
  // Tables of others hold null where nothing stands.
  const more = pair[0] === 'instruction' && (row.input ?? null) !== null ? textField(row, 'input', subject) : '';
  return [more === '' ? prompt : `${prompt}\n${more}`, response];
}
