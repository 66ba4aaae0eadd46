import type { Search } from './eigenvalue.ts';
import type { ModelName } from './models.ts';
import type { AdapterPoint } from './problem.ts';
import { aligned, type Machine, machineLine } from './rows.ts';

/** What one searcher needs for lambda_max: medians over its start vectors, none where it never gets there. */
export interface SpectrumRow {
  readonly model: ModelName;
  /** Where the adapter stands: `perturbed`, or `initial`, where B = 0. */
  readonly point: AdapterPoint;
  readonly threads: number;
  readonly subject: string;
  readonly quantity: 'lambdaMax';
  /** From reading the problem to the value. */
  readonly milliseconds: number | null;
  /** One for each start vector. */
  readonly runs: readonly number[];
  readonly cpuMilliseconds: number | null;
  readonly setupMilliseconds: number | null;
  readonly peakMegabytes: number | null;
  /** Products with the Hessian, one number for each start vector. */
  readonly products: readonly number[];
  /** lambda_max as found from the last start vector. */
  readonly value: number;
  /** |value / truth - 1|, the largest over the start vectors. */
  readonly trueError: number;
  /** Start vectors from which it never got there. */
  readonly missed: boolean;
}

/** The bench's result, as `--json` prints it. */
export interface SpectrumResult {
  readonly machine: Machine;
  readonly rows: readonly SpectrumRow[];
}

/** What a row is about, besides the searcher. */
export interface RowPlace extends Pick<SpectrumRow, 'model' | 'point' | 'threads'> {
  readonly truth: number;
  /** The value that it came to from a start vector from which it never got there. */
  readonly missed: number | undefined;
}

/** The line that a searcher's measurements become. */
export function rowOf(subject: string, searches: readonly Search[], place: RowPlace): SpectrumRow {
  const { model, point, threads, truth, missed } = place;
  const values = [...searches.map(({ value }) => value), ...(missed === undefined ? [] : [missed])];
  const over = (of: (search: Search) => number) => (searches.length === 0 ? null : median(searches.map(of)));
  return {
    model,
    point,
    threads,
    subject,
    quantity: 'lambdaMax',
    milliseconds: over(({ milliseconds }) => milliseconds),
    runs: searches.map(({ milliseconds }) => milliseconds),
    cpuMilliseconds: over(({ cpuMilliseconds }) => cpuMilliseconds),
    setupMilliseconds: over(({ setupMilliseconds }) => setupMilliseconds),
    peakMegabytes: over(({ peakMegabytes }) => peakMegabytes),
    products: searches.map(({ products }) => products),
    value: values.at(-1)!,
    trueError: Math.max(...values.map((value) => Math.abs(value / truth - 1))),
    missed: missed !== undefined,
  };
}

/** A table for each model, point and number of threads; beside each time the ratio of ours, with graphs kept, to it. */
export function spectrumTables({ machine, rows }: SpectrumResult): string[] {
  const lines = [machineLine(machine)];
  for (const key of new Set(rows.map(headingOf))) {
    const own = rows.filter((row) => headingOf(row) === key);
    const header = ['subject', 'value', 's', 'ours / it', 'CPU s', 'ours / it', 'setup', 'products', 'MB', 'error'];
    lines.push('', key, ...aligned([header, ...own.map((row) => cells(row, own))], 1));
  }
  return lines;
}

function headingOf({ model, point, threads }: SpectrumRow): string {
  return `${model}, ${point}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

function cells(row: SpectrumRow, rows: readonly SpectrumRow[]): string[] {
  const ours = rows.find(({ subject }) => subject === 'lambdamax onnx');
  const ratio = (of: (row: SpectrumRow) => number | null) => {
    const [own, its] = [ours && of(ours), of(row)];
    return row === ours || !own || its === null ? '' : (own / its).toFixed(2);
  };
  const seconds = (milliseconds: number | null) => (milliseconds === null ? '' : (milliseconds / 1000).toFixed(2));
  return [
    row.subject,
    row.value.toPrecision(6),
    seconds(row.milliseconds) || 'never',
    ratio(({ milliseconds }) => milliseconds),
    seconds(row.cpuMilliseconds),
    ratio(({ cpuMilliseconds }) => cpuMilliseconds),
    seconds(row.setupMilliseconds),
    row.products.join(' '),
    row.peakMegabytes === null ? '' : row.peakMegabytes.toFixed(0),
    `${row.trueError.toExponential(1)}${row.missed ? ' missed' : ''}`,
  ];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
