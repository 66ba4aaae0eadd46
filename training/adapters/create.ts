import { randomStream, totalSize, type Vector, viewTensors, zeros } from '../../compute/index.ts';
import { matchModules } from '../checkpoint/matchModules.ts';
import type { Model } from '../model.ts';
import type { AdapterMethod, AdapterSize } from './adapter.ts';
import { adapterMethod } from './index.ts';
import { type AdaptedModule, type AdapterLayout, adaptedWeights, layoutTensors, moduleTensors } from './layout.ts';
import { checkRank } from './rank.ts';
import { residualWeight } from './residual.ts';

/** Which adapter is to be made. */
export interface AdapterOptions {
  /** The name of a LoRA variant. */
  readonly method: string;
  /** Default 8. */
  readonly rank?: number;
  /** Default 2 rank. */
  readonly alpha?: number;
  /** A comma list of name endings or a regular expression; default: every linear layer of every block. */
  readonly targetModules?: string;
  /** Of the initial values; default 0. */
  readonly initSeed?: number;
}

/** An adapter on one model: the values that are trained, and the frozen weights they are added to. */
export interface Adapter {
  readonly method: AdapterMethod;
  readonly layout: AdapterLayout;
  readonly initSeed: number;
  /** The trainable tensors one after another, in the order of `layoutTensors`; training changes them in place. */
  parameters: Vector;
  /** The parameters at step 0. */
  readonly initial: Vector;
  /** The frozen weights of the adapted modules: the base's own, or residual weights. */
  readonly weights: ReadonlyMap<string, Vector>;
}

/** The names that an adapter's target modules are chosen from. */
export const defaultTargets = 'all-linear';

/**
 * A new adapter with the method's initial values. Throws a LambdamaxError (or UsageError) for an unknown method, modules
 * that match nothing, and a rank that a module's matrix does not have.
 */
export async function createAdapter(model: Model, options: AdapterOptions): Promise<Adapter> {
  const { rank = 8, alpha = 2 * rank, targetModules = defaultTargets, initSeed = 0 } = options;
  const method = adapterMethod(options.method);
  const layout = layoutFor(model, method, targetModules, { rank, alpha });
  const parameters = zeros(totalSize(layoutTensors(layout)), model.precision);
  const views = viewTensors(parameters, layoutTensors(layout));
  for (const [module, { shape, size }] of layout.modules) {
    const values = method.initialise({
      module,
      shape,
      size,
      scaling: method.form.scaling(size),
      weight: await model.matrix(model.module(module)),
      random: randomStream(initSeed, `initial values of ${module}`),
    });
    for (const [name, tensor] of values) views.get(`${module}.${name}`)!.set(tensor);
  }
  const weights = await frozenWeights(model, method, layout, parameters);
  return { method, layout, initSeed, parameters, initial: parameters.slice(), weights };
}

/** The layout of a method on some of the model's modules, one size for all. */
export function layoutFor(
  model: Model,
  method: AdapterMethod,
  targetModules: string,
  size: AdapterSize,
): AdapterLayout {
  const known = new Map(model.decoder.modules.map((module) => [module.name, module]));
  const modules = new Map<string, AdaptedModule>();
  for (const name of matchModules([...known.keys()], targetModules)) {
    const { out, in: inputs } = known.get(name)!;
    const shape = { out, in: inputs };
    checkRank(name, shape, size.rank);
    modules.set(name, { shape, size });
  }
  return { form: method.form, modules };
}

/** The layout of no adapter at all: the base model as it is. */
export function emptyLayout(): AdapterLayout {
  return { form: adapterMethod('lora').form, modules: new Map() };
}

/** The weights that go with an adapter whose initial values are `initial`: W, or the residual weight W - s B A. */
export async function frozenWeights(
  model: Model,
  method: AdapterMethod,
  layout: AdapterLayout,
  initial: Vector,
): Promise<Map<string, Vector>> {
  const weights = new Map<string, Vector>();
  for (const name of adaptedWeights(layout)) weights.set(name, await model.weight(name));
  if (method.keepsFunctionBy === 'zeroUpdate') return weights;
  for (const [module, update] of layoutUpdates(layout, initial)) {
    const name = `${module}.weight`;
    const linear = model.module(module);
    const residual = residualWeight(await model.matrix(linear), layout.modules.get(module)!.shape, update);
    weights.set(name, model.stored(linear, residual));
  }
  return weights;
}

/** The change s B A [out, in] that the parameters make to each adapted module's matrix, in float64. */
export function* layoutUpdates(
  layout: AdapterLayout,
  parameters: Vector,
): Generator<[module: string, update: Float64Array]> {
  const views = new Map(
    [...viewTensors(parameters, layoutTensors(layout))].map(([name, view]) => [name, Float64Array.from(view)]),
  );
  for (const [module, { shape, size }] of layout.modules)
    yield [module, layout.form.update(shape, moduleTensors(layout, module, views), size)];
}
