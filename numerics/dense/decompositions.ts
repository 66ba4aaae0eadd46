import { Matrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix';
import { transposed } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';
import { leadingSubspace } from './leadingSubspace.ts';
import { orthonormal } from './orthonormal.ts';
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
  for (let bad = 0; bad < weight.length; bad++) {
    if (Number.isFinite(weight[bad])) continue;
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

/** Up to so many rows x columns x the smaller of them `ml-matrix` is fast enough (half a second): chosen by measurement. */
const smallWork = 2e7;

function isSmall({ rows, columns }: DenseMatrix): boolean {
  return rows * columns * Math.min(rows, columns) <= smallWork;
}

/**
 * `count` singular values from one end of W's spectrum, descending, with their vectors; signs are arbitrary. Of a large W the
 * vectors on the smaller side are eigenvectors of W'W or W W' with residuals of 1e-14 sigma_1^2, and values and the other vectors
 * are those of W on their span: values are off by roundings of sigma_1, and by 1e-14 sigma_1^2 / sigma at the very worst.
 */
export async function extremeSingularValues(
  weight: DenseMatrix,
  count: number,
  end: SingularEnd,
): Promise<SingularValueResult> {
  const { rows, columns } = weight;
  const side = Math.min(rows, columns);
  const first = end === 'largest' ? 0 : side - count;
  if (isSmall(weight)) {
    const { U, S, V } = singularValues(weight);
    const kept = (matrix: Matrix) => matrix.subMatrix(0, matrix.rows - 1, first, first + count - 1);
    return { U: kept(U), S: S.slice(first, first + count), V: kept(V) };
  }
  const isTall = rows >= columns;
  const own = end === 'largest' ? await leadingVectors(weight, count) : await eigenvectorsOfGram(weight, first, count);
  const { U, S, V } = singularValues(await product(weight, own, { a: !isTall }));
  const turned = Matrix.from1DArray(side, count, own.values).mmul(V);
  return isTall ? { U, S, V: turned } : { U: turned, S, V: U };
}

/** From so many rows and columns on, one product of W with itself costs more than all those of W and a block. */
const gramSide = 800;

/** The leading singular vectors on the smaller side of W, in columns. */
async function leadingVectors(weight: DenseMatrix, count: number): Promise<DenseMatrix> {
  const isTall = weight.rows >= weight.columns;
  const side = Math.min(weight.rows, weight.columns);
  const gram = side < gramSide ? await gramMatrix(weight) : undefined;
  const found = await leadingSubspace(
    async (block) =>
      gram ? product(gram, block) : product(weight, await product(weight, block, { a: !isTall }), { a: isTall }),
    side,
    count,
  );
  return found ?? eigenvectorsOfGram(weight, 0, count, gram);
}

/** Eigenvectors of the smaller of W'W and W W', in columns: `count` from number `first` on. */
async function eigenvectorsOfGram(
  weight: DenseMatrix,
  first: number,
  count: number,
  gram?: DenseMatrix,
): Promise<DenseMatrix> {
  const { rows: side, values } = gram ?? (await gramMatrix(weight));
  const { vectors } = symmetricEigen(values, side, first, count);
  return { rows: side, columns: count, values: transposed(concatenate(vectors), count, side) };
}

/** The smaller of W'W and W W'. */
function gramMatrix(weight: DenseMatrix): Promise<DenseMatrix> {
  return product(weight, weight, weight.rows >= weight.columns ? { a: true } : { b: true });
}

/** Up to this many rows or columns `ml-matrix` is fast enough: chosen by measurement. */
const smallSide = 192;

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
  const R = await product(weight, turned, { a: true, b: true });
  return { Q: inColumns(turned), R: inColumns(R) };
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

/** A matrix turned. */
function inColumns({ rows, columns, values }: DenseMatrix): Matrix {
  return Matrix.from1DArray(rows, columns, values).transpose();
}
