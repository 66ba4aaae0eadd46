import { type Precision, type TensorSpec, totalSize, type Vector, viewTensors, zeros } from '../../../compute/index.ts';
import { LambdamaxError } from '../../../errors.ts';
import { requireFinite } from '../../checkpoint/finite.ts';
import type { TensorValues } from '../../checkpoint/safetensors.ts';
import { type AdapterLayout, layoutKey, layoutTensors, sharedTensors } from '../../layout/layout.ts';
import { matchModules } from '../../layout/matchModules.ts';
import type { Model } from '../../model.ts';
import type { PeftConfig } from '../../peft/config.ts';
import { isTargeted } from '../../peft/targets.ts';
import { type Adapter, frozenWeights, layoutFor } from '../create.ts';
import { formOfKind, knownMethod, peftTypes } from '../index.ts';
import type { AdapterMethod } from '../method.ts';
import { doubledLayout, doubledRank, halvesOf, hasFactors } from './doubledRank.ts';
import { type AdapterRecord, adaptedModules, type PeftAdapter, readAdapter, writeAdapter } from './peftFolder.ts';
import { repeatedInitial } from './repeatedInitial.ts';
import { replacedTensors, replacementOf } from './replaced.ts';

/**
 * Writes an adapter as a PEFT folder that is the same function on the base as it is, with and without our record beside it:
 * one on residual weights as [A; A0] and [B, -B0] of twice the rank, of which `loadAdapter` makes the two adapters again.
 * PEFT refuses a form that it does not know. An adapter that lies there is replaced once the new one is whole, unless `overwrite`
 * is false. Throws a LambdamaxError that names the folder if it cannot be written.
 */
export async function saveAdapter(
  model: Model,
  adapter: Adapter,
  directory: string,
  { overwrite = true }: { readonly overwrite?: boolean } = {},
): Promise<void> {
  requireSavable(adapter);
  const { method, layout, initSeed } = adapter;
  const isResidual = method.keepsFunctionBy === 'residualWeight';
  const doubled = isResidual && hasFactors(method.form);
  const written = doubled ? doubledRank(adapter) : adapter;
  // Of PEFT's other forms, none can take the initial values along.
  const kind = isResidual && !doubled ? undefined : method.form.peft;
  const modules = [...layout.modules.keys()];
  const own = sizesOf(layout);
  for (const [name, values] of viewTensors(written.parameters, layoutTensors(written.layout)))
    requireFinite(`tensor ${name} of an adapter to be saved in ${directory}`, values);
  const shared = sharedTensors(layout).map(
    ({ name, shape }) => [name, { shape, values: adapter.weights.get(name)! }] as const,
  );
  const stored: PeftAdapter = {
    config: {
      kind: kind ?? { type: 'LAMBDAMAX' },
      ...sizesOf(written.layout),
      targetModules: peftTargets(model, modules),
      fanInFanOut: modules.some((module) => model.module(module).transposed),
      baseModel: model.name,
      ...(layout.replaced?.modulesToSave.length && { modulesToSave: layout.replaced.modulesToSave }),
    },
    tensors: new Map([
      ...named(written.parameters, layoutTensors(written.layout)),
      ...shared,
      ...replacedTensors(model, layout, adapter.weights),
    ]),
    record: {
      method: method.name,
      initSeed,
      ...own,
      scaling: method.form.scaling(own),
      targetModules: modules,
      keepsFunctionBy: method.keepsFunctionBy,
      doubled,
    },
    ...(isResidual && !doubled ? { initial: named(adapter.initial, layoutTensors(layout)) } : {}),
  };
  await writeAdapter(directory, stored, overwrite);
}

/**
 * Throws a LambdamaxError that names the module for an adapter whose modules have sizes that differ, in a form for which PEFT
 * has no patterns: read with one size for all, it would be another function.
 */
export function requireSavable({ method, layout }: Pick<Adapter, 'method' | 'layout'>): void {
  const { peft } = method.form;
  const type = peftTypes.find((one) => one.type === peft?.type);
  if (type === undefined || type.hasPatterns) return;
  const { rankPattern, alphaPattern } = sizesOf(layout);
  const [module] = Object.keys({ ...rankPattern, ...(type.hasAlpha === false ? {} : alphaPattern) });
  if (module === undefined) return;
  throw new LambdamaxError({
    subject: `rank and alpha of ${module}`,
    expected: `those of all other modules, since PEFT keeps no patterns for ${type.type}`,
    got: Object.values(layout.modules.get(module)!.size),
    remedy: `without \`rankPattern\` and \`alphaPattern\` ${method.name} can be saved`,
  });
}

