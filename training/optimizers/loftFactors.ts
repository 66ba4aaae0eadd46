import { inverse, Matrix } from 'ml-matrix';
import type { Vector } from '../../compute/tensors.ts';
import { ArgumentError } from '../../errors.ts';
import type { PlacedTensor } from './groups.ts';

// Both factors of an update B A are written as rows of length r: B [out, r] as it is, A [r, in] transposed. With X [n, r]
// the rows of one factor and Y [d, r] those of its partner, the update is X Y' or its transpose: one set of formulas serves
// both. A row x has a gradient g, a running mean m of gradients and one P [r, r] of their products g'g.

/** One factor of a low-rank update, and where it lies among the flattened parameters. */
export interface Factor {
  readonly role: 'A' | 'B';
  readonly tensor: PlacedTensor;
  /** The other factor of the same module. */
  readonly partner: PlacedTensor;
  readonly rank: number;
  /** Added to the diagonal of Y'Y before it is inverted; the authors' values. */
  readonly damping: number;
  /** Where the row products P of this factor begin. */
  readonly productsStart: number;
}

/** The factors, A before B as the authors' loop meets them, and the tensors that are none. */
export function factorsOf(tensors: readonly PlacedTensor[]): {
  readonly factors: readonly Factor[];
  readonly others: readonly PlacedTensor[];
  readonly productsSize: number;
} {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const factors: Factor[] = [];
  const paired = new Set<PlacedTensor>();
  let productsSize = 0;
  for (const A of tensors) {
    const B = A.name.includes('lora_A') ? byName.get(A.name.replace('lora_A', 'lora_B')) : undefined;
    const rank = A.shape[0]!;
    if (B === undefined || A.shape.length !== 2 || B.shape.length !== 2 || B.shape[1] !== rank) continue;
    factors.push({ role: 'A', tensor: A, partner: B, rank, damping: 1e-6, productsStart: productsSize });
    productsSize += A.shape[1]! * rank * rank;
    factors.push({ role: 'B', tensor: B, partner: A, rank, damping: 1e-8, productsStart: productsSize });
    productsSize += B.shape[0]! * rank * rank;
    paired.add(A).add(B);
  }
  if (factors.length === 0) {
    const got = `tensors such as ${tensors[0]?.name}`;
    throw new ArgumentError({ subject: "`optimizer: 'loft'`", expected: 'an adapter with factors A and B', got });
  }
  return { factors, others: tensors.filter((tensor) => !paired.has(tensor)), productsSize };
}

/** What LoFT keeps, laid out by factor: m and the partner's last Y as rows. */
export interface LoftMoments {
  readonly firstMoment: Float64Array;
  readonly rowProducts: Float64Array;
  readonly turnedTo: Float64Array;
}

/** The partner's rows Y, and the inverse of its damped Gram matrix. */
export interface Turned {
  readonly partner: Float64Array;
  readonly gramInverse: Float64Array;
}

/**
 * Brings a factor's moments to where its partner now is, and adds the new gradient. With S = (Y'Y + damping I)^-1 and
 * T = Yold'Y S: m <- beta1 m T + (1 - beta1) g S, P <- beta2 T P T' + (1 - beta2) (g S)'(g S). (Products of turned rows m T
 * would be T'P T. The authors' code has T P T', and it is what the published results were made with.)
 */
export function turnMoments(
  { tensor, partner: other, rank, damping, productsStart }: Factor,
  {
    parameters,
    gradient,
    betas: [beta1, beta2],
    firstMoment,
    rowProducts,
    turnedTo,
  }: LoftMoments & {
    readonly parameters: Vector;
    readonly gradient: Vector;
    readonly betas: readonly [beta1: number, beta2: number];
  },
): Turned {
  const partner = rowsOf(parameters, other, rank);
  const before = turnedTo.subarray(other.start, other.end);
  const gram = crossProducts(partner, partner, rank);
  for (let k = 0; k < rank; k++) gram[k * rank + k]! += damping;
  const gramInverse = Float64Array.from(inverse(Matrix.from1DArray(rank, rank, gram)).to1DArray());
  const turn = product(crossProducts(before, partner, rank), gramInverse, rank);
  before.set(partner);

  const slopes = rowsOf(gradient, tensor, rank);
  const slope = new Float64Array(rank);
  const moment = new Float64Array(rank);
  for (let row = 0, start = 0; start < slopes.length; row++, start += rank) {
    multiplyRow(slopes, start, gramInverse, slope);
    const at = tensor.start + start;
    multiplyRow(firstMoment, at, turn, moment);
    for (let k = 0; k < rank; k++) firstMoment[at + k] = beta1 * moment[k]! + (1 - beta1) * slope[k]!;
    const first = productsStart + row * rank * rank;
    const products = rowProducts.subarray(first, first + rank * rank);
    const turned = sandwich(turn, products, rank);
    for (let k = 0; k < rank; k++)
      for (let l = 0; l < rank; l++)
        products[k * rank + l] = beta2 * turned[k * rank + l]! + (1 - beta2) * slope[k]! * slope[l]!;
  }
  return { partner, gramInverse };
}

