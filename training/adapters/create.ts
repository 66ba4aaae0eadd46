import { randomStream, sizeOf, totalSize, type Vector, viewTensors, zeros } from '../../compute/index.ts';
import { requireFinite } from '../checkpoint/finite.ts';
import type { TokenRow } from '../data/examples.ts';
import type { AdaptedModule, AdapterSize } from '../layout/form.ts';
import { type AdapterLayout, broughtTensors, layoutTensors, moduleTensors, sharedTensors } from '../layout/layout.ts';
import { matchModules } from '../layout/matchModules.ts';
import type { Model } from '../model.ts';
import { sizeOfModule } from '../peft/targets.ts';
import type { OnStage } from '../stage.ts';
import { adapterDefaults } from './defaults.ts';
import { checkRank } from './forms/rank.ts';
import { adapterMethod } from './index.ts';
import { samples } from './initial/samples.ts';
import type { AdapterMethod, InitialisedModule } from './method.ts';
import { loadMethod } from './methodFile.ts';
import { residualWeight } from './residual.ts';

/** How large the adapters of a model's modules are. */
export interface ModuleSizes extends AdapterSize {
  /** Ranks that differ from the rest, by ends of module names or regular expressions for them, as PEFT's `rank_pattern`. */
  readonly rankPattern?: Readonly<Record<string, number>> | undefined;
  /** Alphas that differ from the rest, by ends of module names or regular expressions for them: PEFT's `alpha_pattern`. */
  readonly alphaPattern?: Readonly<Record<string, number>> | undefined;
}

/** Which adapter is to be made. */
export interface AdapterOptions extends Partial<ModuleSizes> {
  /** A LoRA variant, by name or as it is; a file with one of the user's own, `./my-variant.ts`. */
  readonly method: string | AdapterMethod;
  /** Default 8, of {@link adapterDefaults}. */
  readonly rank?: number;
  /** Default 16, of {@link adapterDefaults}, whatever the rank. */
  readonly alpha?: number;
  /** A comma list of name endings or a regular expression; default: every linear layer of every block. */
  readonly targetModules?: string;
  /** Seed of the initial values; default 0. */
  readonly initSeed?: number;
  /** The training data, of which some methods take a sample. */
  readonly rows?: readonly TokenRow[];
  /** The size of that sample in rows, drawn by `initSeed`; default 64. */
  readonly sampleRows?: number;
  /** Told before the values of each module are made. */
  readonly onStage?: OnStage;
}

/** An adapter on one model: the values that are trained, and the frozen weights they are added to. */
export interface Adapter {
  /** The method that the adapter came from; its name alone if that is not known here. */
  readonly method: Pick<AdapterMethod, 'name' | 'form' | 'keepsFunctionBy' | 'contentHash'>;
  readonly layout: AdapterLayout;
  readonly initSeed: number;
  /** The trainable tensors one after another, in the order of `layoutTensors`; training changes them in place. */
  parameters: Vector;
  /** The parameters at step 0. */
  readonly initial: Vector;
  /** The frozen tensors that the adapter brings: its modules' weights, the base's own or residual, and shared ones. */
  readonly weights: ReadonlyMap<string, Vector>;
}

/**
 * A new adapter with the method's initial values. Throws a LambdamaxError (or ArgumentError) for an unknown method, modules
 * that match nothing, and a rank that a module's matrix does not have.
 */
export async function createAdapter(model: Model, options: AdapterOptions): Promise<Adapter> {
  const {
    rank = adapterDefaults.rank,
    alpha = adapterDefaults.alpha,
    targetModules = adapterDefaults.targetModules,
    initSeed = adapterDefaults.initSeed,
  } = options;
  const method = typeof options.method === 'string' ? await loadMethod(options.method) : options.method;
  const wanted = layoutFor(model, method, targetModules, { ...options, rank, alpha });
  const modules = await initialisedModules(model, method, wanted, options);
  const layout = {
    form: method.form,
    modules: new Map([...modules].map(([name, { shape, size }]) => [name, { shape, size }])),
  };
  const parameters = zeros(totalSize(layoutTensors(layout)), model.precision);
  const views = viewTensors(parameters, layoutTensors(layout));
  for (const [module, { values }] of modules)
    for (const [name, tensor] of values) views.get(`${module}.${name}`)?.set(tensor);
  for (const [name, values] of views) requireFinite(`initial values of ${name} by ${method.name}`, values);
  const shared = new Map<string, Vector>();
  for (const spec of sharedTensors(layout)) {
    const values = method.shared!(spec, randomStream(initSeed, `shared tensor ${spec.name}`));
    shared.set(spec.name, model.precision === 'float64' ? values : Float32Array.from(values));
  }
  const weights = await frozenWeights(model, method, layout, { initial: parameters, brought: shared });
  return { method, layout, initSeed, parameters, initial: parameters.slice(), weights };
}

