import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFault } from '../../training/checkpoint/files.ts';
import { isPlainObject } from '../../training/data/hash.ts';
import type { FinishedRun } from './record.ts';

/** The loss of a run as it trained: means over equal stretches of its steps. */
export interface RunCurve {
  readonly run: FinishedRun;
  /** The middle step of each stretch. */
  readonly steps: readonly number[];
  /** Null where one of its losses is not finite. */
  readonly losses: readonly (number | null)[];
}

/** How many stretches a small plot can show. */
const mostStretches = 60;

/** How the loss of a run went so far. */
export interface Curve extends Pick<RunCurve, 'steps' | 'losses'> {
  readonly stepsDone: number;
  /** The loss of the last step's batch; null where it is not finite, or before the first step. */
  readonly lastLoss: number | null;
  /** Seconds from the start of the run to its last step; null where that is not told. */
  readonly seconds: number | null;
}

/** Reads how the loss of a study's finished runs went, of one seed each; runs without metrics are left out. */
export async function readCurves(folder: string, runs: readonly FinishedRun[], seed: number): Promise<RunCurve[]> {
  const curves: RunCurve[] = [];
  for (const run of runs) {
    if (run.seed !== seed) continue;
    const { steps, losses, stepsDone } = await readCurve(folder, run.key);
    if (stepsDone > 0) curves.push({ run, steps, losses });
  }
  return curves;
}

/** Reads how the loss of one run went, which may still go on; it has no steps where the run has no metrics. */
export async function readCurve(folder: string, key: string): Promise<Curve> {
  const rows = await rowsIn(join(folder, 'runs', key, 'metrics.jsonl'));
  const losses = rows.map(({ loss }) => loss);
  const last = rows.at(-1);
  return {
    ...inStretches(losses),
    stepsDone: rows.length,
    lastLoss: last?.loss ?? null,
    seconds: last?.seconds ?? null,
  };
}

/** A line of the metrics. */
interface Row {
  readonly loss: number | null;
  readonly seconds: number | null;
}

async function rowsIn(path: string): Promise<Row[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '';
    throw fileFault(path, 'the metrics of a run', cause);
  });
  return text.split('\n').flatMap((line) => rowOf(line) ?? []);
}

/** Undefined for a line that was never finished. */
function rowOf(line: string): Row | undefined {
  if (line === '') return undefined;
  try {
    const row: unknown = JSON.parse(line);
    if (!isPlainObject(row)) return { loss: null, seconds: null };
    const { loss, seconds } = row;
    return {
      loss: typeof loss === 'number' ? loss : null,
      seconds: typeof seconds === 'number' ? seconds : null,
    };
  } catch {
    return undefined;
  }
}

function inStretches(losses: readonly (number | null)[]): Pick<RunCurve, 'steps' | 'losses'> {
  const length = Math.max(1, Math.ceil(losses.length / mostStretches));
  const starts = Array.from({ length: Math.ceil(losses.length / length) }, (_, i) => i * length);
  const stretches = starts.map((start) => losses.slice(start, start + length));
  return {
    steps: stretches.map((stretch, i) => i * length + (stretch.length + 1) / 2),
    losses: stretches.map((stretch) => {
      const finite = stretch.filter((loss) => loss !== null);
      return finite.length < stretch.length ? null : finite.reduce((sum, loss) => sum + loss, 0) / finite.length;
    }),
  };
}
