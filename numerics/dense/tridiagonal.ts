/** T = H A H' of a symmetric A, H a product of reflections: its diagonal [n], off-diagonal [n - 1], and what H is made of. */
export interface Tridiagonal {
  readonly diagonal: Float64Array;
  readonly offDiagonal: Float64Array;
  /** Row k holds the vector v of reflection k, I - 2 v v', from column k + 1 on; [n, n]. */
  readonly reflections: Float64Array;
}

/**
 * Reduces a symmetric matrix [n, n] to tridiagonal form by Householder reflections; of the matrix only the upper triangle is
 * read. 4/3 n^3 operations, half of them streaming. Golub and Van Loan 2013, algorithm 8.3.1.
 */
export function tridiagonalise(matrix: Float64Array, n: number): Tridiagonal {
  const a = matrix.slice();
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(Math.max(0, n - 1));
  const v = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    const row = k * n;
    diagonal[k] = a[row + k]!;
    offDiagonal[k] = reflect(a, row + k + 1, row + n);
    if (k === n - 2) break;
    for (let j = k + 1; j < n; j++) v[j] = a[row + j]!;
    w.fill(0);
    // w = 2 A v of what is left, each entry of the triangle standing for two.
    for (let i = k + 1; i < n; i++) {
      const start = i * n;
      const vi = v[i]!;
      let sum = a[start + i]! * vi;
      for (let j = i + 1; j < n; j++) {
        const entry = a[start + j]!;
        sum += entry * v[j]!;
        w[j]! += 2 * entry * vi;
      }
      w[i]! += 2 * sum;
    }
    let along = 0;
    for (let j = k + 1; j < n; j++) along += v[j]! * w[j]!;
    for (let j = k + 1; j < n; j++) w[j]! -= along * v[j]!;
    for (let i = k + 1; i < n; i++) {
      const start = i * n;
      const [vi, wi] = [v[i]!, w[i]!];
      for (let j = i; j < n; j++) a[start + j]! -= vi * w[j]! + wi * v[j]!;
    }
  }
  if (n > 0) diagonal[n - 1] = a[n * n - 1]!;
  return { diagonal, offDiagonal, reflections: a };
}

/** Overwrites x = a[start..end) by the unit v for which (I - 2 v v') x = (alpha, 0, ..., 0), and returns alpha. */
function reflect(a: Float64Array, start: number, end: number): number {
  let squares = 0;
  for (let index = start; index < end; index++) squares += a[index]! ** 2;
  const length = Math.sqrt(squares);
  const first = a[start]!;
  if (end - start === 1 || length === 0) {
    a.fill(0, start, end);
    return first;
  }
  // Away from cancellation.
  const alpha = first > 0 ? -length : length;
  a[start] = first - alpha;
  const scale = 1 / Math.sqrt(2 * alpha * (alpha - first));
  for (let index = start; index < end; index++) a[index]! *= scale;
  return alpha;
}

/** x of A from y of T: x = H' y, in place. */
export function reflectBack({ reflections }: Tridiagonal, y: Float64Array): void {
  const n = y.length;
  for (let k = n - 3; k >= 0; k--) {
    const row = k * n;
    let along = 0;
    for (let j = k + 1; j < n; j++) along += reflections[row + j]! * y[j]!;
    along *= 2;
    for (let j = k + 1; j < n; j++) y[j]! -= along * reflections[row + j]!;
  }
}