/** Every module with the size and the values that it gets. */
async function initialisedModules(
  model: Model,
  method: AdapterMethod,
  layout: AdapterLayout,
  options: AdapterOptions,
): Promise<ReadonlyMap<string, InitialisedModule>> {
  const { initSeed = adapterDefaults.initSeed, onStage } = options;
  const { form, share } = method;
  const modules = new Map<string, InitialisedModule>();
  const tell = () => onStage?.({ name: 'start', done: modules.size, total: layout.modules.size });
  tell();
  for await (const [module, sample] of samples(model, method, layout, options)) {
    const { shape, size: wanted } = layout.modules.get(module)!;
    const size = share?.most(wanted, shape) ?? wanted;
    const stored = await model.weight(`${module}.weight`);
    requireFinite(`tensor ${module}.weight in ${model.checkpoint.directory}`, stored);
    const values = await method.initialise({
      module,
      shape,
      size,
      scaling: form.scaling(size),
      // Many methods need none, and a model's are gigabytes.
      get weight() {
        return model.turned(model.module(module), stored);
      },
      random: randomStream(initSeed, `initial values of ${module}`),
      ...sample,
    });
    modules.set(module, { shape, size, values });
    tell();
  }
  const wanted = new Map([...layout.modules].map(([module, { size }]) => [module, size]));
  return share?.among(modules, wanted) ?? modules;
}

/** The layout of a method on some of the model's modules, with `anyRank` whatever their ranks. Throws as `createAdapter`. */
export function layoutFor(
  model: Model,
  { form, check }: Pick<AdapterMethod, 'form' | 'check'>,
  targetModules: string,
  { rank, alpha, rankPattern = {}, alphaPattern = {} }: ModuleSizes,
  { anyRank = false } = {},
): AdapterLayout {
  const known = new Map(model.decoder.modules.map((module) => [module.name, module]));
  const modules = new Map<string, AdaptedModule>();
  for (const name of matchModules([...known.keys()], targetModules)) {
    const { out, in: inputs } = known.get(name)!;
    const shape = { out, in: inputs };
    const size = sizeOfModule(name, { rank, alpha, rankPattern, alphaPattern });
    if (form.check) form.check(name, shape, size);
    else if (!anyRank) checkRank(name, shape, size.rank);
    check?.(name, shape, size);
    modules.set(name, { shape, size });
  }
  return { form, modules };
}

/** The layout of no adapter at all: the base model as it is. */
export function emptyLayout(): AdapterLayout {
  return { form: adapterMethod('lora').form, modules: new Map() };
}

/**
 * The frozen tensors that go with an adapter whose initial values are `initial`: of each module W, or the residual weight
 * W - s B A; and what else the adapter brings, shared tensors and replaced weights, as `brought` has it.
 */
export async function frozenWeights(
  model: Model,
  method: Pick<AdapterMethod, 'keepsFunctionBy'>,
  layout: AdapterLayout,
  { initial, brought }: { readonly initial: Vector; readonly brought: ReadonlyMap<string, Vector> },
): Promise<Map<string, Vector>> {
  const weights = new Map<string, Vector>();
  for (const module of layout.modules.keys()) weights.set(`${module}.weight`, await model.weight(`${module}.weight`));
  for (const { name } of broughtTensors(layout)) weights.set(name, brought.get(name)!);
  if (method.keepsFunctionBy === 'zeroUpdate') return weights;
  for (const module of layout.modules.keys()) {
    const linear = model.module(module);
    const weight = await model.matrix(linear);
    const { shape } = layout.modules.get(module)!;
    const { form } = layout;
    const takenOff = { ...layout, form: { ...form, update: form.residualUpdate ?? form.update } };
    const residual = residualWeight(
      weight,
      shape,
      moduleUpdate(takenOff, module, initial, { shared: brought, weight }),
      model.precision,
    );
    weights.set(`${module}.weight`, model.stored(linear, residual));
  }
  return weights;
}

/**
 * The change [out, in] that the parameters make to one module's frozen matrix, in float64: s B A, or what the form has in
 * its place. `weight` is that matrix.
 */
export function moduleUpdate(
  layout: AdapterLayout,
  module: string,
  parameters: Vector,
  { shared, weight }: { readonly shared: ReadonlyMap<string, Vector>; readonly weight: Float64Array },
): Float64Array {
  const { shape, size } = layout.modules.get(module)!;
  const own = new Map<string, Vector>();
  let start = 0;
  for (const { name, shape: extents } of layoutTensors(layout)) {
    const end = start + sizeOf(extents);
    // A view of each tensor of all modules, for every module, would be many.
    if (name.startsWith(`${module}.`)) own.set(name, parameters.subarray(start, end));
    start = end;
  }
  const tensors = moduleTensors(layout, module, { get: (name) => own.get(name) ?? shared.get(name) });
  const values = new Map([...tensors].map(([name, vector]) => [name, Float64Array.from(vector)]));
  return layout.form.update(shape, values, size, weight);
}
