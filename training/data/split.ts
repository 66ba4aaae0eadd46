import { scoredPositions, type TokenRow } from './examples.ts';

/** Rows to train on, and rows kept apart to score with. */
export interface HeldOut<Row> {
  readonly training: Row[];
  readonly validation: Row[];
}

/** One row in eight, but not more: enough to tell learning rates apart at little cost. */
const share = 8;
const most = 128;

/** With fewer rows a part of them is too small to score with. */
const fewest = 32;

/**
 * Keeps every eighth row, the first 128 of those at most, apart for scoring; none of fewer than 32 rows. The rows and
 * their order alone decide.
 */
export function holdOut<Row>(rows: readonly Row[]): HeldOut<Row> {
  if (rows.length < fewest) return { training: [...rows], validation: [] };
  const isHeld = (index: number): boolean => index % share === share - 1 && Math.floor(index / share) < most;
  return {
    training: rows.filter((_, index) => !isHeld(index)),
    validation: rows.filter((_, index) => isHeld(index)),
  };
}

/** The first rows that together have at least so many scored tokens, or all. */
export function firstRows(rows: readonly TokenRow[], tokens: number): TokenRow[] {
  let sum = 0;
  return rows.filter((row) => {
    const isWanted = sum < tokens;
    sum += scoredPositions(row);
    return isWanted;
  });
}
