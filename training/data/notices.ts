import type { TokenRows } from './examples.ts';

/** Who is told what a user should know. */
export interface Listener {
  /** A line about what happens. */
  say(words: string): void;
  /** A line that must be read. */
  warn(words: string): void;
}

/** A listener that keeps all to itself. */
export const silent: Listener = { say() {}, warn() {} };

/** Tells what was cut or left out of the rows of some files. */
export function tellOfRows(
  { dropped, cut, parted, unused }: TokenRows,
  files: readonly string[],
  maxLength: number,
  { say, warn }: Listener,
): void {
  const from = files.join(', ');
  if (unused.length > 0) warn(`fields of ${from} that are not used: ${unused.join(', ')}`);
  if (parted > 0)
    warn(
      `in ${countOf(parted)} of ${from} the prompt alone has other tokens than with its response behind it (a token over ` +
        'the boundary, or a template that writes it otherwise): scored from where they part',
    );
  if (cut > 0) say(`cut to ${maxLength} tokens, the most a row may have: ${countOf(cut)} of ${from}`);
  if (dropped > 0) say(`left out, with nothing to score: ${countOf(dropped)} of ${from}`);
}

/** So many rows, in words. */
export function countOf(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`;
}
