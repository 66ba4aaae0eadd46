import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** The eigenvalues of a small symmetric tridiagonal matrix, ascending, with unit eigenvectors. */
export interface TridiagonalEigen {
  readonly values: readonly number[];
  /** Column j belongs to `values[j]`; [k, k]. */
  readonly vectors: Matrix;
}

/**
 * The eigendecomposition of the symmetric tridiagonal matrix with this diagonal [k] and off-diagonal [k - 1, further
 * entries are ignored], by Householder reduction and implicit QL (ml-matrix); errors are a few roundoffs of the largest
 * eigenvalue. All entries must be finite.
 */
export function tridiagonalEigen(diagonal: readonly number[], offDiagonal: readonly number[]): TridiagonalEigen {
  const matrix = Matrix.diag(diagonal.slice());
  for (let i = 0; i + 1 < diagonal.length; i++) {
    matrix.set(i, i + 1, offDiagonal[i]!);
    matrix.set(i + 1, i, offDiagonal[i]!);
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  return { values: realEigenvalues, vectors: eigenvectorMatrix };
}
