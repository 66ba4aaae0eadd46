import { LambdamaxError } from '../../errors.ts';
import type { DataRow } from './files/rows.ts';

/** What the whole numbers of a field must be. */
export interface IntegerLimits {
  readonly lowest: number;
  /** Default: as large as an int32. */
  readonly highest?: number;
  /** One number that is allowed besides. */
  readonly or?: number;
  /** How many there must be, as many as a row has tokens. */
  readonly length?: number;
  /** What they must sum to. */
  readonly sum?: number;
  /** What to do about other numbers. */
  readonly remedy?: string;
}

/** A field of a row that holds an array of whole numbers. Throws a LambdamaxError that names the field, row and position. */
export function readIntegers(row: DataRow, field: string, subject: string, limits: IntegerLimits): Int32Array {
  const { lowest, highest = 2 ** 31 - 1, or, length, sum, remedy } = limits;
  const values = row[field];
  const expected = `an array of ${rangeOf(limits)}`;
  const fault = (got: unknown, place = '', wanted = expected) =>
    new LambdamaxError({
      ...{ subject: `${field} of ${subject}${place}`, expected: wanted, got },
      ...(remedy === undefined ? {} : { remedy }),
    });
  if (!Array.isArray(values)) throw fault(values);
  // Int32Array would wrap larger numbers around.
  const isValid = (value: unknown): boolean =>
    (or !== undefined && value === or) ||
    (Number.isInteger(value) && (value as number) >= lowest && (value as number) <= highest);
  const wrong = values.findIndex((value) => !isValid(value));
  if (wrong >= 0) throw fault(values[wrong], `, position ${wrong}`);
  if (length !== undefined && values.length !== length)
    throw fault(values.length, '', `${length} entries, as in input_ids`);
  const total = values.reduce((left: number, right: number) => left + right, 0);
  if (sum !== undefined && total !== sum) throw fault(total, '', `a sum of ${sum}, the number of input_ids`);
  return Int32Array.from(values);
}

function rangeOf({ lowest, highest, or }: IntegerLimits): string {
  if (lowest === 0 && highest === 1) return 'zeros and ones';
  if (lowest === 0 && highest === 0) return 'zeros';
  return `whole numbers from ${lowest} on${or === undefined ? '' : `, or ${or}`}`;
}
