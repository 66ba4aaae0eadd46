import { type Precision, type TensorSpec, totalSize, type Vector, viewTensors, zeros } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';
import { matchModules } from '../checkpoint/matchModules.ts';
import { type PeftAdapter, readAdapter, writeAdapter } from '../checkpoint/peft.ts';
import type { TensorValues } from '../checkpoint/safetensors.ts';
import type { Model } from '../model.ts';
import type { AdapterMethod } from './adapter.ts';
import { type Adapter, frozenWeights, layoutFor } from './create.ts';
import { adapterMethod } from './index.ts';
import { type AdapterLayout, layoutTensors } from './layout.ts';

/**
 * Writes an adapter as a PEFT folder. Where the frozen weights are residual weights, the initial values lie beside it, so
 * that `loadAdapter` finds the same function again. Throws a LambdamaxError that names the folder if it cannot be written.
 */
export async function saveAdapter(model: Model, adapter: Adapter, directory: string): Promise<void> {
  const { method, layout, initSeed } = adapter;
  const tensors = layoutTensors(layout);
  const size = sizeOfAll(layout);
  await writeAdapter(directory, {
    config: {
      ...size,
      targetModules: peftTargets(model, [...layout.modules.keys()]),
      useRslora: false,
      useDora: false,
      rankPattern: {},
      alphaPattern: {},
      baseModel: model.checkpoint.directory,
    },
    tensors: named(adapter.parameters, tensors),
    record: {
      method: method.name,
      initSeed,
      ...size,
      scaling: method.form.scaling(size),
      targetModules: [...layout.modules.keys()],
      keepsFunctionBy: method.keepsFunctionBy,
    },
    ...(method.keepsFunctionBy === 'residualWeight' ? { initial: named(adapter.initial, tensors) } : {}),
  });
}

/**
 * Reads a PEFT LoRA folder for a model. One that another program wrote is taken as plain LoRA on the base weights. Throws a
 * LambdamaxError that names the file, field or tensor that is wrong or does not fit the model.
 */
export async function loadAdapter(model: Model, directory: string): Promise<Adapter> {
  const stored = await readAdapter(directory);
  const method = adapterMethod(stored.record?.method ?? 'lora');
  const layout = storedLayout(model, method, stored, directory);
  const specs = layoutTensors(layout);
  const parameters = flatten(stored.tensors, specs, model.precision, directory);
  const initial = stored.initial ? flatten(stored.initial, specs, model.precision, directory) : parameters.slice();
  const weights = await frozenWeights(model, method, layout, initial);
  return { method, layout, initSeed: stored.record?.initSeed ?? 0, parameters, initial, weights };
}

const otherModel = 'the adapter must have been trained on this model';

/** The layout that the stored tensors have; they, not the config's patterns, say which modules are adapted. */
function storedLayout(model: Model, method: AdapterMethod, stored: PeftAdapter, directory: string): AdapterLayout {
  const { config, tensors } = stored;
  const differs = Object.keys(config.rankPattern).length > 0 || Object.keys(config.alphaPattern).length > 0;
  if (differs || config.useRslora || config.useDora)
    throw new LambdamaxError({
      subject: `adapter_config.json in ${directory}`,
      expected: 'plain LoRA with one rank and one alpha',
      got: differs ? 'rank_pattern or alpha_pattern' : config.useDora ? 'use_dora' : 'use_rslora',
    });
  const modules = [...new Set([...tensors.keys()].map((name) => name.replace(/\.lora_[AB]\.weight$/, '')))];
  const weights = new Set(model.checkpoint.names());
  const unknown = modules.find((module) => !weights.has(`${module}.weight`));
  if (unknown !== undefined)
    throw new LambdamaxError({
      subject: `module ${unknown} of the adapter in ${directory}`,
      expected: `a module of ${model.checkpoint.directory}`,
      got: 'no such module',
      remedy: otherModel,
    });
  return layoutFor(model, method, modules.join(','), { rank: config.rank, alpha: config.alpha });
}

function flatten(
  tensors: ReadonlyMap<string, TensorValues>,
  specs: readonly TensorSpec[],
  precision: Precision,
  directory: string,
): Vector {
  const flat = zeros(totalSize(specs), precision);
  const views = viewTensors(flat, specs);
  for (const { name, shape } of specs) {
    const tensor = tensors.get(name);
    if (tensor === undefined || tensor.shape.join() !== shape.join())
      throw new LambdamaxError({
        subject: `tensor ${name} of the adapter in ${directory}`,
        expected: `shape [${shape}]`,
        got: tensor ? `[${tensor.shape}]` : 'no such tensor',
        remedy: otherModel,
      });
    views.get(name)!.set(tensor.values);
  }
  return flat;
}

function named(vector: Vector, specs: readonly TensorSpec[]): Map<string, TensorValues> {
  const views = viewTensors(vector, specs);
  return new Map(specs.map(({ name, shape }) => [name, { shape, values: views.get(name)! }]));
}

function sizeOfAll(layout: AdapterLayout): { rank: number; alpha: number } {
  const [first] = layout.modules.values();
  return first!.size;
}

/** What PEFT's `target_modules` lists: the last parts of the names, or whole names where those would match more modules. */
function peftTargets(model: Model, modules: readonly string[]): string[] {
  const endings = [...new Set(modules.map((module) => module.slice(module.lastIndexOf('.') + 1)))].sort();
  const known = model.decoder.modules.map(({ name }) => name);
  return matchModules(known, endings.join(',')).length === modules.length ? endings : [...modules];
}
