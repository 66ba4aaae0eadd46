import { arch, cpus, loadavg, platform } from 'node:os';

/** One line of a comparison. */
export interface Row {
  readonly model: string;
  readonly threads: number;
  readonly subject: string;
  readonly quantity: string;
  /** The best of all runs. */
  readonly milliseconds: number;
  /** The best of each process. */
  readonly runs: readonly number[];
  /** The least that all threads together computed in one run: at one thread this is the fairer number on a busy machine. */
  readonly cpuMilliseconds: number;
  /** The quickest way from reading the problem to the first result: loading, tracing, compiling. */
  readonly setupMilliseconds: number;
  readonly peakMegabytes: number;
  readonly loss: number | null;
  /** |x - y| / |y| of the result x, where y is known better: from float64, say. */
  readonly trueError: number | null;
  /** Share of the speed that this machine has in products of large matrices: operations at the least / (time x that speed). */
  readonly gemmFraction: number | null;
}

/** What was measured on, and with what. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly platform: string;
  /** Processes that wanted to run, on average over the minute before: 0 on a quiet machine. */
  readonly load: number;
  readonly versions: Readonly<Record<string, string>>;
  /** 10^9 floating-point operations a second in products of large matrices, by the number of threads. */
  readonly gemmGflops: Record<number, number>;
}

/** A bench's result, as `--json` prints it. */
export interface BenchResult {
  readonly machine: Machine;
  readonly rows: readonly Row[];
}

/** This machine, before anything is measured. */
export function describeMachine(versions: Readonly<Record<string, string>>): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    platform: `${platform()} ${arch()}`,
    load: loadavg()[0]!,
    versions: { node: process.versions.node, ...versions },
    gemmGflops: {},
  };
}

/**
 * A table for each model and number of threads: the quantities in the order they come in, and beside each peer's time the
 * ratio of our best one to it.
 */
export function tables({ machine, rows }: BenchResult): string[] {
  const lines = [machineLine(machine), `GEMM peak, GFLOP/s by threads: ${entries(machine.gemmGflops, ': ')}`];
  for (const key of new Set(rows.map(headingOf))) {
    const own = rows.filter((row) => headingOf(row) === key);
    const header = ['quantity', 'subject', 'ms', 'ours / it', 'CPU ms', 'ours / it', 'setup', 'MB', 'of peak', 'error'];
    lines.push('', key, ...aligned([header, ...own.map((row) => cells(row, own))], 2));
  }
  return lines;
}

/** The machine and what ran on it, in a line. */
export function machineLine({ processor, cores, load, versions }: Machine): string {
  return `${processor}, ${cores} cores, load ${load.toFixed(1)}; ${entries(versions, ' ')}`;
}

function headingOf({ model, threads }: Row): string {
  return `${model}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

function isOurs({ subject }: Row): boolean {
  return subject.startsWith('lambdamax');
}

function cells(row: Row, rows: readonly Row[]): string[] {
  const { quantity, subject, milliseconds, cpuMilliseconds, setupMilliseconds, peakMegabytes } = row;
  const { gemmFraction, trueError } = row;
  const ours = rows.filter((other) => isOurs(other) && other.quantity === quantity);
  const ratio = (of: (row: Row) => number) =>
    isOurs(row) || ours.length === 0 ? '' : (Math.min(...ours.map(of)) / of(row)).toFixed(2);
  return [
    quantity,
    subject,
    milliseconds.toPrecision(4),
    ratio((one) => one.milliseconds),
    cpuMilliseconds.toPrecision(4),
    ratio((one) => one.cpuMilliseconds),
    setupMilliseconds.toFixed(0),
    peakMegabytes.toFixed(0),
    gemmFraction === null ? '' : `${(100 * gemmFraction).toFixed(0)} %`,
    trueError === null ? '' : trueError.toExponential(1),
  ];
}

function entries(record: Readonly<Record<string, string | number>>, between: string): string {
  return Object.entries(record)
    .map(([name, value]) => `${name}${between}${typeof value === 'number' ? value.toFixed(0) : value}`)
    .join(', ');
}

/** Columns of one width; the first few are words. */
export function aligned(rows: readonly string[][], words: number): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < words ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}
