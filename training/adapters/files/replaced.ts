import type { Precision, TensorSpec, Vector } from '../../../compute/index.ts';
import { type ErrorParts, LambdamaxError } from '../../../errors.ts';
import { requireFinite } from '../../checkpoint/finite.ts';
import type { TensorValues } from '../../checkpoint/safetensors.ts';
import { knownName } from '../../checkpoint/weightNames.ts';
import type { AdapterLayout, ReplacedWeights } from '../../layout/layout.ts';
import type { Model } from '../../model.ts';
import type { Decoder } from '../../models/decoder.ts';
import type { PeftConfig } from '../../peft/config.ts';
import { isSaved } from '../../peft/targets.ts';

/** Weights of the base that an adapter's file has values of, and those values by the weights' names. */
export interface Replacement {
  readonly replaced: ReplacedWeights;
  readonly values: ReadonlyMap<string, Vector>;
}

const merge = 'merge the adapter in PEFT (merge_and_unload), save the model, and give that as `model`';
const otherBase = 'the adapter must have been trained on this model';
const resized =
  'if the vocabulary was resized, resize the base in transformers too (resize_token_embeddings), save it, and give it as `model`';

/**
 * What PEFT makes of the tensors of an adapter's file beside those of its own kind: values in the place of the base's. Undefined
 * if there are none. Throws a LambdamaxError that names the tensor for one that PEFT would pass over, or whose effect is not
 * computed here, and for one that the config asks for and the file lacks.
 */
export async function replacementOf(
  model: Model,
  { modules }: AdapterLayout,
  config: PeftConfig,
  rest: ReadonlyMap<string, TensorValues>,
  directory: string,
): Promise<Replacement | undefined> {
  const { decoder } = model;
  const specs = replaceableWeights(decoder);
  const found = new Map<string, Vector>();
  for (const [name, { shape, values }] of rest) {
    const fault = (parts: Omit<ErrorParts, 'subject'>) =>
      new LambdamaxError({ subject: `tensor ${name} of the adapter in ${directory}`, ...parts });
    const rows = trainedRows(name, config, decoder);
    const weight = rows ? decoder.embeddingName : weightOfTensor(name, modules, specs, decoder);
    if (weight === undefined) throw fault(whyNot(name));
    if (found.has(weight)) throw fault({ expected: `one tensor for ${weight}`, got: 'two' });
    const [height, ...others] = specs.get(weight)!.shape;
    const expected = [rows?.length ?? height, ...others];
    const remedy = weight === decoder.embeddingName || weight === decoder.headName ? resized : otherBase;
    if (shape.join() !== expected.join() || rows?.some((row) => row >= height!))
      throw fault({ expected: `shape [${expected.join(', ')}]`, got: `[${shape.join(', ')}]`, remedy });
    const own = inPrecision(values, model.precision);
    requireFinite(`tensor ${name} of the adapter in ${directory}`, own);
    found.set(weight, rows ? withRows(await model.weight(weight), rows, own) : own);
  }
  requireSaved(config, specs, found, directory);
  const values = await untiedAsInPeft(model, config, found, directory);
  if (values.size === 0) return undefined;
  const weights = [...values.keys()].map((name) => specs.get(name)!);
  return { replaced: { weights, modulesToSave: config.modulesToSave ?? [] }, values };
}

/** The weights of a layout's replacement as an adapter's file calls and stores them. */
export function replacedTensors(
  { decoder }: Model,
  { modules, replaced }: AdapterLayout,
  values: ReadonlyMap<string, Vector>,
): Map<string, TensorValues> {
  const tensors = new Map<string, TensorValues>();
  for (const { name, shape } of replaced?.weights ?? [])
    tensors.set(modules.has(moduleOf(name)) ? `${moduleOf(name)}.base_layer.bias` : name, {
      ...{ shape, values: values.get(name)! },
    });
  const embedding = tensors.get(decoder.embeddingName);
  // PEFT asks for both of a tied pair where `modules_to_save` names both.
  if (embedding && decoder.outputName === decoder.embeddingName && !tensors.has(decoder.headName))
    tensors.set(decoder.headName, embedding);
  return tensors;
}

/** Every weight that an adapter's file may hold, by name: an output projection that is tied to the embedding matrix too. */
function replaceableWeights({ weights, embeddingName, headName }: Decoder): ReadonlyMap<string, TensorSpec> {
  const { shape } = weights.find(({ name }) => name === embeddingName)!;
  return new Map([{ name: headName, shape }, ...weights].map((spec) => [spec.name, spec]));
}

/** The name of the module that a weight belongs to. */
function moduleOf(weight: string): string {
  return weight.slice(0, weight.lastIndexOf('.'));
}

