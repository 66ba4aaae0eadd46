import { availableParallelism } from 'node:os';
import type { BackendName } from '../compute/index.ts';
import { layoutFor } from '../training/adapters/create.ts';
import { loadMethod } from '../training/adapters/methodFile.ts';
import type { Model } from '../training/model.ts';
import { stepCost } from '../training/stepCost.ts';
import type { SweepData } from './execute.ts';
import type { StudyPlan } from './plan.ts';
import { type StudyWork, workHere, workInProcesses } from './work.ts';

/** Who works on a study. */
export interface WorkOptions {
  readonly backend: BackendName;
  /** Threads of each worker; 0: the cores are shared out. */
  readonly threads: number;
  /** Processes; absent: one for each core, as far as memory allows and there is work to begin with. */
  readonly workers?: number;
  /** Seconds after which a silent worker is ended. */
  readonly workerTimeout?: number;
  /** Told when a worker has been silent for long. */
  readonly onSilence?: (words: string) => void;
}

/** One study ready to begin: its plan, its folder, and what its runs train on. */
export interface PlannedStudy {
  readonly plan: StudyPlan;
  readonly folder: string;
  readonly data: SweepData;
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
  { workers, workerTimeout, threads, backend, onSilence = () => {} }: WorkOptions,
): Promise<StudyWork> {
  const count = workers ?? (await usualWorkers(model, plan, data));
  if (count === 1) return workHere(model, plan, data);
  const { name, precision, checkpoint } = model;
  const own = threads || Math.max(1, Math.floor(availableParallelism() / count));
  const options = { name, precision, threads: own, backend };
  const setup = { directory: checkpoint.directory, model: options, plan, data };
  return workInProcesses(count, setup, {
    onSilence,
    ...(workerTimeout !== undefined && { endedAfter: workerTimeout }),
  });
}

/** One for each core, as far as memory allows and there is work to begin with. */
async function usualWorkers(
  model: Model,
  { methods, grid, targetModules, rank, alpha, training }: PlannedStudy['plan'],
  { rows }: PlannedStudy['data'],
): Promise<number> {
  const layout = layoutFor(model, await loadMethod(methods[0]!), targetModules, { rank, alpha });
  const { batchSize } = training;
  const { peakBytes } = stepCost(model, layout, rows, { batchSize, what: 'hessian' });
  const entries = model.decoder.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const weightBytes = entries * (model.precision === 'float64' ? 8 : 4);
  const fitting = Math.floor(process.availableMemory() / (weightBytes + peakBytes + processBytes));
  return Math.max(1, Math.min(availableParallelism(), fitting, methods.length * grid.length));
}
