import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  exactEigenvalue,
  type FirstSetting,
  firstSettingsOf,
  ownSearcher,
  type Search,
  type Searcher,
  type SearchTask,
  searched,
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
  const peers = options.peers ? await findPeers(options.python) : { subjects: [], command: '', versions: {} };
  const others = searchersOf(peers);
  if (options.peers && others.length === 0)
    say('no Python with PyTorch or JAX found (--python PATH, or bench/.venv): only lambdamax is measured');
  const ours = [
    ownSearcher('lambdamax onnx', 'warm'),
    { ...ownSearcher('lambdamax onnx cold', 'cold'), settingsOf: 'lambdamax onnx' },
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
        const searchers = [...ours, ...others];
        const place = { problem, kept, truth, model, point, rounds: options.rounds };
        const settings = await settingsOfAll(searchers, place, say);
        for (const threads of options.threads) {
          const measured = await inTurns(searchers, settings, { ...place, threads }, say);
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
interface Place extends Omit<SearchTask, 'seed' | 'threads'> {
  readonly truth: number;
  readonly model: ModelName;
  readonly point: AdapterPoint;
  readonly rounds: number;
}

/** Settings by searchers' names, one for each start vector: fewer where it has missed. */
type Settings = ReadonlyMap<string, readonly FirstSetting[]>;

/** The settings with which those who have none first get there. That takes all cores: it is not what is measured. */
async function settingsOfAll(
  searchers: readonly Searcher[],
  { problem, kept, truth, model, point, rounds }: Place,
  say: (line: string) => void,
): Promise<Settings> {
  const found = new Map<string, readonly FirstSetting[]>();
  for (const searcher of searchers) {
    const { name, setting, settingsOf } = searcher;
    if (setting !== undefined || (settingsOf !== undefined && found.has(settingsOf))) continue;
    const task = { problem, kept, threads: availableParallelism(), starts: rounds };
    const settings = await firstSettingsOf(searcher, task, truth);
    found.set(name, settings);
    say(`${model}, ${point}: ${name} gets there with ${settings.map((one) => one.setting ?? 'none').join(', ')}`);
  }
  return found;
}

async function inTurns(
  searchers: readonly Searcher[],
  settings: Settings,
  place: Place & { readonly threads: number },
  say: (line: string) => void,
): Promise<Measured[]> {
  const { problem, threads, kept, model, point, rounds } = place;
  const measured = searchers.map((searcher): Measured => ({ searcher, searches: [], missed: undefined }));
  for (let seed = 0; seed < rounds; seed++)
    for (const one of measured) {
      const { name, setting: own, settingsOf = name } = one.searcher;
      const first = settings.get(settingsOf)?.[seed];
      if (first?.setting === null) one.missed = first.value;
      const setting = own ?? first?.setting ?? undefined;
      if (setting === undefined) continue;
      const search = await searched(one.searcher, { problem, threads, kept, seed }, setting);
      one.searches.push(search);
      const seconds = (search.milliseconds / 1000).toFixed(2);
      const where = `${model}, ${point}, threads ${threads}, start ${seed + 1}/${rounds}`;
      say(`${where}: ${name}: ${seconds} s, ${search.products} products`);
    }
  return measured;
}
