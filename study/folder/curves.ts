import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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

/** Reads how the loss of a study's finished runs went, of one seed each; runs without metrics are left out. */
export async function readCurves(folder: string, runs: readonly FinishedRun[], seed: number): Promise<RunCurve[]> {
  const curves: RunCurve[] = [];
  for (const run of runs) {
    const path = join(folder, 'runs', run.key, 'metrics.jsonl');
    if (run.seed !== seed || !existsSync(path)) continue;
    const losses = await lossesIn(path);
    if (losses.length > 0) curves.push({ run, ...inStretches(losses) });
  }
  return curves;
}

async function lossesIn(path: string): Promise<(number | null)[]> {
  const losses: (number | null)[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const loss = lossOf(line);
    if (loss !== undefined) losses.push(loss);
  }
  return losses;
}

/** Undefined for a line that was never finished. */
function lossOf(line: string): number | null | undefined {
  try {
    const row: unknown = JSON.parse(line);
    return isPlainObject(row) && typeof row.loss === 'number' ? row.loss : null;
  } catch {
    return undefined;
  }
}

function inStretches(losses: readonly (number | null)[]): Pick<RunCurve, 'steps' | 'losses'> {
  const length = Math.ceil(losses.length / mostStretches);
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
