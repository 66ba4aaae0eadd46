/** A Llama's extents, and the batch and adapter that it is measured with. */
export interface ModelShape {
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly vocabulary: number;
  /** Whether the embedding is the output matrix as well. */
  readonly tied?: boolean;
  readonly rows: number;
  /** Tokens a row. */
  readonly length: number;
  /** Rank of LoRA on all seven modules of every layer; alpha is twice as much. */
  readonly rank: number;
}

const batch = { rows: 8, length: 128, rank: 8 };

/** The models by the names that users type; `tiny` is for trying whether all works. */
export const models = {
  tiny: { hidden: 16, intermediate: 32, layers: 1, heads: 2, vocabulary: 32, rows: 2, length: 8, rank: 2 },
  small: { hidden: 192, intermediate: 512, layers: 4, heads: 6, vocabulary: 512, ...batch },
  medium: { hidden: 384, intermediate: 1024, layers: 6, heads: 6, vocabulary: 2048, ...batch },
} as const satisfies Record<string, ModelShape>;

/** One of {@link models}. */
export type ModelName = keyof typeof models;

/** The adapted matrices of a layer with their shapes [out, in], by transformers' names. */
export function layerMatrices({ hidden, intermediate }: ModelShape): [name: string, shape: [number, number]][] {
  const square = ['q_proj', 'k_proj', 'v_proj', 'o_proj'].map((name): [string, [number, number]] => [
    `self_attn.${name}`,
    [hidden, hidden],
  ]);
  return [
    ...square,
    ['mlp.gate_proj', [intermediate, hidden]],
    ['mlp.up_proj', [intermediate, hidden]],
    ['mlp.down_proj', [hidden, intermediate]],
  ];
}

/**
 * Floating-point operations in matrix products (2 a multiplication and addition) that each quantity takes at the least.
 * Weights are frozen: they need one product backward. LoRA's and attention's products have two factors that vary: two
 * products backward, and twice as many of all for a tangent.
 */
export function leastOperations(shape: ModelShape): Readonly<Record<string, number>> {
  const { hidden, layers, vocabulary, rows, length, rank } = shape;
  const matrices = layerMatrices(shape).map(([, extents]) => extents);
  const perToken = (weights: number) => 2 * rows * length * weights;
  const frozen = perToken(layers * sum(matrices.map(([out, inputs]) => out * inputs)) + vocabulary * hidden);
  const lora = perToken(layers * rank * sum(matrices.map(([out, inputs]) => out + inputs)));
  const attention = perToken(layers * 2 * length * hidden);
  const gradient = 2 * frozen + 3 * (lora + attention);
  const linearised = 2 * frozen + 6 * (lora + attention);
  return {
    forward: frozen + lora + attention,
    gradient,
    step: gradient,
    product: gradient + linearised,
    'product linearised': linearised,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
