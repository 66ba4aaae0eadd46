import { aligned, type Machine, machineLine } from '../rows.ts';
import type { RealMeasured } from './measure.ts';
import type { RealSearch } from './search.ts';

/** One line of the comparison. Times are medians over all that was measured in one run of the bench. */
export interface RealRow {
  readonly threads: number;
  /** `step`, `product`, `lambdaMax`, `start of pissa`, `generation`. */
  readonly quantity: string;
  readonly subject: string;
  readonly isOurs: boolean;
  readonly milliseconds: number;
  readonly runs: readonly number[];
  /** What all threads together computed. */
  readonly cpuMilliseconds: number;
  /** Per true token (padding not counted), or new one; null where the time is not that of rows. */
  readonly millisecondsPerToken: number | null;
  readonly millisecondsPerRow: number | null;
  /** From the start of the process until the first result can be begun; after the first round, where there are several. */
  readonly setupMilliseconds: number;
  /** The first round's: nothing was kept from earlier runs. */
  readonly firstSetupMilliseconds: number;
  /** From the start of the process until the first result is there, as with `setupMilliseconds`. */
  readonly firstResultMilliseconds: number;
  readonly peakMegabytes: number;
  readonly loss: number | null;
  /** How the result agrees with ours, or what led to it. */
  readonly remark: string;
}

/** What a quantity is measured on. */
export interface Amount {
  readonly words: string;
  /** True tokens and rows of one run; absent where the time is not that of rows. */
  readonly tokens?: number;
  readonly rows?: number;
}

/** The bench's result, as `--json` prints it. */
export interface RealResult {
  readonly machine: Machine;
  readonly model: string;
  readonly data: string;
  readonly amounts: Readonly<Record<string, Amount>>;
  readonly rows: readonly RealRow[];
}

/** The line that a subject's processes become. */
export function rowOf(
  quantity: string,
  threads: number,
  { subject, reports }: RealMeasured,
  { tokens, rows }: Amount,
  remark: string,
): RealRow {
  const runs = reports.flatMap(({ milliseconds }) => milliseconds);
  const milliseconds = median(runs);
  const later = reports.length > 1 ? reports.slice(1) : reports;
  return {
    ...{ threads, quantity, subject: subject.name, isOurs: subject.isOurs, milliseconds, runs, remark },
    cpuMilliseconds: median(reports.flatMap(({ cpuMilliseconds }) => cpuMilliseconds)),
    millisecondsPerToken: tokens === undefined ? null : milliseconds / tokens,
    millisecondsPerRow: rows === undefined ? null : milliseconds / rows,
    setupMilliseconds: median(later.map(({ setupMilliseconds }) => setupMilliseconds)),
    firstSetupMilliseconds: reports[0]!.setupMilliseconds,
    firstResultMilliseconds: median(later.map(({ firstMilliseconds }) => firstMilliseconds)),
    peakMegabytes: Math.max(...reports.map(({ peakMegabytes }) => peakMegabytes)),
    loss: reports.at(-1)!.losses.at(-1) ?? null,
  };
}

/** The line that a search becomes. */
export function searchRow(quantity: string, threads: number, search: RealSearch): RealRow {
  const { subject, isOurs, milliseconds, cpuMilliseconds, setupMilliseconds, peakMegabytes, loss } = search;
  const { value, products, trueError, missed } = search;
  const error = `error ${trueError.toExponential(0)}${missed ? ': never gets there' : ''}`;
  return {
    ...{ threads, quantity, subject, isOurs, milliseconds, runs: [milliseconds], cpuMilliseconds },
    ...{ millisecondsPerToken: null, millisecondsPerRow: null, setupMilliseconds },
    ...{ firstSetupMilliseconds: setupMilliseconds, firstResultMilliseconds: milliseconds, peakMegabytes, loss },
    remark: `${value.toPrecision(6)} in ${products} products, ${error}`,
  };
}

/** A table for each quantity and number of threads; beside each peer's time, set-up and memory the ratio of ours to it. */
export function realLines({ machine, model, data, amounts, rows }: RealResult): string[] {
  const lines = [machineLine(machine), `model ${model}, rows of ${data}`];
  for (const key of new Set(rows.map(headingOf))) {
    const own = rows.filter((row) => headingOf(row) === key);
    const amount = amounts[own[0]!.quantity]?.words;
    const ratio = 'ours / it';
    const header = [
      ...['subject', 's', ratio, 'CPU s', ratio, 'ms a token', 's a row'],
      ...['set-up s', ratio, 'at first', 'first result', 'MB', ratio, 'loss', ''],
    ];
    lines.push('', amount === undefined ? key : `${key}: ${amount}`);
    lines.push(...aligned([header, ...own.map((row) => cells(row, own))], 1));
  }
  return lines;
}

function headingOf({ quantity, threads }: RealRow): string {
  return `${quantity}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

function cells(row: RealRow, rows: readonly RealRow[]): string[] {
  const ours = rows.find(({ isOurs }) => isOurs)!;
  const ratio = (of: (row: RealRow) => number) => (row.isOurs ? '' : (of(ours) / of(row)).toFixed(2));
  const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(2);
  const { millisecondsPerToken: perToken, millisecondsPerRow: perRow } = row;
  return [
    row.subject,
    seconds(row.milliseconds),
    ratio(({ milliseconds }) => milliseconds),
    seconds(row.cpuMilliseconds),
    ratio(({ cpuMilliseconds }) => cpuMilliseconds),
    perToken === null ? '' : perToken.toFixed(2),
    perRow === null ? '' : seconds(perRow),
    seconds(row.setupMilliseconds),
    ratio(({ setupMilliseconds }) => setupMilliseconds),
    seconds(row.firstSetupMilliseconds),
    seconds(row.firstResultMilliseconds),
    row.peakMegabytes.toFixed(0),
    ratio(({ peakMegabytes }) => peakMegabytes),
    row.loss === null ? '' : row.loss.toFixed(6),
    row.remark,
  ];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
