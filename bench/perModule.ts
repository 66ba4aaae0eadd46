import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CurvatureOperator, groupsByModule, hessian, lanczos, type ParameterGroup } from 'lambdamax/analysis';
import { linearise } from 'lambdamax/compute';
import { LambdamaxError } from '../errors.ts';
import { type ModelName, models } from './models.ts';
import { readProblem, writeProblem } from './problem.ts';
import { type BenchResult, describeMachine, type Row } from './rows.ts';

/** What is measured, and how often. */
export interface PerModuleOptions {
  readonly models: readonly ModelName[];
  readonly threads: readonly number[];
  readonly rounds: number;
}

/** The largest error of an eigenvalue, relative. */
const tolerance = 1e-3;

/** What finds the largest eigenvalue of an operator. */
type Search = (operator: Parameters<typeof lanczos>[0]) => Promise<void>;

/** A way to spend one search on each module. */
type Way = (whole: CurvatureOperator, groups: readonly ParameterGroup[], search: Search) => Promise<void>;

/** Ours, and two without anything made for modules. */
const ways: Readonly<Record<string, Way>> = {
  async 'lambdamax onnx'(whole, groups, search) {
    for (const { tensors } of groups) {
      const block = await whole.block(tensors);
      await search(block);
      await block.release();
    }
  },
  async 'whole products'(whole, groups, search) {
    for (const group of groups) await search(embedded(whole, group));
  },
  async 'the whole each time'(whole, groups, search) {
    for (const _ of groups) await search(whole);
  },
};

/** The block of a group by products of the whole with vectors that are zero elsewhere. */
function embedded(whole: CurvatureOperator, { ranges, size }: ParameterGroup): Parameters<typeof lanczos>[0] {
  const indices = ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, k) => start + k));
  return {
    size,
    precision: whole.precision,
    async apply(v) {
      const direction = new Float32Array(whole.size);
      for (const [k, index] of indices.entries()) direction[index] = v[k]!;
      const product = await whole.apply(direction);
      return Float64Array.from(indices, (index) => product[index]!);
    },
  };
}

interface Measured {
  readonly eigenvalues: readonly number[];
  readonly products: number;
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
  /** The part of `milliseconds` until the curvature is linearised. */
  readonly setupMilliseconds: number;
  readonly loss: number;
}

/**
 * The time of lambda_max to 1e-3 of each module's own block, set-up included: by products of blocks, by whole products of
 * vectors that are zero elsewhere, and of lambda_max of the whole adapter once for each module. Throws a LambdamaxError if
 * the first two find different eigenvalues.
 */
export async function perModule(options: PerModuleOptions, say: (line: string) => void): Promise<BenchResult> {
  const machine = describeMachine({});
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-bench-'));
  const rows: Row[] = [];
  try {
    for (const model of options.models) {
      const problem = join(folder, model);
      await writeProblem(problem, models[model]);
      for (const threads of options.threads) {
        const runs = Object.keys(ways).map((subject) => ({ subject, measured: [] as Measured[] }));
        for (let round = 1; round <= options.rounds; round++)
          for (const { subject, measured } of runs) {
            const found = await measure(problem, threads, ways[subject]!);
            measured.push(found);
            const words = `${found.products} products, ${(found.milliseconds / 1000).toFixed(1)} s`;
            say(`round ${round}/${options.rounds}, ${threads} threads: ${subject}: ${words}`);
          }
        requireAgreement(runs[0]!.measured[0]!, runs[1]!.measured[0]!);
        for (const { subject, measured } of runs) rows.push(rowOf(subject, measured, model, threads));
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { machine, rows };
}

async function measure(problem: string, threads: number, way: Way): Promise<Measured> {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const { model, adapter, program, point, batch } = await readProblem(problem, { threads });
  await using _ = model;
  await using whole = await hessian([{ scored: 1, linearised: await linearise(program, point, batch) }]);
  const setupMilliseconds = performance.now() - started;
  const eigenvalues: number[] = [];
  let products = 0;
  await way(whole, groupsByModule(adapter.layout), async (operator) => {
    const found = await lanczos(operator, { tolerance, maxSteps: 1000, ends: 'largest' });
    eigenvalues.push(found.lambdaMax!.value);
    products += found.products;
  });
  const { user, system } = process.cpuUsage(cpu);
  return {
    eigenvalues,
    products,
    milliseconds: performance.now() - started,
    cpuMilliseconds: (user + system) / 1000,
    setupMilliseconds,
    loss: whole.loss,
  };
}

/** Both may be off by the tolerance. */
function requireAgreement(ours: Measured, other: Measured): void {
  for (const [module, value] of ours.eigenvalues.entries()) {
    const expected = other.eigenvalues[module]!;
    if (Math.abs(value - expected) <= 2 * tolerance * Math.abs(expected)) continue;
    throw new LambdamaxError({ subject: `lambda_max of module ${module}`, expected: String(expected), got: value });
  }
}

function rowOf(subject: string, measured: readonly Measured[], model: ModelName, threads: number): Row {
  const runs = measured.map(({ milliseconds }) => milliseconds);
  return {
    model,
    threads,
    subject,
    quantity: 'per module',
    milliseconds: Math.min(...runs),
    runs,
    cpuMilliseconds: Math.min(...measured.map(({ cpuMilliseconds }) => cpuMilliseconds)),
    setupMilliseconds: Math.min(...measured.map(({ setupMilliseconds }) => setupMilliseconds)),
    // Of the process so far, with all subjects in it.
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
    loss: measured[0]!.loss,
    trueError: null,
    gemmFraction: null,
  };
}
