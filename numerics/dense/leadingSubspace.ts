import { randomStream, transposed } from '../../compute/index.ts';
import { orthonormal } from './orthonormal.ts';
import { type DenseMatrix, product } from './products.ts';
import { symmetricEigen } from './symmetricEigen.ts';

/** X -> A X of a symmetric positive semidefinite A [n, n] and a block X [n, width]. */
export type BlockOperator = (block: DenseMatrix) => Promise<DenseMatrix>;

/** Allowed residual |A x - lambda x|, relative to the largest eigenvalue: some dozens of roundings. */
const tolerance = 1e-14;
/** Vectors beyond those that are asked for: more make each product dearer than they spare. Chosen by measurement. */
const extra = 8;
/** A filter may lift no vector more than this above the others, which are lost in its rounding otherwise. */
const mostGrowth = 1e8;
const mostDegree = 16;
/** Block products of n / width columns each that may be tried: a decomposition as a whole takes longer still. */
const mostProducts = 8;

/**
 * Orthonormal eigenvectors [n, count] of the `count` largest eigenvalues of A, in descending order; undefined where to find
 * them takes longer than to decompose A as a whole. Subspace iteration, filtered by Chebyshev polynomials that are small on
 * what lies below the block's own least Ritz value, until each residual is 1e-14 of the largest eigenvalue. Zhou, Saad, Tiago
 * and Chelikowsky 2006, doi 10.1016/j.jcp.2006.03.017, algorithm 4.1.
 */
export async function leadingSubspace(
  multiply: BlockOperator,
  n: number,
  count: number,
): Promise<DenseMatrix | undefined> {
  const width = count + extra;
  if (4 * width > n) return undefined;
  const random = randomStream(0, 'start of a subspace iteration');
  const start = Float64Array.from({ length: n * width }, () => random.normal());
  let block = orthonormalColumns({ rows: n, columns: width, values: start });
  for (let products = 1; products * width < mostProducts * n; ) {
    const ritz = await ritzPairs(block, await multiply(block));
    const residual = largestResidual(ritz, count);
    const bound = tolerance * ritz.values[0]!;
    if (residual <= bound) return firstColumns(ritz.vectors, count);
    const filter = chebyshevFilter(ritz.values, count, (2 * residual) / bound);
    block = orthonormalColumns(await filtered(multiply, ritz, filter));
    products += filter.degree;
  }
  return undefined;
}

/** Ritz values, descending, with their vectors X [n, width] and A X. */
interface RitzPairs {
  readonly values: Float64Array;
  readonly vectors: DenseMatrix;
  readonly images: DenseMatrix;
}

async function ritzPairs(block: DenseMatrix, image: DenseMatrix): Promise<RitzPairs> {
  const { columns: width } = block;
  const projected = await product(block, image, { a: true });
  const { values, vectors } = symmetricEigen(projected.values, width, 0, width);
  const turn = { rows: width, columns: width, values: new Float64Array(width * width) };
  for (const [index, vector] of vectors.entries()) turn.values.set(vector, index * width);
  return {
    values,
    vectors: await product(block, turn, { b: true }),
    images: await product(image, turn, { b: true }),
  };
}

/** The largest |A x - lambda x| of the first `count` pairs. */
function largestResidual({ values, vectors, images }: RitzPairs, count: number): number {
  const { rows, columns } = vectors;
  const squares = new Float64Array(count);
  for (let row = 0; row < rows; row++)
    for (let column = 0, at = row * columns; column < count; column++, at++)
      squares[column]! += (images.values[at]! - values[column]! * vectors.values[at]!) ** 2;
  return Math.sqrt(Math.max(...squares));
}

/** A Chebyshev polynomial of eigenvalues that is at most 1 in size on [0, 2 middle], scaled by its value at the largest. */
interface ChebyshevFilter {
  readonly degree: number;
  readonly middle: number;
  readonly largest: number;
}

/** The filter that makes the residuals `reduction` times smaller, or as much of that as rounding allows at once. */
function chebyshevFilter(values: Float64Array, count: number, reduction: number): ChebyshevFilter {
  const largest = values[0]!;
  const middle = Math.max(values.at(-1)!, Number.EPSILON * largest) / 2;
  // By how much the polynomial grows with every degree at this eigenvalue, in natural logarithms.
  const growth = (value: number): number => Math.acosh(Math.max(1, value / middle - 1));
  const allowed = Math.floor(Math.log(mostGrowth) / growth(largest));
  const needed = Math.ceil(Math.log(reduction) / growth(values[count - 1]!));
  return { degree: Math.max(1, Math.min(mostDegree, allowed, needed)), middle, largest };
}

/** The filter's polynomial of A times the Ritz vectors, by the three-term recurrence; takes their memory. */
async function filtered(
  multiply: BlockOperator,
  { vectors, images }: RitzPairs,
  { degree, middle, largest }: ChebyshevFilter,
): Promise<DenseMatrix> {
  const first = 1 / (largest - middle);
  let [before, last] = [vectors, images];
  for (let at = 0; at < last.values.length; at++)
    last.values[at] = first * (last.values[at]! - middle * before.values[at]!);
  // sigma_k = T_(k-1) / T_k at the largest eigenvalue.
  let sigma = middle * first;
  for (let k = 2; k <= degree; k++) {
    const next = await multiply(last);
    const nextSigma = 1 / (2 / (middle * first) - sigma);
    const [now, earlier] = [(2 * nextSigma) / middle, sigma * nextSigma];
    for (let at = 0; at < next.values.length; at++)
      next.values[at] = now * (next.values[at]! - middle * last.values[at]!) - earlier * before.values[at]!;
    [before, last, sigma] = [last, next, nextSigma];
  }
  return last;
}

function orthonormalColumns({ rows, columns, values }: DenseMatrix): DenseMatrix {
  const turned = orthonormal({ rows: columns, columns: rows, values: transposed(values, rows, columns) });
  return { rows, columns, values: transposed(turned.values, columns, rows) };
}

function firstColumns({ rows, columns, values }: DenseMatrix, count: number): DenseMatrix {
  const kept = new Float64Array(rows * count);
  for (let row = 0; row < rows; row++) kept.set(values.subarray(row * columns, row * columns + count), row * count);
  return { rows, columns: count, values: kept };
}