/**
 * Reads a PEFT adapter folder for a model. One that another program wrote, or trained on, is taken to stand on the base
 * weights. `method` is needed for an adapter of a form of the user's own, which the folder does not hold. Throws a LambdamaxError that names
 * the file, field or tensor that is wrong or does not fit the model.
 */
export async function loadAdapter(model: Model, directory: string, method?: AdapterMethod): Promise<Adapter> {
  const stored = underModelNames(model, await readAdapter(directory), directory);
  const { record, ...plain } = stored;
  const recorded = originOf(stored, directory, method);
  const whole = storedLayout(model, recorded.form, stored, directory);
  const half = record?.doubled ? halfOf(model, whole, record) : undefined;
  // A record whose halves are not in the file is of another adapter than the config makes of these tensors.
  const origin = record?.doubled && half === undefined ? originOf(plain, directory, method) : recorded;
  const read = (tensors: PeftAdapter['tensors'], specs: readonly TensorSpec[]) =>
    flatten(tensors, specs, model.precision, directory);
  const specs = layoutTensors(whole);
  const values = read(stored.tensors, specs);
  const shared = viewTensors(read(stored.tensors, sharedTensors(whole)), sharedTensors(whole));
  const rest = others(stored.tensors, specs, sharedTensors(whole));
  const replacement = await replacementOf(model, whole, stored.config, rest, directory);
  const layout = { ...(half ?? whole), ...(replacement && { replaced: replacement.replaced }) };
  const { parameters, initial } = half
    ? halvesOf(half, values)
    : { parameters: values, initial: await initialOf(model, stored, whole, values, read) };
  const brought = new Map([...shared, ...(replacement?.values ?? [])]);
  const weights = await frozenWeights(model, origin, layout, { initial, brought });
  return { method: origin, layout, initSeed: record?.initSeed ?? 0, parameters, initial, weights };
}

/** The parameters at step 0: as stored, or as PEFT makes them anew of the base; else those of now. */
async function initialOf(
  model: Model,
  { initial, config: { initialisation } }: PeftAdapter,
  layout: AdapterLayout,
  parameters: Vector,
  read: (tensors: PeftAdapter['tensors'], specs: readonly TensorSpec[]) => Vector,
): Promise<Vector> {
  if (initial !== undefined) return read(initial, layoutTensors(layout));
  return initialisation ? repeatedInitial(model, layout, initialisation, parameters) : parameters.slice();
}

/** The layout whose ranks are doubled in the file, or undefined if the file's are not those: its config was changed. */
function halfOf(model: Model, whole: AdapterLayout, record: AdapterRecord): AdapterLayout | undefined {
  const { rank, alpha, rankPattern = {}, alphaPattern = {} } = record;
  const modules = [...whole.modules.keys()].join(',');
  const half = layoutFor(model, whole, modules, { rank, alpha, rankPattern, alphaPattern }, { anyRank: true });
  return layoutKey(doubledLayout(half)) === layoutKey(whole) ? half : undefined;
}

const otherModel = 'the adapter must have been trained on this model';

/** The method that a folder's adapter came from. PEFT's fields say how it computes, and the record all else. */
function originOf(
  { config: { kind, initialisation }, record }: PeftAdapter,
  directory: string,
  method: AdapterMethod | undefined,
): Adapter['method'] {
  const keepsFunctionBy = record?.keepsFunctionBy ?? (initialisation ? 'residualWeight' : 'zeroUpdate');
  if (kind.type !== 'LAMBDAMAX') {
    const { name, form } = formOfKind(kind)!;
    return { name: record?.method ?? initialisation ?? name, form, keepsFunctionBy };
  }
  const known = method ?? (record && knownMethod(record.method));
  if (known !== undefined) return { name: known.name, form: known.form, keepsFunctionBy };
  const expected = 'a method that is known here';
  const remedy = 'give the file that it was made with too: `method: ./FILE.ts`';
  const got = record?.method ?? 'no lambdamax.json';
  throw new LambdamaxError({ subject: `the adapter in ${directory}`, expected, got, remedy });
}

/**
 * An adapter with its modules called as the model calls them: one that was made on a base model alone has names without the
 * base prefix. Throws a LambdamaxError for a module that the model does not have, or that the file has twice.
 */
