import { LambdamaxError } from '../../errors.ts';

/**
 * Every row of `right` [m, n] times the inverse of a symmetric positive definite matrix [n, n], by Cholesky's factors.
 * Golub and Van Loan 2013, algorithm 4.2.1.
 */
export function solveSymmetric(matrix: Float64Array, n: number, right: Float64Array): Float64Array {
  const factor = cholesky(matrix, n);
  const solved = right.slice();
  for (let start = 0; start < solved.length; start += n) {
    const x = solved.subarray(start, start + n);
    for (let row = 0; row < n; row++) {
      let sum = x[row]!;
      for (let column = 0; column < row; column++) sum -= factor[row * n + column]! * x[column]!;
      x[row] = sum / factor[row * (n + 1)]!;
    }
    for (let row = n - 1; row >= 0; row--) {
      x[row]! /= factor[row * (n + 1)]!;
      for (let column = 0; column < row; column++) x[column]! -= factor[row * n + column]! * x[row]!;
    }
  }
  return solved;
}

/** L [n, n] of A = L L', rows of the lower triangle. */
function cholesky(matrix: Float64Array, n: number): Float64Array {
  const L = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row * n + column]!;
      for (let k = 0; k < column; k++) sum -= L[row * n + k]! * L[column * n + k]!;
      if (column < row) L[row * n + column] = sum / L[column * (n + 1)]!;
      else if (sum > 0) L[row * (n + 1)] = Math.sqrt(sum);
      else throw new LambdamaxError({ subject: 'a covariance', expected: 'positive eigenvalues', got: sum });
    }
  }
  return L;
}
