import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lanczos } from 'lambdamax/analysis';
import { denseEnds, randomBlocks } from './randomBlocks.ts';
import { aligned } from './rows.ts';

/** An eigenvalue that was found in float32, with the one that float64 has. */
export interface BoundCase {
  /** Method, point, module, end of the spectrum. */
  readonly name: string;
  readonly error: number;
  readonly errorBound: number;
}

/** How many eigenvalues lie within their error bound, and how large that is. */
export interface BoundRow {
  readonly tolerance: number;
  readonly count: number;
  /** Eigenvalues farther off than their bound. */
  readonly misses: number;
  /** The error over its bound: the largest, and the median. */
  readonly largestShare: number;
  readonly medianShare: number;
  /** The median of the bound over the eigenvalue. */
  readonly medianBound: number;
}

/** From the usual tolerance, where rounding hardly counts, to the smallest in float32, where little else does. */
export const boundTolerances = [1e-3, 1e-5];

/** Both ends of random blocks in float32, against the dense matrix in float64. */
export async function bounds(
  count: number,
  say: (line: string) => void,
  tolerances: readonly number[] = boundTolerances,
): Promise<BoundRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-bench-'));
  try {
    return await measured(folder, count, say, tolerances);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measured(
  folder: string,
  count: number,
  say: (line: string) => void,
  tolerances: readonly number[],
): Promise<BoundRow[]> {
  const cases = new Map<number, (BoundCase & { readonly size: number })[]>(tolerances.map((each) => [each, []]));
  let seed = 0;
  for await (const { name, operators } of randomBlocks(folder, count, ['float32', 'float64'])) {
    const [single, double] = operators;
    const truth = await denseEnds(double!);
    seed += 1;
    for (const tolerance of tolerances) {
      const { lambdaMax, lambdaMin } = await lanczos(single!, { tolerance, maxSteps: 400, seed });
      for (const [end, found, exact] of [
        ['largest', lambdaMax!, truth.largest],
        ['smallest', lambdaMin!, truth.smallest],
      ] as const) {
        const error = Math.abs(found.value - exact);
        const one = { name: `${name}, ${end}`, error, errorBound: found.errorBound, size: Math.abs(exact) };
        cases.get(tolerance)!.push(one);
        if (!(error <= one.errorBound)) say(`${one.name}: ${error} off, bound ${one.errorBound}`);
      }
    }
  }
  return [...cases].map(([tolerance, all]) => {
    const shares = all.map(({ error, errorBound }) => error / errorBound);
    return {
      tolerance,
      count: all.length,
      misses: shares.filter((share) => !(share <= 1)).length,
      largestShare: Math.max(...shares),
      medianShare: median(shares),
      medianBound: median(all.map(({ errorBound, size }) => errorBound / size)),
    };
  });
}

/** The rows as a table. */
export function boundLines(rows: readonly BoundRow[]): string[] {
  const header = ['tolerance', 'misses', 'error over bound, largest', 'median', 'bound over eigenvalue, median'];
  return aligned(
    [
      header,
      ...rows.map(({ tolerance, count, misses, largestShare, medianShare, medianBound }) => [
        tolerance.toExponential(),
        `${misses} of ${count}`,
        largestShare.toPrecision(2),
        medianShare.toPrecision(2),
        medianBound.toExponential(1),
      ]),
    ],
    1,
  );
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
