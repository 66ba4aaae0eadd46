import {
  type BackendName,
  backendNamed,
  type Curvature,
  type Linearised,
  type Precision,
  type Vector,
} from '../../compute/index.ts';
import { type AdapterData, adapterOf } from '../../training/adapters/transfer.ts';
import type { TokenBatch } from '../../training/data/batches.ts';
import { loadModel } from '../../training/model.ts';
import type { CreateWorker } from '../../workers/workerProcess.ts';

/** This module, for `WorkerProcess`: each process loads the model itself, and linearises batches of its own. */
export const curvatureWorker = import.meta.url;

/** What all processes are told. */
export interface CurvatureSetup {
  readonly model: {
    readonly directory: string;
    readonly name: string;
    readonly precision: Precision;
    readonly threads: number;
    readonly backend: BackendName;
  };
  readonly adapter: AdapterData;
  readonly curvature: Curvature;
}

/** What comes back of a linearised batch. */
export type LinearisedFacts = Pick<Linearised, 'curvature' | 'parameters' | 'value' | 'gradient' | 'keptBytes'>;

/** What a process can be asked, with what comes back. What it makes is kept under an id, until that is released. */
export interface CurvatureAnswers {
  linearise: {
    readonly order: { readonly id: number; readonly batch: TokenBatch; readonly keep: boolean };
    readonly answer: LinearisedFacts;
  };
  /** The block `id` of some parameters of the linearised batch `of`. */
  block: {
    readonly order: { readonly id: number; readonly of: number; readonly parameters: readonly string[] };
    readonly answer: Linearised['parameters'];
  };
  /** A product of a batch or a block. */
  apply: { readonly order: { readonly id: number; readonly direction: Vector }; readonly answer: Vector };
  rerounded: {
    readonly order: { readonly id: number; readonly directions: readonly Vector[] };
    readonly answer: Vector[];
  };
  release: { readonly order: { readonly id: number }; readonly answer: null };
  /** The largest resident memory of the process so far. */
  peakMegabytes: { readonly order: object; readonly answer: number };
}

/** One of these questions. */
export type CurvatureTask = {
  [Kind in keyof CurvatureAnswers]: { readonly kind: Kind } & CurvatureAnswers[Kind]['order'];
}[keyof CurvatureAnswers];

/** See `CreateWorker`. */
export const createWorker: CreateWorker<
  CurvatureSetup,
  CurvatureTask,
  CurvatureAnswers[keyof CurvatureAnswers]['answer']
> = async ({ model: { directory, backend, ...options }, adapter: data, curvature }) => {
  const model = await loadModel(directory, { ...options, backend: backendNamed(backend) });
  const adapter = await adapterOf(model, data);
  const linearised = new Map<number, Linearised>();
  const multipliers = new Map<number, Pick<Linearised, 'apply' | 'rerounded' | 'release'>>();
  return async (task) => {
    switch (task.kind) {
      case 'linearise': {
        const { id, batch, keep } = task;
        const made = await model.program(adapter.layout, batch).linearise(adapter, batch.inputs, curvature, { keep });
        linearised.set(id, made);
        multipliers.set(id, made);
        const { parameters, value, gradient, keptBytes } = made;
        return { curvature, parameters, value, gradient, keptBytes };
      }
      case 'block': {
        const block = await linearised.get(task.of)!.block(task.parameters);
        multipliers.set(task.id, block);
        return block.parameters;
      }
      case 'apply':
        return multipliers.get(task.id)!.apply(task.direction);
      case 'rerounded':
        return multipliers.get(task.id)!.rerounded(task.directions);
      case 'release':
        await multipliers.get(task.id)!.release();
        multipliers.delete(task.id);
        linearised.delete(task.id);
        return null;
      case 'peakMegabytes':
        return process.resourceUsage().maxRSS / 1024;
    }
  };
};