/**
 * Moves a factor as Adam would move the whole matrix: the entry of row x and partner's row y has the mean m y' and the
 * second moment y P y'; their quotients U [n, d] come back as U Y S.
 */
export function moveFactor(
  { tensor, rank, productsStart }: Factor,
  { partner, gramInverse }: Turned,
  {
    parameters,
    stride,
    rootScale,
    eps,
    firstMoment,
    rowProducts,
  }: LoftMoments & {
    readonly parameters: Vector;
    /** The rate over the first moment's bias correction. */
    readonly stride: number;
    /** One over the root of the second moment's bias correction. */
    readonly rootScale: number;
    readonly eps: number;
  },
): void {
  const pairs = pairProducts(partner, rank);
  const pairCount = (rank * (rank + 1)) / 2;
  const upper = new Float64Array(pairCount);
  const moves = new Float64Array(tensor.end - tensor.start);
  const sum = new Float64Array(rank);
  for (let row = 0, start = 0; start < moves.length; row++, start += rank) {
    packUpper(rowProducts, productsStart + row * rank * rank, rank, upper);
    sum.fill(0);
    for (let y = 0, pair = 0; y < partner.length; y += rank, pair += pairCount) {
      let mean = 0;
      for (let k = 0; k < rank; k++) mean += firstMoment[tensor.start + start + k]! * partner[y + k]!;
      let square = 0;
      for (let index = 0; index < pairCount; index++) square += upper[index]! * pairs[pair + index]!;
      // Rounding may leave a square a little below 0.
      const quotient = mean / (rootScale * Math.sqrt(Math.max(square, 0)) + eps);
      for (let k = 0; k < rank; k++) sum[k]! += quotient * partner[y + k]!;
    }
    multiplyRow(sum, 0, gramInverse, moves.subarray(start, start + rank));
  }
  const { rateFactor, weightDecay } = tensor;
  const place = placeOf(tensor, rank);
  for (let index = 0; index < moves.length; index++) {
    const at = place(index);
    parameters[at] = (1 - weightDecay) * parameters[at]! - rateFactor * stride * moves[index]!;
  }
}

/** Where entry `index` of a factor's rows lies among the flattened parameters. */
function placeOf({ name, shape, start }: PlacedTensor, rank: number): (index: number) => number {
  if (!name.includes('lora_A')) return (index) => start + index;
  const rows = shape[1]!;
  return (index) => start + (index % rank) * rows + Math.floor(index / rank);
}

/** A copy of a factor as rows of length r, in float64. */
function rowsOf(vector: Vector, tensor: PlacedTensor, rank: number): Float64Array {
  const place = placeOf(tensor, rank);
  return Float64Array.from({ length: tensor.end - tensor.start }, (_, index) => vector[place(index)]!);
}

/** X'Y [r, r] of two matrices of as many rows of length r. */
function crossProducts(x: Float64Array, y: Float64Array, rank: number): Float64Array {
  const sums = new Float64Array(rank * rank);
  for (let start = 0; start < x.length; start += rank)
    for (let k = 0; k < rank; k++) for (let l = 0; l < rank; l++) sums[k * rank + l]! += x[start + k]! * y[start + l]!;
  return sums;
}

/** X Y of two [r, r] matrices. */
function product(x: Float64Array, y: Float64Array, rank: number): Float64Array {
  const result = new Float64Array(rank * rank);
  for (let start = 0; start < result.length; start += rank)
    multiplyRow(x, start, y, result.subarray(start, start + rank));
  return result;
}

/** T P T'. */
function sandwich(turn: Float64Array, products: Float64Array, rank: number): Float64Array {
  const left = product(turn, products, rank);
  const result = new Float64Array(rank * rank);
  for (let k = 0; k < rank; k++)
    for (let l = 0; l < rank; l++) {
      let sum = 0;
      for (let j = 0; j < rank; j++) sum += left[k * rank + j]! * turn[l * rank + j]!;
      result[k * rank + l] = sum;
    }
  return result;
}

/** x M of the row x of `rows` that begins at `start`. */
function multiplyRow(rows: Float64Array, start: number, matrix: Float64Array, result: Float64Array): void {
  const rank = result.length;
  for (let l = 0; l < rank; l++) {
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += rows[start + k]! * matrix[k * rank + l]!;
    result[l] = sum;
  }
}

/** For each row y the products y_k y_l, k <= l, so that y P y' is a dot product with what `packUpper` makes of P. */
function pairProducts(rows: Float64Array, rank: number): Float64Array {
  const pairs = new Float64Array((rows.length * (rank + 1)) / 2);
  let next = 0;
  for (let start = 0; start < rows.length; start += rank)
    for (let k = 0; k < rank; k++) for (let l = k; l < rank; l++) pairs[next++] = rows[start + k]! * rows[start + l]!;
  return pairs;
}

/** The upper triangle of a matrix [r, r] by rows, with the lower one added to it. */
function packUpper(matrices: Float64Array, start: number, rank: number, upper: Float64Array): void {
  let next = 0;
  for (let k = 0; k < rank; k++)
    for (let l = k; l < rank; l++) {
      const value = matrices[start + k * rank + l]!;
      upper[next++] = k === l ? value : value + matrices[start + l * rank + k]!;
    }
}
