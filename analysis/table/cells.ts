import { LambdamaxError } from '../../errors.ts';
import type { Table } from './readTable.ts';

/** What becomes of a run. */
export type RunStatus = 'finished' | 'diverged' | 'unfinished';

/** How Python, C, R, SQL and spreadsheets write that there is no number. */
const missing = new Set([
  ...[
    '',
    'nan',
    'nan(ind)',
    'inf',
    'infinity',
    'null',
    'none',
    'nil',
    'na',
    'n/a',
    '<na>',
    'nat',
    'undefined',
    'missing',
  ],
  ...['#n/a', '#na', '#nv', '#num!', '1.#qnan', '1.#snan', '1.#ind', '1.#inf', '-', '--', '–', '—', '?', 'diverged'],
]);

/** Whether a cell says that there is no number; of either sign. */
export function isMissing(cell: string): boolean {
  const plain = cell.toLowerCase();
  return missing.has(plain) || missing.has(plain.replace(/^[+-]/, ''));
}

/** The statuses of Optuna, W&B, Ray Tune, MLflow, Slurm and the like, in lower case. */
const statuses: Readonly<Record<RunStatus, readonly string[]>> = {
  finished: [
    'finished',
    'complete',
    'completed',
    'terminated',
    'success',
    'succeeded',
    'successful',
    'done',
    'ok',
    'true',
    '',
  ],
  diverged: ['diverged'],
  unfinished: [
    ...[
      'crashed',
      'failed',
      'fail',
      'failure',
      'killed',
      'error',
      'errored',
      'pruned',
      'running',
      'waiting',
      'pending',
    ],
    ...[
      'paused',
      'stopped',
      'stopping',
      'preempted',
      'preempting',
      'scheduled',
      'queued',
      'canceled',
      'cancelled',
      'aborted',
    ],
    ...[
      'timeout',
      'timed out',
      'interrupted',
      'unfinished',
      'incomplete',
      'starting',
      'created',
      'out_of_memory',
      'oom',
    ],
    ...['node_fail', 'suspended', 'deleted', 'early_stopped', 'early stopped', 'false'],
  ],
};

/** What a tool's word for a run's status says. Throws a LambdamaxError that names a word that is not known. */
export function statusOf(word: string, subject: string, column: string): RunStatus {
  const known = (Object.keys(statuses) as RunStatus[]).find((status) => statuses[status].includes(word.toLowerCase()));
  if (known !== undefined) return known;
  throw new LambdamaxError({
    subject,
    expected: `${column} to be a status that is known, such as finished, diverged, crashed or running`,
    got: word,
    remedy: `write one of these words in its place, or say \`columns: ignore=${column}\` if it is no status`,
  });
}

/** Reads the numbers of one table, whose decimal sign is told from all of them. */
export type ReadNumber = (cell: string) => number | undefined;

const plainNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const withComma = /^[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?$/i;
/** Three digits behind one sign: 1,234 may be 1234 or 1.234. */
const groups = (sign: string) => new RegExp(`^[+-]?[1-9]\\d{0,2}(\\${sign}\\d{3})+$`);
const [commaGroups, dotGroups] = [groups(','), groups('.')];
const commaGroupsAndDot = /^[+-]?[1-9]\d{0,2}(,\d{3})+\.\d+$/;
const dotGroupsAndComma = /^[+-]?[1-9]\d{0,2}(\.\d{3})+,\d+$/;

/**
 * The way to read a table's numbers, undefined for what is none. The decimal sign is the one that some cell of these columns can only
 * have for that; where none tells, it is the comma in a table with semicolons, else the dot.
 *
 * @throws LambdamaxError that names a cell that can be read in two ways, and a table that has both signs.
 */
export function numberReader({ path, rows, separator }: Table, columns: readonly string[]): ReadNumber {
  const cells = rows.flatMap((row) =>
    columns.map((column) => ({ cell: row.cells[column]!, subject: row.subject, column })),
  );
  const tellsComma = cells.find(
    ({ cell }) => (withComma.test(cell) && !commaGroups.test(cell)) || dotGroupsAndComma.test(cell),
  );
  const tellsDot = cells.find(
    ({ cell }) =>
      (plainNumber.test(cell) && cell.includes('.') && !dotGroups.test(cell)) || commaGroupsAndDot.test(cell),
  );
  const refuse = ({ cell, subject, column }: (typeof cells)[number], expected: string): never => {
    const remedy = 'write numbers with a dot, as 1234.5, and without signs between thousands';
    throw new LambdamaxError({ subject: `${column} in ${subject}`, expected, got: cell, remedy });
  };
  if (tellsComma && tellsDot) refuse(tellsComma, `the decimal dot, as in ${tellsDot.cell} elsewhere in ${path}`);
  const isComma =
    tellsComma !== undefined ||
    (tellsDot === undefined && separator === ';' && cells.some(({ cell }) => commaGroups.test(cell)));
  const twofold = cells.find(({ cell }) => (isComma ? dotGroups : commaGroups).test(cell));
  if (twofold && !(tellsDot && !isComma)) refuse(twofold, 'a number that can be read in one way only');
  return (cell) => {
    const plain = isComma ? cell.replaceAll('.', '').replace(',', '.') : cell.replaceAll(/,(?=\d{3}(\D|$))/g, '');
    const isGrouped =
      (isComma ? dotGroupsAndComma : commaGroupsAndDot).test(cell) || (!isComma && commaGroups.test(cell));
    if (cell.includes(isComma ? '.' : ',') && !isGrouped) return undefined;
    return plainNumber.test(plain) ? Number(plain) : undefined;
  };
}