function underModelNames(model: Model, stored: PeftAdapter, directory: string): PeftAdapter {
  const names = new Map<string, string>();
  for (const module of adaptedModules(stored)) {
    const fault = (got: string) =>
      new LambdamaxError({
        subject: `module ${module} of the adapter in ${directory}`,
        expected: `a linear layer of a block of ${model.checkpoint.directory}`,
        got,
        remedy: otherModel,
      });
    const known = model.moduleNamed(module)?.name;
    if (known === undefined)
      throw fault(`${module}.weight` === model.decoder.headName ? 'the output projection' : 'no such module');
    const twin = [...names].find(([, name]) => name === known);
    if (twin !== undefined) throw fault(`another name for ${twin[0]}, which the adapter has too`);
    names.set(module, known);
  }
  const renamed = (tensors: ReadonlyMap<string, TensorValues>) =>
    new Map(
      [...tensors].map(([name, tensor]) => {
        const module = [...names.keys()].find((own) => name.startsWith(`${own}.`));
        return [module === undefined ? name : `${names.get(module)}${name.slice(module.length)}`, tensor];
      }),
    );
  const { tensors, initial, record } = stored;
  return {
    ...stored,
    tensors: renamed(tensors),
    ...(initial && { initial: renamed(initial) }),
    ...(record && {
      record: { ...record, targetModules: record.targetModules.map((name) => names.get(name) ?? name) },
    }),
  };
}

/** The layout that the stored tensors have; they, not the config's targets, say which modules are adapted. */
function storedLayout(
  model: Model,
  form: AdapterMethod['form'],
  stored: PeftAdapter,
  directory: string,
): AdapterLayout {
  const modules = adaptedModules(stored);
  const { config } = stored;
  const passedOver = config.kind.type !== 'LAMBDAMAX' && modules.find((module) => !isTargeted(module, config));
  if (passedOver)
    throw new LambdamaxError({
      subject: `module ${passedOver} of the adapter in ${directory}`,
      expected: 'one that target_modules and the like in adapter_config.json choose',
      got: 'one that PEFT passes over',
    });
  // A rank above min(out, in) is a waste and no error: a residual adapter as plain LoRA has twice the rank that it had.
  return layoutFor(model, { form }, modules.join(','), stored.config, { anyRank: true });
}

/** The size that most modules have, and patterns for the others. */
function sizesOf(layout: AdapterLayout): Pick<PeftConfig, 'rank' | 'alpha' | 'rankPattern' | 'alphaPattern'> {
  const sizes = [...layout.modules.values()].map(({ size }) => size);
  const [rank, alpha] = [mostCommon(sizes.map(({ rank }) => rank)), mostCommon(sizes.map(({ alpha }) => alpha))];
  const others = (key: 'rank' | 'alpha', usual: number) =>
    Object.fromEntries(
      [...layout.modules].flatMap(([module, { size }]) => (size[key] === usual ? [] : [[module, size[key]]])),
    );
  return { rank, alpha, rankPattern: others('rank', rank), alphaPattern: others('alpha', alpha) };
}

function mostCommon(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most))[0];
}

/** The tensors that the adapter's form does not ask for. */
function others(tensors: ReadonlyMap<string, TensorValues>, ...asked: readonly (readonly TensorSpec[])[]) {
  const known = new Set(asked.flat().map(({ name }) => name));
  return new Map([...tensors].filter(([name]) => !known.has(name)));
}

function flatten(
  tensors: ReadonlyMap<string, TensorValues>,
  specs: readonly TensorSpec[],
  precision: Precision,
  directory: string,
): Vector {
  // All shapes first: a config may claim any rank, and nothing is allocated for one that no tensor has.
  for (const { name, shape } of specs) {
    const tensor = tensors.get(name);
    if (tensor === undefined || tensor.shape.join() !== shape.join())
      throw new LambdamaxError({
        subject: `tensor ${name} of the adapter in ${directory}`,
        expected: `shape [${shape}]`,
        got: tensor ? `[${tensor.shape}]` : 'no such tensor',
        remedy: otherModel,
      });
  }
  const flat = zeros(totalSize(specs), precision);
  for (const [name, view] of viewTensors(flat, specs)) {
    view.set(tensors.get(name)!.values);
    requireFinite(`tensor ${name} of the adapter in ${directory}`, view, 'take one from before its training diverged');
  }
  return flat;
}

function named(vector: Vector, specs: readonly TensorSpec[]): Map<string, TensorValues> {
  const views = viewTensors(vector, specs);
  return new Map(specs.map(({ name, shape }) => [name, { shape, values: views.get(name)! }]));
}

/** What PEFT's `target_modules` lists: the last parts of the names, or whole names where those would match more modules. */
function peftTargets(model: Model, modules: readonly string[]): string[] {
  const endings = [...new Set(modules.map((module) => module.slice(module.lastIndexOf('.') + 1)))].sort();
  const known = model.decoder.modules.map(({ name }) => name);
  return matchModules(known, endings.join(',')).length === modules.length ? endings : [...modules];
}
