import { LambdamaxError } from '../../errors.ts';
import { isMissing } from './cells.ts';
import { isKnownSetting, kindOf, plainName, settingLabel } from './columnNames.ts';
import type { ColumnChoices, Roles } from './columns.ts';
import { columnNamed } from './columns.ts';
import type { Table, TableRow } from './readTable.ts';

/** Which configuration a row belongs to. */
export interface RowConfiguration {
  /** The method, or what the table calls the configuration, and the settings that tell it from others: `pissa, rank 64`. */
  readonly name: string;
  readonly method: string;
  /** All settings that differ within the table, by column; empty where a row has none. */
  readonly settings: Readonly<Record<string, string>>;
}

/** The configurations of a table's rows, and the columns that tell them apart or tell repeated runs apart. */
export interface Configurations {
  readonly of: (row: TableRow) => RowConfiguration;
  readonly settingColumns: readonly string[];
  readonly seedColumns: readonly string[];
}

/** What runs are called where no column says it. */
const onlyMethod = 'all runs';

/**
 * Tells apart the configurations of rows. Whatever a run was asked to do besides its rate and seed is part of its configuration
 * where it differs among the rows, so that no two settings are taken for seeds of one.
 *
 * @throws LambdamaxError that names a column which differs among the rows of one configuration and may or may not be a setting.
 */
export function configurationsOf(
  table: Table,
  rows: readonly TableRow[],
  roles: Roles,
  choices: ColumnChoices,
): Configurations {
  const asked = new Set((choices.setting ?? []).map((name) => columnNamed(table, name)));
  const ignored = new Set((choices.ignore ?? []).map((name) => columnNamed(table, name)));
  const hasRole = new Set<string>(Object.values(roles));
  const differing = table.columns.filter(
    (column) =>
      !hasRole.has(column) && !ignored.has(column) && new Set(rows.map((row) => settingOf(row, column))).size > 1,
  );
  const kinds = new Map(differing.map((column) => [column, asked.has(column) ? 'setting' : kindOf(column)]));
  const ofKind = (kind: string): string[] => differing.filter((column) => kinds.get(column) === kind);
  const scored = rows.filter((row) => !isMissing(row.cells[roles.score]!));
  // A run that diverged came less far, and its configuration is that of the others.
  const lengths = ofKind('progress').filter(
    (column) => plainName(column) === 'steps' && new Set(scored.map((row) => settingOf(row, column))).size > 1,
  );
  const settings = [...ofKind('setting'), ...lengths].filter(
    (column) => asked.has(column) || isKnownSetting(column) || !isIdentifier(column, rows),
  );
  const base = ({ cells, subject }: TableRow): { name: string; method: string } => {
    const method = methodOf(cells, subject, roles);
    return { method, name: (roles.configuration && cells[roles.configuration]) || method };
  };
  // Where the table itself names configurations, only what differs within one has to be added.
  const named =
    roles.configuration === undefined
      ? settings
      : settings.filter((column) => differsWithin(rows, (row) => base(row).name, column));
  const of = (row: TableRow): RowConfiguration => {
    const { name, method } = base(row);
    const own = named.flatMap((column) => {
      const value = settingOf(row, column);
      return value === '' ? [] : [`${settingLabel(column)} ${value}`];
    });
    const parts =
      roles.method === undefined && roles.configuration === undefined && own.length > 0 ? own : [name, ...own];
    return {
      name: parts.join(', '),
      method,
      settings: Object.fromEntries(settings.map((column) => [column, settingOf(row, column)])),
    };
  };
  const doubtful = ofKind('unknown').find(
    (column) => !isIdentifier(column, rows) && differsWithin(rows, (row) => of(row).name, column),
  );
  if (doubtful !== undefined) refuse(table, doubtful, rows);
  refuseUnclearLength(rows, scored, lengths);
  return { of, settingColumns: settings, seedColumns: ofKind('seed') };
}

function methodOf(cells: TableRow['cells'], subject: string, { method }: Roles): string {
  if (method === undefined) return onlyMethod;
  const name = cells[method]!;
  if (name === '') throw new LambdamaxError({ subject, expected: 'a method', got: 'an empty field' });
  // PEFT's `init_lora_weights=True` is LoRA as it was published.
  return plainName(method) === 'init lora weights' && /^true$/i.test(name) ? 'lora' : name;
}

/** A cell as a setting: 8 and 8.0 are one, and so are all ways to write that there is none. */
function settingOf({ cells }: TableRow, column: string): string {
  const cell = cells[column]!;
  if (isMissing(cell)) return '';
  const value = Number(cell);
  return Number.isFinite(value) ? String(value) : cell;
}

/** Text that is another in each row names the row. */
function isIdentifier(column: string, rows: readonly TableRow[]): boolean {
  const values = rows.map((row) => settingOf(row, column));
  return (
    rows.length > 2 && new Set(values).size === rows.length && values.every((value) => Number.isNaN(Number(value)))
  );
}

function differsWithin(rows: readonly TableRow[], nameOf: (row: TableRow) => string, column: string): boolean {
  const first = new Map<string, string>();
  return rows.some((row) => {
    const [name, value] = [nameOf(row), settingOf(row, column)];
    if (!first.has(name)) first.set(name, value);
    return first.get(name) !== value;
  });
}

function refuse(table: Table, column: string, rows: readonly TableRow[]): never {
  const values = [...new Set(rows.map((row) => settingOf(row, column) || 'empty'))];
  throw new LambdamaxError({
    subject: `column ${column} of ${table.path}`,
    expected: 'to know whether it is a setting of the runs: it differs among runs of one configuration',
    got: values.join(', '),
    remedy: `say \`columns: setting=${column}\` if runs that differ in it are not repeats of one another, else ignore=${column}`,
  });
}

/** Throws where a run has no score and others have several lengths: nobody knows which of them it was to have. */
function refuseUnclearLength(rows: readonly TableRow[], scored: readonly TableRow[], lengths: readonly string[]): void {
  for (const column of lengths) {
    const known = new Set(scored.map((row) => settingOf(row, column)));
    const unclear = rows.find((row) => !known.has(settingOf(row, column)));
    if (unclear === undefined) continue;
    throw new LambdamaxError({
      subject: `${column} in ${unclear.subject}`,
      expected: `the length that the run was to have, one of ${[...known].join(', ')}`,
      got: settingOf(unclear, column) || 'none',
      remedy: `\`columns: ignore=${column}\` takes runs of all lengths together`,
    });
  }
}
