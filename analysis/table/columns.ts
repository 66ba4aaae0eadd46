import { ArgumentError, LambdamaxError } from '../../errors.ts';
import { isMissing } from './cells.ts';
import { isConfig, isLogged, plainName } from './columnNames.ts';
import type { Table } from './readTable.ts';
import { type ColumnRole, columnRoles, roleNames } from './wellKnownNames.ts';

/** What the user says of a table's columns: which one has a role, which are settings, which do not count. */
export interface ColumnChoices extends Partial<Readonly<Record<ColumnRole, string>>> {
  readonly setting?: readonly string[];
  readonly ignore?: readonly string[];
}

/** The column of each role that a table has. */
export type Roles = Partial<Readonly<Record<ColumnRole, string>>> & { readonly rate: string; readonly score: string };

/** What the reader can type where a column cannot be told. */
const words = '`columns: rate=NAME,score=NAME,method=NAME,seed=NAME,status=NAME,setting=NAME,ignore=NAME`';

/** Reads `rate=lr,score=eval/loss,ignore=Group`; `setting` and `ignore` may come several times. */
export function parseColumns(given: string, field = 'columns'): ColumnChoices {
  const choices: Record<string, string> = {};
  const lists: Record<'setting' | 'ignore', string[]> = { setting: [], ignore: [] };
  for (const part of given.split(',')) {
    const [, key = '', name = ''] = /^\s*([a-z]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    const isRole = (columnRoles as readonly string[]).includes(key);
    if (name === '' || !(isRole || key in lists) || key in choices) {
      const expected = `one of ${[...columnRoles, ...Object.keys(lists)].join(', ')}, = and a column's name, each role once`;
      throw new ArgumentError({ subject: field, expected, got: part.trim() });
    }
    if (isRole) choices[key] = name;
    else lists[key as keyof typeof lists].push(name);
  }
  return { ...choices, ...lists };
}

/**
 * Which column of a table has which role: those that the user names, and of the others those with a usual name.
 * @throws LambdamaxError that lists the table's columns for a name that is not there, for a rate or a score that cannot be found, and
 * where several columns may be meant.
 */
export function rolesOf(table: Table, choices: ColumnChoices): Roles {
  const { setting = [], ignore = [], ...named } = choices;
  const roles: Partial<Record<ColumnRole, string>> = {};
  for (const [role, name] of Object.entries(named)) roles[role as ColumnRole] = columnNamed(table, name);
  const taken = new Set([...setting, ...ignore].map((name) => columnNamed(table, name)));
  for (const role of columnRoles) {
    const isTaken = (column: string): boolean => taken.has(column) || Object.values(roles).includes(column);
    const found = roles[role] ?? usualColumn(table, role, isTaken);
    if (found !== undefined) roles[role] = found;
  }
  const { rate, score } = roles;
  if (rate !== undefined && score !== undefined) return { ...roles, rate, score };
  const lacking = [rate === undefined ? 'learning rate' : [], score === undefined ? 'score' : []].flat();
  throw new LambdamaxError({
    subject: table.path,
    expected: `a column for the ${lacking.join(' and one for the ')} under a usual name`,
    remedy: `name them with ${words}; its columns are ${listOf(table)}`,
  });
}

/** The table's column of this name, in whatever case. */
export function columnNamed(table: Table, name: string): string {
  const found =
    table.columns.find((column) => column === name) ??
    table.columns.find((column) => column.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  const remedy = `its columns are ${listOf(table)}`;
  throw new LambdamaxError({
    subject: table.path,
    expected: `the column of \`columns\`, ${name}`,
    got: 'none of this name',
    remedy,
  });
}

function usualColumn(table: Table, role: ColumnRole, isTaken: (column: string) => boolean): string | undefined {
  const isMeasured = role === 'score' || role === 'lambda' || role === 'status';
  const possible = table.columns.filter(
    (column) => !isTaken(column) && (isMeasured ? !isConfig(column) : !isLogged(column)),
  );
  for (const names of roleNames[role]) {
    const found = possible.filter((column) => names.includes(plainName(column)) && hasCells(table, column));
    const [first, ...others] = found;
    if (first === undefined) continue;
    const rivals = others.filter((column) => table.rows.some(({ cells }) => cells[column] !== cells[first]));
    if (rivals.length === 0) return first;
    throw new LambdamaxError({
      subject: table.path,
      expected: `one column that can be the ${role}`,
      got: found.join(' and '),
      remedy: `say which with \`columns: ${role}=NAME\``,
    });
  }
  return undefined;
}

function hasCells({ rows }: Table, column: string): boolean {
  return rows.some(({ cells }) => !isMissing(cells[column]!));
}

function listOf({ columns }: Table): string {
  const most = 40;
  return columns.length <= most
    ? columns.join(', ')
    : `${columns.slice(0, most).join(', ')} and ${columns.length - most} more`;
}
