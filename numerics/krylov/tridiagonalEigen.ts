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
  // The decomposition squares entries, which leave float64's range beyond 1e154. A power of two rounds nothing.
  const largest = [...diagonal, ...offDiagonal.slice(0, diagonal.length - 1)].reduce(
    (most, entry) => Math.max(most, Math.abs(entry)),
    0,
  );
  const scale = largest > 0 ? 2 ** Math.floor(Math.log2(largest)) : 1;
  const matrix = Matrix.diag(diagonal.map((entry) => entry / scale));
  for (let i = 0; i + 1 < diagonal.length; i++) {
    matrix.set(i, i + 1, offDiagonal[i]! / scale);
    matrix.set(i + 1, i, offDiagonal[i]! / scale);
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  return { values: realEigenvalues.map((value) => value * scale), vectors: eigenvectorMatrix };
}