/** The weight that PEFT loads a tensor into. Under an adapter, a layer is called `base_layer`, and its matrix is not replaced. */
function weightOfTensor(
  name: string,
  modules: AdapterLayout['modules'],
  specs: ReadonlyMap<string, TensorSpec>,
  decoder: Decoder,
): string | undefined {
  const [, module] = /^(.+)\.base_layer\.bias$/.exec(name) ?? [];
  if (module !== undefined) return modules.has(module) && specs.has(`${module}.bias`) ? `${module}.bias` : undefined;
  const weight = knownName(name, specs, decoder);
  return weight === undefined || modules.has(moduleOf(weight)) ? undefined : weight;
}

/** The rows of the embedding matrix whose trained values a tensor holds; undefined for any other tensor. */
function trainedRows(name: string, { trainableTokens }: PeftConfig, { embeddingName }: Decoder) {
  const embedding = moduleOf(embeddingName);
  if (trainableTokens === undefined || name !== `${embedding}.token_adapter.trainable_tokens_delta`) return undefined;
  if (Array.isArray(trainableTokens)) return trainableTokens as readonly number[];
  const [[module, rows], ...more] = Object.entries(trainableTokens) as [[string, readonly number[]]];
  return more.length === 0 && embedding.endsWith(module) ? rows : undefined;
}

function whyNot(name: string): Omit<ErrorParts, 'subject'> {
  if (/\.lora_embedding_[AB]$/.test(name))
    return { expected: 'adapters of linear layers', got: 'one of an embedding matrix', remedy: merge };
  if (name.endsWith('.lora_magnitude_vector'))
    return { expected: 'use_dora to be true in adapter_config.json', got: 'magnitudes without it' };
  const expected = "a tensor of the adapter's kind, or a weight of the model that PEFT replaces";
  return { expected, got: 'one that nothing asks for', remedy: merge };
}

function inPrecision(values: Vector, precision: Precision): Vector {
  return precision === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
}

function sameValues(a: Vector, b: Vector): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** A matrix with some of its rows replaced. */
function withRows(matrix: Vector, rows: readonly number[], values: Vector): Vector {
  const result = matrix.slice();
  const width = values.length / rows.length;
  for (const [index, row] of rows.entries())
    result.set(values.subarray(index * width, (index + 1) * width), row * width);
  return result;
}

/** Throws unless there is a value of every weight that the config says was trained itself. */
function requireSaved(
  config: PeftConfig,
  specs: ReadonlyMap<string, TensorSpec>,
  found: ReadonlyMap<string, Vector>,
  directory: string,
): void {
  const missing = [...specs.keys()].find((name) => !found.has(name) && isInSavedModule(name, config));
  if (missing !== undefined)
    throw new LambdamaxError({
      subject: `the adapter in ${directory}`,
      expected: `tensor ${missing}, since modules_to_save is ${JSON.stringify(config.modulesToSave)}`,
      got: 'no such tensor',
    });
  if (config.trainableTokens === undefined || found.size > 0) return;
  const expected = 'a tensor trainable_tokens_delta, since there are trainable_token_indices';
  throw new LambdamaxError({ subject: `the adapter in ${directory}`, expected, got: 'no such tensor' });
}

/** Whether `modules_to_save` names the weight's module, or one that it is in. */
function isInSavedModule(weight: string, config: PeftConfig): boolean {
  const parts = moduleOf(weight).split('.');
  return parts.some((_, index) => isSaved(parts.slice(0, index + 1).join('.'), config));
}

/**
 * The values as PEFT has them in a base whose embedding matrix and output projection are one. A module of `modules_to_save` is a
 * copy, no longer tied; any other value is loaded into the one that both share. Throws a LambdamaxError for two values of
 * one tensor.
 */
async function untiedAsInPeft(
  model: Model,
  config: PeftConfig,
  found: ReadonlyMap<string, Vector>,
  directory: string,
): Promise<ReadonlyMap<string, Vector>> {
  const { embeddingName, headName, outputName } = model.decoder;
  const [embedding, head] = [found.get(embeddingName), found.get(headName)];
  if (outputName !== embeddingName || (embedding ?? head) === undefined) return found;
  const values = new Map(found);
  const copies = [embeddingName, headName].filter((name) => isInSavedModule(name, config));
  const isOne = embedding !== undefined && head !== undefined && sameValues(embedding, head);
  if (!isOne && (config.ensureWeightTying || (copies.length > 0 && config.trainableTokens)))
    throw new LambdamaxError({
      subject: `${embeddingName} and ${headName} of the adapter in ${directory}`,
      expected: 'the same values twice, since the two are to stay tied',
      got: 'others',
      remedy: merge,
    });
  if (isOne || copies.length === 0) {
    if (embedding && head && !isOne)
      throw new LambdamaxError({
        subject: `${embeddingName} and ${headName} of the adapter in ${directory}`,
        expected: 'the same values, since they are tied in the base and modules_to_save names neither',
        got: 'others',
      });
    values.set(embeddingName, (embedding ?? head)!);
    values.delete(headName);
    return values;
  }
  // Untied: what the file has no value of stays as it is in the base.
  if (head === undefined) values.set(headName, await model.weight(embeddingName));
  return values;
}
