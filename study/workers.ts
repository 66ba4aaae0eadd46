import { availableParallelism } from 'node:os';
import { backendNames } from '../compute/index.ts';
import { layoutFor } from '../training/adapters/create.ts';
import { loadMethod } from '../training/adapters/methodFile.ts';
import type { TokenRow } from '../training/data/examples.ts';
import type { Model } from '../training/model.ts';
import { stepCost } from '../training/stepCost.ts';
import { adapterMethodOf, type Configuration } from './configurations/configuration.ts';
import type { SweepData } from './measure/execute.ts';
import type { StudyPlan } from './plan/plan.ts';
import type { PlannedStudy } from './planStudy.ts';
import { type StudyWork, workHere, workInProcesses } from './work.ts';

/** Who works on a study. */
export interface WorkOptions {
  /** Threads of each worker; 0, which is the default: the cores are shared out. */
  readonly threads?: number | undefined;
  /** Processes; absent: one for each core, as far as memory allows and there is work to begin with. */
  readonly workers?: number | undefined;
  /** Seconds after which a silent worker is ended. */
  readonly workerTimeout?: number | undefined;
  /** Told when a worker has been silent for long. */
  readonly onSilence?: (words: string) => void;
}

/** What a process takes that has computed something, besides the model's weights and the values of a step, in bytes. */
const processBytes = 400e6;

/**
 * What carries out a study: several processes, or for one worker this process itself. Two runs side by side, each on a core
 * of its own, are much quicker than two threads that wait for each other in every small product. The caller releases it.
 */
export async function openStudyWork(
  model: Model,
  { plan, data }: PlannedStudy,
  { workers, workerTimeout, threads = 0, onSilence = () => {} }: WorkOptions,
): Promise<StudyWork> {
  const count = workers ?? (await usualWorkers(model, plan, data));
  const backend = backendNames.find((name) => name === model.backend.name);
  // A backend of the caller's own cannot be made again in another process.
  if (count === 1 || backend === undefined) return workHere(model, plan, data);
  const { name, precision, checkpoint } = model;
  const own = threads || Math.max(1, Math.floor(availableParallelism() / count));
  const options = { name, precision, threads: own, backend };
  const setup = { directory: checkpoint.directory, model: options, plan, data };
  return workInProcesses(count, setup, {
    onSilence,
    ...(workerTimeout !== undefined && { endedAfter: workerTimeout }),
  });
}

/** How many processes a study has: one for each core, as far as memory allows and there is work to begin with. */
export async function usualWorkers(model: Model, plan: StudyPlan, data: SweepData): Promise<number> {
  const fitting = Math.floor(process.availableMemory() / (await processBytesOf(model, plan, data)));
  return Math.max(1, Math.min(availableParallelism(), fitting, plan.configurations.length * plan.grid.length));
}

/** Memory that a process of a study takes at most, in bytes. */
export async function processBytesOf(
  model: Model,
  { configurations }: StudyPlan,
  { rows }: SweepData,
): Promise<number> {
  const peakBytes = Math.max(...(await Promise.all(configurations.map((one) => stepBytes(model, one, rows)))));
  const entries = model.decoder.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const weightBytes = entries * (model.precision === 'float64' ? 8 : 4);
  return weightBytes + peakBytes + processBytes;
}

/** What the curvature of one configuration takes, linearised anew while it is kept; methods of one form have the same graphs. */
async function stepBytes(model: Model, configuration: Configuration, rows: readonly TokenRow[]): Promise<number> {
  const { targetModules, batchSize } = configuration;
  const layout = layoutFor(model, await loadMethod(adapterMethodOf(configuration)), targetModules, configuration);
  const { peakBytes, outputBytes } = stepCost(model, layout, rows, { batchSize, what: 'linearise hessian' });
  return peakBytes + outputBytes;
}
