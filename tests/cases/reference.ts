import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Backend, Precision, Vector } from '../../compute/index.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import { loadAdapter } from '../../training/adapters/files.ts';
import { type TokenBatch, toBatch } from '../../training/data/batches.ts';
import { type TokenRow, toTokenRows } from '../../training/data/examples.ts';
import { loadModel, type Model } from '../../training/model.ts';
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
  'qwen2',
  'qwen3',
  'smollm3',
] as const;

/** The variants of the reference that start from a Llama's own weights or from residual weights. */
export const variants = ['lora', 'pissa', 'milora', 'olora', 'init-ab'] as const;
export type Variant = (typeof variants)[number];

/** The architectures and variants whose adapters are here, and whose curvature too. */
export const adapterCases: readonly AdapterCase[] = [
  ...variants.map((variant) => ({ architecture: 'llama', variant, hasCurvature: true }) as const),
  { architecture: 'qwen3', variant: 'lora', hasCurvature: true },
  { architecture: 'qwen3', variant: 'pissa', hasCurvature: true },
  { architecture: 'gpt2', variant: 'lora', hasCurvature: false },
  { architecture: 'gpt2', variant: 'pissa', hasCurvature: false },
];

export interface AdapterCase {
  readonly architecture: (typeof architectures)[number];
  readonly variant: Variant;
  readonly hasCurvature: boolean;
}

export const points = ['init', 'perturbed'] as const;
export type ReferencePoint = (typeof points)[number];

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

/** The adapter that PEFT wrote, on the residual weights that go with it. */
export async function referenceAdapter(
  model: Model,
  variant: Variant,
  point: ReferencePoint,
  architecture = 'llama',
): Promise<Adapter> {
  const directory = `adapters/${architecture}/${variant}/`;
  const adapter = await loadAdapter(model, fileURLToPath(referenceFile(`${directory}${point}`)));
  if (variant === 'lora') return adapter;
  const weights = new Map<string, Vector>();
  for (const [name, { values }] of storedTensors(referenceFile(`${directory}residual.safetensors`)))
    weights.set(name, model.precision === 'float64' ? values : Float32Array.from(values));
  return { ...adapter, weights };
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
