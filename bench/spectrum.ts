import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  exactEigenvalue,
  ownSearcher,
  type Search,
  type Searcher,
  type SearchTask,
  searched,
  settingOf,
  trueTolerance,
} from './eigenvalue.ts';
import { type ModelName, models } from './models.ts';
import { type AdapterPoint, adapterPoints, writeProblem } from './problem.ts';
import { describeMachine } from './rows.ts';
import { rowOf, type SpectrumResult, type SpectrumRow } from './spectrumRows.ts';
import { findPeers, searchersOf } from './subjects.ts';

/** What is compared, and how often. */
export interface SpectrumBenchOptions {
  readonly models: readonly ModelName[];
  readonly threads: readonly number[];
  /** Whether others are measured, and with which Python. */
  readonly peers: boolean;
  readonly python?: string | undefined;
  /** Start vectors of each; each is a process. */
  readonly rounds: number;
}

/** One searcher with all that was measured of it. */
interface Measured {
  readonly searcher: Searcher;
  readonly searches: Search[];
  /** The value that it came to where no setting led to the truth. */
  missed: number | undefined;
}

/**
 * lambda_max of a whole adapter to a true relative error of 1e-3, set-up included: each searcher with the setting with which it
 * first gets there, on the same weights, tokens and threads, from several random start vectors, at a perturbed point and
 * where B = 0. Searchers take turns, each in a process of its own.
 */
export async function spectrum(options: SpectrumBenchOptions, say: (line: string) => void): Promise<SpectrumResult> {
  const peers = options.peers ? await findPeers(options.python) : { subjects: [], versions: {} };
  const others = searchersOf(peers);
  if (options.peers && others.length === 0)
    say('no Python with PyTorch or JAX found (--python PATH, or bench/.venv): only lambdamax is measured');
  const ours = [
    ownSearcher('lambdamax onnx', 'warm'),
    ownSearcher('lambdamax onnx cold', 'cold'),
    { ...ownSearcher('lambdamax onnx by its rule', 'rule'), setting: trueTolerance },
  ];
  const folder = await mkdtemp(join(tmpdir(), 'lambdamax-bench-'));
  const rows: SpectrumRow[] = [];
  try {
    for (const model of options.models)
      for (const point of adapterPoints) {
        const problem = join(folder, `${model}-${point}`);
        await writeProblem(problem, models[model], { point });
        const kept = join(folder, 'kept');
        const truth = await exactEigenvalue(problem, kept);
        say(`${model}, ${point}: lambda_max ${truth}`);
        const place = { problem, kept, truth, model, point };
        for (const threads of options.threads) {
          const measured = await inTurns([...ours, ...others], { ...options, ...place, threads }, say);
          for (const { searcher, searches, missed } of measured)
            rows.push(rowOf(searcher.name, searches, { model, point, threads, truth, missed }));
        }
      }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { machine: describeMachine(peers.versions), rows };
}

/** What a comparison is made at. */
interface Place extends Omit<SearchTask, 'seed'> {
  readonly truth: number;
  readonly model: ModelName;
  readonly point: AdapterPoint;
  readonly rounds: number;
}

async function inTurns(searchers: readonly Searcher[], place: Place, say: (line: string) => void): Promise<Measured[]> {
  const { problem, threads, kept, truth, model, point, rounds } = place;
  const measured = searchers.map((searcher): Measured => ({ searcher, searches: [], missed: undefined }));
  for (let seed = 0; seed < rounds; seed++)
    for (const one of measured) {
      const { name } = one.searcher;
      const where = `${model}, ${point}, threads ${threads}, start ${seed + 1}/${rounds}: ${name}`;
      const outcome = await reaching(one.searcher, { problem, threads, kept, seed }, truth);
      if (typeof outcome === 'number') {
        one.missed = outcome;
        say(`${where}: never within ${trueTolerance}`);
        continue;
      }
      one.searches.push(outcome);
      say(`${where}: ${(outcome.milliseconds / 1000).toFixed(2)} s, ${outcome.products} products`);
    }
  return measured;
}

/** A search at the first setting that leads to the truth, or the value that the best one led to. */
async function reaching(searcher: Searcher, task: SearchTask, truth: number): Promise<Search | number> {
  if (searcher.setting !== undefined) return searched(searcher, task, searcher.setting);
  // To look for the setting takes longer than to search with it.
  const first = await settingOf(searcher, { ...task, threads: availableParallelism() }, truth);
  if (first.setting === null) return first.value;
  return searched(searcher, task, first.setting);
}
