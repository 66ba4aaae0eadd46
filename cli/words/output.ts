import colors from 'picocolors';
import { clock } from '../../analysis/rates/format.ts';
import { printable } from './printable.ts';
import { type Progress, showProgress } from './progress.ts';
import type { OutputStream } from './stream.ts';

/** How much is said, and in which form. */
export interface OutputOptions {
  /** Standard output gets one JSON object; words go to standard error. */
  readonly json: boolean;
  /** No words but the result and errors. */
  readonly quiet: boolean;
}

/** A cell of a table: numbers stand on the right, to four digits. */
export type Cell = string | number | null;

/** Where a command's results, words and progress go. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** The command's result: the object with `--json`, else the lines of `words`. Once a command. */
  result(value: object, words: () => readonly string[]): void;
  /** A line about what happens, on standard error. */
  say(line: string): void;
  /** What is begun and may take long: said on standard error if it does, since whoever computes cannot speak. */
  stage(words: string): void;
  /** Seconds since the command began: what results call `seconds`. */
  elapsed(): number;
  /** A line that must be read even when all is quiet, on standard error. */
  warn(line: string): void;
  /** What is kept if the command is interrupted from now on, and how it goes on; said then. */
  keep(words: string): void;
  /** Progress over so many steps, on standard error. */
  progress(total: number, label: string): Progress;
  /** Lines of an aligned table. */
  table(header: readonly string[], rows: readonly (readonly Cell[])[]): string[];
}

/** What surrounds a command besides its streams. */
export interface OutputSurroundings {
  /** Told what is kept if the command is interrupted from now on. */
  readonly keep?: (words: string) => void;
  /** Told what is begun, to say it once that has taken some time. */
  readonly doing?: (words: string) => void;
  /** When the command began, a time of `performance.now()`; default now. */
  readonly began?: number;
}

/** An output on these streams. */
export function createOutput(
  { json, quiet }: OutputOptions,
  stdout: OutputStream = process.stdout,
  stderr: OutputStream = process.stderr,
  { keep = () => {}, doing = () => {}, began = performance.now() }: OutputSurroundings = {},
): Output {
  // picocolors itself looks at a stream that a thread does not have.
  const { NO_COLOR, TERM } = process.env;
  const paint = colors.createColors(stdout.isTTY === true && !NO_COLOR && TERM !== 'dumb');
  const line = (text: string): unknown => stderr.write(`${printable(text)}\n`);
  let isDone = false;
  const elapsed = (): number => (performance.now() - began) / 1000;
  return {
    json,
    quiet,
    result(value, words) {
      if (isDone) throw new Error('a command has one result');
      isDone = true;
      const lines = json ? [JSON.stringify(value, plain, 2)] : words().map(printable);
      stdout.write(lines.map((text) => `${text}\n`).join(''));
    },
    say: (text) => {
      if (!quiet) line(text);
    },
    stage: (words) => {
      if (!quiet) doing(printable(`${clock(elapsed())}: ${words}`));
    },
    elapsed,
    warn: line,
    keep,
    progress: (total, label) => showProgress(total, label, { quiet, stream: stderr }),
    table: (header, rows) => alignedLines(header, rows, paint.dim),
  };
}

/** A number to so many digits, without needless zeros: 0.00002 as 2e-5. */
export function shortNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  const rounded = Number(value.toPrecision(digits));
  const isPlain = rounded === 0 || (Math.abs(rounded) >= 1e-3 && Math.abs(rounded) < 1e6);
  return isPlain ? String(rounded) : rounded.toExponential().replace('e+', 'e');
}

/** A share as a percentage, with its 95 % confidence interval. */
export function percent({ value, low, high }: { readonly value: number; readonly low: number; readonly high: number }) {
  const [share, from, to] = [value, low, high].map((part) => (100 * part).toFixed(1));
  return `${share} % (95 %: ${from} to ${to})`;
}

function alignedLines(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  dim: (text: string) => string,
): string[] {
  const isNumeric = header.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  const texts = rows.map((row) =>
    row.map((cell) => (cell === null ? '-' : typeof cell === 'number' ? shortNumber(cell) : printable(cell))),
  );
  const widths = header.map((title, column) =>
    Math.max(title.length, ...texts.map((row) => (row[column] ?? '').length)),
  );
  const lineOf = (row: readonly string[]): string =>
    row
      .map((text, column) => (isNumeric[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [dim(lineOf(header)), ...texts.map(lineOf)];
}

/** Typed arrays print as arrays. JSON itself makes null of numbers that are not finite. */
function plain(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
    ? Array.from(value as unknown as ArrayLike<number>)
    : value;
}
