import { LambdamaxError } from '../../../errors.ts';

/** Fields under which people put all rows of a file. */
const containers = new Set([
  'data',
  'rows',
  'examples',
  'instances',
  'items',
  'records',
  'train',
  'validation',
  'test',
]);

/**
 * Throws a LambdamaxError for the only row of a file if it is a whole table: an object that holds the rows under a name, or
 * columns, as pandas writes them when nothing else is asked for.
 */
export function refuseTable(file: string, row: Readonly<Record<string, unknown>>): void {
  const container = Object.keys(row).find((name) => containers.has(name) && isRows(row[name]));
  if (container !== undefined)
    throw new LambdamaxError({
      ...{ subject: file, expected: 'rows', got: `one object that has them in its field ${container}` },
      remedy: `take them out: jq -c '.${container}[]' ${file} > rows.jsonl`,
    });
  if (!isColumns(row)) return;
  throw new LambdamaxError({
    ...{ subject: file, expected: 'rows', got: `one object of columns ${Object.keys(row).join(', ')}` },
    remedy: "write it by rows: to_json('rows.jsonl', orient='records', lines=True) in pandas, to_json in datasets",
  });
}

function isRows(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isObject);
}

/** Columns are texts, numbers or arrays by number of row; a single row has at least one field that is a text. */
function isColumns(row: Readonly<Record<string, unknown>>): boolean {
  const columns = Object.values(row);
  if (columns.length < 2) return false;
  if ('columns' in row && 'data' in row) return true;
  return columns.every(isNumbered) || columns.every(isListOfTexts);
}

function isNumbered(value: unknown): boolean {
  return (
    isObject(value) && Object.keys(value).length > 0 && Object.keys(value).every((key, index) => key === `${index}`)
  );
}

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
