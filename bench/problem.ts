import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RandomStream, randomStream, sizeOf } from 'lambdamax/compute';
import { createAdapter, loadAdapter, loadModel, type Model, type ModelOptions, saveAdapter } from 'lambdamax/training';
import { layerMatrices, type ModelShape } from './models.ts';

// A problem is a folder that says all that a subject needs to compute the same numbers, in forms that are read in a line:
//
//     config.json, model.safetensors     a Llama as transformers writes it, float32
//     adapter/                           LoRA in PEFT's form, A and B both nonzero, or as it starts, where B = 0
//     tokens.i32                         [rows, length + 1]; position t predicts token t + 1, and all are scored
//     direction.f32                      the vector that the Hessian is multiplied with
//     parameters.json                    { rows, length, parameters: [{ name, shape }] }, in the order of the direction

/** Where an adapter stands: of the size that training gives it, or where training starts. */
export const adapterPoints = ['perturbed', 'initial'] as const;

/** One of {@link adapterPoints}. */
export type AdapterPoint = (typeof adapterPoints)[number];

/** Which of the problems of one shape. */
export interface ProblemOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Default `perturbed`. */
  readonly point?: AdapterPoint;
}

/** Writes a problem; its shape and the options determine every byte. */
export async function writeProblem(
  folder: string,
  shape: ModelShape,
  { seed = 0, point = 'perturbed' }: ProblemOptions = {},
): Promise<void> {
  const { rows, length, rank, vocabulary } = shape;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(configOf(shape)));
  await writeFile(join(folder, 'model.safetensors'), safetensors(weightsOf(shape), randomStream(seed, 'weights')));

  await using model = await loadModel(folder);
  const adapter = await createAdapter(model, { method: 'lora', rank, alpha: 2 * rank });
  const values = randomStream(seed, 'adapter');
  // Of the size that A starts with; B as small as training makes it.
  if (point === 'perturbed')
    adapter.parameters.forEach((_, index, all) => {
      all[index] = 0.05 * values.normal();
    });
  await saveAdapter(model, adapter, join(folder, 'adapter'));

  const tokens = randomStream(seed, 'tokens');
  await writeFile(
    join(folder, 'tokens.i32'),
    Int32Array.from({ length: rows * (length + 1) }, () => tokens.integer(vocabulary)),
  );
  const { parameters, size } = model.program(adapter.layout, batchOf(new Int32Array(rows * (length + 1)), shape));
  const direction = randomStream(seed, 'direction');
  await writeFile(
    join(folder, 'direction.f32'),
    Float32Array.from({ length: size }, () => direction.normal()),
  );
  await writeFile(join(folder, 'parameters.json'), JSON.stringify({ rows, length, parameters }));
}

/** A problem as lambdamax reads it. */
export async function readProblem(folder: string, options: ModelOptions) {
  const { rows, length } = JSON.parse(await readFile(join(folder, 'parameters.json'), 'utf8'));
  const model: Model = await loadModel(folder, options);
  const adapter = await loadAdapter(model, join(folder, 'adapter'));
  const tokens = await readTokens(folder);
  const direction = new Float32Array(await readBuffer(join(folder, 'direction.f32')));
  const batch = batchOf(tokens, { rows, length });
  return {
    model,
    adapter,
    program: model.program(adapter.layout, batch),
    point: { parameters: adapter.parameters, weights: adapter.weights },
    batch: batch.inputs,
    direction: options.precision === 'float64' ? Float64Array.from(direction) : direction,
  };
}

/** A problem's tokens [rows, length + 1]. */
export async function readTokens(folder: string): Promise<Int32Array> {
  return new Int32Array(await readBuffer(join(folder, 'tokens.i32')));
}

/** The bytes of a file in a buffer of their own, from which typed arrays can be made. */
export async function readBuffer(path: string): Promise<ArrayBuffer> {
  return new Uint8Array(await readFile(path)).buffer;
}

/** Tokens [rows, length + 1] as a batch: position t predicts token t + 1, and all are scored. */
export function batchOf(tokens: Int32Array, { rows, length }: { readonly rows: number; readonly length: number }) {
  const positions = rows * length;
  const place = (index: number) => Math.floor(index / length) * (length + 1) + (index % length);
  return {
    rows,
    length,
    scored: positions,
    inputs: {
      inputIds: Int32Array.from({ length: positions }, (_, index) => tokens[place(index)]!),
      targets: Int32Array.from({ length: positions }, (_, index) => tokens[place(index) + 1]!),
      lossWeights: new Float32Array(positions).fill(1 / positions),
    },
  };
}

/** A Llama's config.json. */
export function configOf(shape: ModelShape): object {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: shape.hidden,
    intermediate_size: shape.intermediate,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.heads,
    vocab_size: shape.vocabulary,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    tie_word_embeddings: shape.tied === true,
  };
}

/** A Llama's tensors by transformers' names. */
export function weightsOf(shape: ModelShape): [name: string, shape: number[]][] {
  const { hidden, layers, vocabulary } = shape;
  return [
    ['model.embed_tokens.weight', [vocabulary, hidden]],
    ...Array.from({ length: layers }, (_, layer): [string, number[]][] => [
      ...layerMatrices(shape).map(([name, extents]): [string, number[]] => [
        `model.layers.${layer}.${name}.weight`,
        extents,
      ]),
      [`model.layers.${layer}.input_layernorm.weight`, [hidden]],
      [`model.layers.${layer}.post_attention_layernorm.weight`, [hidden]],
    ]).flat(),
    ['model.norm.weight', [hidden]],
    ...(shape.tied ? [] : [['lm_head.weight', [vocabulary, hidden]] satisfies [string, number[]]]),
  ];
}

/** Norms about 1, matrices normal with variance 1 / in, so that no layer is linear or saturated; as a file's bytes. */
function safetensors(tensors: readonly [name: string, shape: readonly number[]][], random: RandomStream): Uint8Array {
  const header: Record<string, object> = {};
  const values: Float32Array[] = [];
  let end = 0;
  for (const [name, shape] of tensors) {
    const [mean, deviation] = shape.length === 1 ? [1, 0.1] : [0, 1 / Math.sqrt(shape[1]!)];
    values.push(Float32Array.from({ length: sizeOf(shape) }, () => mean + deviation * random.normal()));
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + 4 * sizeOf(shape)] };
    end += 4 * sizeOf(shape);
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, ...values.map((array) => new Uint8Array(array.buffer))]);
}
