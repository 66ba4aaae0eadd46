import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Backend, type Precision, type Vector, viewTensors } from '../../compute/index.ts';
import { type Adapter, createAdapter } from '../../training/adapters/create.ts';
import { loadAdapter } from '../../training/adapters/files/files.ts';
import { type TokenBatch, toBatch } from '../../training/data/batches.ts';
import { type TokenRow, toTokenRows } from '../../training/data/examples.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import { loadModel, type Model } from '../../training/model.ts';
import type { LinearModule } from '../../training/models/decoder.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

const folder = new URL('../../fixtures/reference/', import.meta.url);

/** Every checkpoint of the reference. */
export const architectures = [
  'gemma3_text',
  'gpt2',
  'llama',
  'llama-tied',
  'mistral',
  'olmo2',
  'phi3',
  'qwen2',
  'qwen3',
  'smollm3',
] as const;

/** The variants of the reference that start from a Llama's own weights or from residual weights. */
export const variants = ['lora', 'pissa', 'milora', 'olora', 'init-ab'] as const;
export type Variant = (typeof variants)[number];

/** All of the reference but full fine-tuning, which PEFT has no adapter of. */
const peftVariants = readdirSync(new URL('adapters/llama/', folder))
  .filter((variant) => variant !== 'full')
  .sort();

export interface AdapterCase {
  readonly architecture: (typeof architectures)[number];
  readonly variant: string;
  /** The points whose values are here. */
  readonly points: readonly ReferencePoint[];
  /** Whether there is curvature too. */
  readonly hasCurvature: boolean;
}

export const points = ['init', 'perturbed'] as const;
export type ReferencePoint = (typeof points)[number];

/** The architectures and variants whose adapters are here. */
export const adapterCases: readonly AdapterCase[] = [
  ...(['llama', 'qwen3', 'gpt2'] as const).flatMap((architecture) =>
    peftVariants.map((variant) => adapterCase(architecture, variant)),
  ),
  adapterCase('phi3', 'lora'),
];

function adapterCase(architecture: AdapterCase['architecture'], variant: string): AdapterCase {
  return {
    architecture,
    variant,
    points: points.filter((point) => existsSync(referenceFile(`adapters/${architecture}/${variant}/${point}`))),
    hasCurvature: existsSync(referenceFile(`curvature/${architecture}/${variant}.json`)),
  };
}

/** A file of the reference. */
export function referenceFile(path: string): URL {
  return new URL(path, folder);
}

export function referenceJson<T>(path: string): T {
  return JSON.parse(readFileSync(referenceFile(path), 'utf8')) as T;
}

/** One architecture's batch and what PyTorch says of the base model on it. */
export interface ReferenceBatch {
  readonly input_ids: number[][];
  readonly attention_mask: number[][];
  readonly labels: number[][];
  readonly loss: number;
  readonly row_losses: number[];
  readonly valid_tokens: number;
}

export function referenceBatch(architecture: string): ReferenceBatch {
  return referenceJson<{ batches: Record<string, ReferenceBatch> }>('batches.json').batches[architecture]!;
}

/** The rows of a reference batch, read as a user's tokenised rows would be. */
export function referenceRows(architecture: string): TokenRow[] {
  const { input_ids, attention_mask, labels } = referenceBatch(architecture);
  const rows = input_ids.map((ids, row) => ({
    input_ids: ids,
    attention_mask: attention_mask[row]!,
    labels: labels[row]!,
  }));
  return toTokenRows(rows, { maxLength: 64 }).rows;
}

export function referenceModel(architecture: string, precision: Precision, backend?: Backend): Promise<Model> {
  const options = { precision, threads: 1, ...(backend && { backend }) };
  return loadModel(fileURLToPath(referenceFile(`models/${architecture}`)), options);
}

/** The adapter that PEFT wrote, on the residual weights that go with it; `full` is the weights themselves. */
export async function referenceAdapter(
  model: Model,
  variant: string,
  point: ReferencePoint,
  architecture = 'llama',
): Promise<Adapter> {
  const directory = `adapters/${architecture}/${variant}/`;
  if (variant === 'full') return fullFinetuning(model, point, directory);
  const adapter = await loadAdapter(model, fileURLToPath(referenceFile(`${directory}${point}`)));
  const residual = referenceFile(`${directory}residual.safetensors`);
  if (!existsSync(residual)) return adapter;
  const weights = new Map<string, Vector>();
  for (const [name, { values }] of storedTensors(residual))
    weights.set(name, model.precision === 'float64' ? values : Float32Array.from(values));
  return { ...adapter, weights };
}

async function fullFinetuning(model: Model, point: ReferencePoint, directory: string): Promise<Adapter> {
  const adapter = await createAdapter(model, { method: 'full' });
  if (point === 'init') return adapter;
  const views = viewTensors(adapter.parameters, layoutTensors(adapter.layout));
  for (const [name, { values }] of storedTensors(referenceFile(`${directory}perturbed_weights.safetensors`))) {
    const module = model.module(name.slice(0, -'.weight'.length));
    views.get(`${module.name}.full_weight`)!.set(turned(values, module));
  }
  return adapter;
}

/** A matrix as the checkpoint stores it, as [out, in]. */
export function turned(values: Float64Array, module: LinearModule): Float64Array {
  if (!module.transposed) return values;
  return Float64Array.from(values, (_, index) => {
    const [row, column] = [Math.floor(index / module.in), index % module.in];
    return values[column * module.out + row]!;
  });
}

/** The reference batch of an architecture in a model's precision. */
export function referenceTokens(architecture: string, precision: Precision): TokenBatch {
  return toBatch(referenceRows(architecture), { precision });
}

/** The reference batch of the Llama in a model's precision. */
export function llamaBatch(precision: Precision): TokenBatch {
  return referenceTokens('llama', precision);
}

/** The tensors that the reference names, one after another in its own order. */
export function flattenReference(path: string, order?: readonly { readonly name: string }[]): Float64Array {
  const tensors = storedTensors(referenceFile(path));
  const names = order ? order.map(({ name }) => name) : [...tensors.keys()];
  return Float64Array.from(names.flatMap((name) => Array.from(tensors.get(name)!.values)));
}
