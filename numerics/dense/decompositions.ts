import { Matrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix';
import { LambdamaxError } from '../../errors.ts';
import { leadingEigen } from './leadingEigen.ts';
import { normalise, orthonormal } from './orthonormal.ts';
import { type DenseMatrix, product } from './products.ts';
import { symmetricEigen } from './symmetricEigen.ts';

/** Some terms of W = U diag(S) V', the largest singular value first. */
export interface SingularValueResult {
  /** Left singular vectors in columns, [out, k]. */
  readonly U: Matrix;
  /** Singular values, descending, [k]. */
  readonly S: readonly number[];
  /** Right singular vectors in columns, [in, k]. */
  readonly V: Matrix;
}

/** Which of the singular values of W: the largest or the smallest. */
export type SingularEnd = 'largest' | 'smallest';

/**
 * The weight W [out, in] of a module as a matrix.
 *
 * @throws LambdamaxError that names the module if the number of values is not out x in, or one is not finite.
 */
export function weightMatrix(
  module: string,
  weight: Float64Array,
  shape: { readonly out: number; readonly in: number },
): DenseMatrix {
  if (weight.length !== shape.out * shape.in) {
    throw new LambdamaxError({
      subject: `the weight of ${module}`,
      expected: `${shape.out} x ${shape.in} = ${shape.out * shape.in} values`,
      got: weight.length,
    });
  }
  // A decomposition of NaN ends without complaint, in NaN.
  const bad = weight.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) {
    throw new LambdamaxError({
      subject: `the weight of ${module}`,
      expected: 'finite values',
      got: `${weight[bad]} in row ${Math.floor(bad / shape.in)}, column ${bad % shape.in}`,
      remedy: 'the checkpoint is damaged: fetch it again',
    });
  }
  return { rows: shape.out, columns: shape.in, values: weight };
}

/** The thin singular value decomposition of W, exact to rounding in float64; signs of vectors are arbitrary. */
export function singularValues({ rows, columns, values }: DenseMatrix): SingularValueResult {
  // Without the transpose a wide matrix gets square factors and the wrong number of singular vectors.
  const svd = new SingularValueDecomposition(Matrix.from1DArray(rows, columns, values), { autoTranspose: true });
  return { U: svd.leftSingularVectors, S: svd.diagonal, V: svd.rightSingularVectors };
}

/** Up to this many rows or columns `ml-matrix` is fast enough (half a second): chosen by measurement. */
const smallSide = 192;

/**
 * `count` singular values from one end of W's spectrum, descending, with their vectors; signs are arbitrary. Of a large W
 * they are the eigenvalues of the smaller of W'W and W W': exact to rounding relative to the largest, sigma_1^2 / sigma^2
 * times worse for small ones. (A 3072 x 1024 matrix takes about two seconds.)
 */
export async function extremeSingularValues(
  weight: DenseMatrix,
  count: number,
  end: SingularEnd,
): Promise<SingularValueResult> {
  const { rows, columns } = weight;
  const side = Math.min(rows, columns);
  const first = end === 'largest' ? 0 : side - count;
  if (side <= smallSide) {
    const { U, S, V } = singularValues(weight);
    const kept = (matrix: Matrix) => matrix.subMatrix(0, matrix.rows - 1, first, first + count - 1);
    return { U: kept(U), S: S.slice(first, first + count), V: kept(V) };
  }
  const isTall = rows >= columns;
  const gram = await product(weight, weight, isTall ? { a: true } : { b: true });
  const { vectors } =
    end === 'largest' ? leadingEigen(gram.values, side, count) : symmetricEigen(gram.values, side, first, count);
  const own = { rows: count, columns: side, values: concatenate(vectors) };
  const other = await product(own, weight, isTall ? { b: true } : {});
  const S: number[] = [];
  for (let term = 0; term < count; term++)
    S.push(normalise(other.values.subarray(term * other.columns, (term + 1) * other.columns)));
  const [left, right] = isTall ? [other, own] : [own, other];
  return { U: inColumns(left), S, V: inColumns(right) };
}

/**
 * The first `count` columns of Q and rows of R in W = Q R: Q [out, count] with orthonormal columns, R [count, in] upper
 * trapezoidal; `count` at most min(out, in). Signs are arbitrary.
 */
export async function leadingQr(
  weight: DenseMatrix,
  count: number,
): Promise<{ readonly Q: Matrix; readonly R: Matrix }> {
  const { rows, columns, values } = weight;
  // Column j of Q depends on columns 0..j of W alone, so that there is no need to factorise the others.
  const start = new Matrix(rows, count);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < count; column++) start.set(row, column, values[row * columns + column]!);
  if (Math.min(rows, columns) <= smallSide) {
    const Q = new QrDecomposition(start).orthogonalMatrix;
    return { Q, R: Q.transpose().mmul(Matrix.from1DArray(rows, columns, values)) };
  }
  const turned = orthonormal({ rows: count, columns: rows, values: rowMajor(start.transpose()) });
  const R = await product(turned, weight);
  return { Q: inColumns(turned), R: Matrix.from1DArray(count, columns, R.values) };
}

/** The values of a matrix, row-major. */
export function rowMajor(matrix: Matrix): Float64Array {
  return Float64Array.from(matrix.to1DArray());
}

function concatenate(vectors: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(vectors.length * (vectors[0]?.length ?? 0));
  for (const [index, vector] of vectors.entries()) all.set(vector, index * vector.length);
  return all;
}

function inColumns({ rows, columns, values }: DenseMatrix): Matrix {
  return Matrix.from1DArray(rows, columns, values).transpose();
}
