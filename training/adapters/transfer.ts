import type { Vector } from '../../compute/index.ts';
import type { AdaptedModule, AdapterForm } from '../layout/form.ts';
import { adaptedWeights, type ReplacedWeights } from '../layout/layout.ts';
import type { Model } from '../model.ts';
import type { PeftKind } from '../peft/config.ts';
import type { Adapter } from './create.ts';
import { formOfKind } from './index.ts';
import { loadMethod } from './methodFile.ts';

/** An adapter as plain data, to be sent to another process: its form, which is code, by name. */
export interface AdapterData extends Pick<Adapter, 'initSeed' | 'parameters' | 'initial'> {
  readonly method: Pick<Adapter['method'], 'name' | 'keepsFunctionBy'>;
  /** What PEFT calls its form; absent for one that is known by the method's name only. */
  readonly peft?: PeftKind;
  readonly modules: ReadonlyMap<string, AdaptedModule>;
  readonly replaced?: ReplacedWeights;
  /** The frozen tensors that are not the checkpoint's own. */
  readonly weights: ReadonlyMap<string, Vector>;
}

/** The data of an adapter on this model. */
export async function adapterData(model: Model, adapter: Adapter): Promise<AdapterData> {
  const { method, layout, initSeed, parameters, initial } = adapter;
  const { name, keepsFunctionBy } = method;
  const { peft } = layout.form;
  const stored = new Set(model.checkpoint.names());
  const weights = new Map<string, Vector>();
  for (const [tensor, values] of adapter.weights)
    if (!(stored.has(tensor) && values === (await model.weight(tensor)))) weights.set(tensor, values);
  return {
    method: { name, keepsFunctionBy },
    ...(peft && { peft }),
    ...(layout.replaced && { replaced: layout.replaced }),
    ...{ modules: layout.modules, initSeed, parameters, initial, weights },
  };
}

/** The adapter that the data is of, on the same model. Throws a LambdamaxError for a method that is not known here. */
export async function adapterOf(model: Model, data: AdapterData): Promise<Adapter> {
  const { method, peft, modules, replaced, initSeed, parameters, initial } = data;
  const form: AdapterForm = peft
    ? formOfKind(peft)!.form
    : (await loadMethod(method.name, 'method of an adapter')).form;
  const layout = { form, modules, ...(replaced && { replaced }) };
  const weights = new Map<string, Vector>();
  for (const tensor of adaptedWeights(layout))
    weights.set(tensor, data.weights.get(tensor) ?? (await model.weight(tensor)));
  return { method: { ...method, form }, layout, initSeed, parameters, initial, weights };
}
