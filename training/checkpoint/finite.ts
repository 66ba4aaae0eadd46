import { LambdamaxError } from '../../errors.ts';

/**
 * Throws a LambdamaxError that names the subject, the first entry that is NaN or infinite, and what to do, unless all values are
 * finite: a loss that such a tensor has a part in is no number at any learning rate.
 */
export function requireFinite(subject: string, values: ArrayLike<number>, remedy?: string): void {
  requireBelow(subject, values, Infinity, remedy);
}

/** Throws a LambdamaxError unless all values are smaller in size than `limit`, from which on a dtype rounds to infinity. */
export function requireBelow(subject: string, values: ArrayLike<number>, limit: number, remedy?: string): void {
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (Math.abs(value) < limit) continue;
    const expected = limit === Infinity || !Number.isFinite(value) ? 'finite values' : `values below ${limit}`;
    const got = `${value} at entry ${index}`;
    throw new LambdamaxError({ subject, expected, got, ...(remedy === undefined ? {} : { remedy }) });
  }
}
