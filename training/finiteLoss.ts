import { LambdamaxError } from '../errors.ts';
import { requireFinite } from './checkpoint/finite.ts';
import type { Model } from './model.ts';

/**
 * Throws a LambdamaxError unless a model's loss, or what was computed of it, is finite: it names the model's weight that is not,
 * or, if all are, what was computed. Before a step was taken there is no learning rate to blame.
 */
export async function requireFiniteLoss(model: Model, subject: string, value: number): Promise<void> {
  if (Number.isFinite(value)) return;
  await requireFiniteWeights(model);
  const remedy = 'the weights are finite, and what is computed of them is not: try `precision: float64`';
  throw new LambdamaxError({ subject, expected: 'a finite number', got: value, remedy });
}

const searched = new WeakMap<Model, Promise<void>>();

/** Throws a LambdamaxError that names a model's first weight with an entry that is not finite. Looks once for each model. */
export function requireFiniteWeights(model: Model): Promise<void> {
  const search = searched.get(model) ?? searchWeights(model);
  searched.set(model, search);
  return search;
}

async function searchWeights({ checkpoint, precision }: Model): Promise<void> {
  for (const name of checkpoint.names())
    requireFinite(`tensor ${name} in ${checkpoint.directory}`, await checkpoint.read(name, precision), broken);
}

const broken = 'the checkpoint is broken: download or convert it again';
