import { Matrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix';
import { LambdamaxError } from '../../errors.ts';
import type { LinearShape } from './adapter.ts';

/** W = U diag(S) V' with k = min(out, in) terms, the largest singular value first. */
export interface SingularValueResult {
  /** Left singular vectors in columns, [out, k]. */
  readonly U: Matrix;
  /** Singular values, descending, [k]. */
  readonly S: readonly number[];
  /** Right singular vectors in columns, [in, k]. */
  readonly V: Matrix;
}

/**
 * The weight W [out, in] as a matrix of `ml-matrix`.
 *
 * @throws LambdamaxError that names the module if the number of values is not out x in, or one is not finite.
 */
export function weightMatrix(module: string, weight: Float64Array, shape: LinearShape): Matrix {
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
  return Matrix.from1DArray(shape.out, shape.in, weight);
}

/** The thin singular value decomposition of W, exact to rounding in float64; signs of vectors are arbitrary. */
export function singularValues(weight: Matrix): SingularValueResult {
  // Without the transpose a wide matrix gets square factors and the wrong number of singular vectors.
  const svd = new SingularValueDecomposition(weight, { autoTranspose: true });
  return { U: svd.leftSingularVectors, S: svd.diagonal, V: svd.rightSingularVectors };
}

/** The `count` largest singular values of W with their vectors: U [out, count], V [in, count]; signs are arbitrary. */
export async function leadingSingularValues(weight: Matrix, count: number): Promise<SingularValueResult> {
  const { U, S, V } = singularValues(weight);
  return {
    U: U.subMatrix(0, U.rows - 1, 0, count - 1),
    S: S.slice(0, count),
    V: V.subMatrix(0, V.rows - 1, 0, count - 1),
  };
}

/**
 * The first `count` columns of Q and rows of R in W = Q R by Householder reflections: Q [out, count] with orthonormal
 * columns, R [count, in] upper trapezoidal; `count` at most min(out, in). Signs are arbitrary.
 */
export function leadingQr(weight: Matrix, count: number): { readonly Q: Matrix; readonly R: Matrix } {
  // Column j of Q depends on columns 0..j of W alone, so that there is no need to factorise the others.
  const Q = new QrDecomposition(weight.subMatrix(0, weight.rows - 1, 0, count - 1)).orthogonalMatrix;
  return { Q, R: Q.transpose().mmul(weight) };
}

/** The values of a matrix, row-major. */
export function rowMajor(matrix: Matrix): Float64Array {
  return Float64Array.from(matrix.to1DArray());
}
