import { randomStream } from '../../compute/random.ts';
import { LambdamaxError } from '../../errors.ts';
import { normalise, orthogonalise } from './orthonormal.ts';
import { reflectBack, type Tridiagonal, tridiagonalise } from './tridiagonal.ts';

/** Eigenvalues, and orthonormal eigenvectors in rows. */
export interface EigenResult {
  /** Descending. */
  readonly values: Float64Array;
  readonly vectors: readonly Float64Array[];
}

/**
 * The eigenvalues number `first` to `first + count - 1` of a symmetric matrix [n, n], counted from 0 at the largest, with
 * their eigenvectors. All eigenvalues are found, by QL iterations on the tridiagonal form, but only the vectors that are
 * asked for, by inverse iteration: a few of a large matrix cost a tenth of all of them. Residuals |A x - lambda x| are some
 * roundings of |A|.
 */
export function symmetricEigen(matrix: Float64Array, n: number, first: number, count: number): EigenResult {
  const tridiagonal = tridiagonalise(matrix, n);
  const values = tridiagonalEigenvalues(tridiagonal).slice(first, first + count);
  const vectors = tridiagonalVectors(tridiagonal, values);
  for (const vector of vectors) reflectBack(tridiagonal, vector);
  return { values, vectors };
}

/** All eigenvalues, descending, by implicit QL with Wilkinson's shifts. EISPACK's imtql1. */
function tridiagonalEigenvalues({ diagonal, offDiagonal }: Tridiagonal): Float64Array {
  const n = diagonal.length;
  const d = diagonal.slice();
  const e = new Float64Array(n);
  e.set(offDiagonal);
  // What is smaller may be dropped: it moves no eigenvalue by more than itself.
  const nothing = Number.EPSILON * sizeOf(d, e);
  for (let l = 0; l < n; l++) {
    for (let iteration = 0; ; iteration++) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]!) > nothing) m++;
      if (m === l) break;
      if (iteration === 60)
        throw new LambdamaxError({ subject: 'eigenvalues of a matrix', expected: 'to converge', got: '60 iterations' });
      let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      let r = Math.hypot(g, 1);
      g = d[m]! - d[l]! + e[l]! / (g + (g >= 0 ? r : -r));
      let [s, c, p] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i]!;
        const b = c * e[i]!;
        r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1]! -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1]! - p;
        r = (d[i]! - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
      }
      if (r === 0 && i >= l) continue;
      d[l]! -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
  return d.sort().reverse();
}

/** Solves of an inverse iteration; one suffices but for unlucky starts. */
const solves = 4;

/** Unit eigenvectors of a tridiagonal matrix. Each is kept orthogonal to all before it: eigenvalues may lie close together. */
function tridiagonalVectors(tridiagonal: Tridiagonal, values: Float64Array): Float64Array[] {
  const { diagonal, offDiagonal } = tridiagonal;
  const n = diagonal.length;
  const size = sizeOf(diagonal, offDiagonal);
  const random = randomStream(0, 'starts of inverse iterations');
  const vectors: Float64Array[] = [];
  let previous = Number.POSITIVE_INFINITY;
  for (const value of values) {
    // Shifts that are equal would find one vector again and again.
    const shift = Math.min(value, previous - Number.EPSILON * size);
    previous = shift;
    const factors = factorise(tridiagonal, shift, Math.max(Number.EPSILON * size, 1e-300));
    const vector = Float64Array.from({ length: n }, () => random.normal());
    for (let solve = 0; solve < solves; solve++) {
      orthogonalise(vector, vectors);
      normalise(vector);
      factors(vector);
      normalise(vector);
    }
    orthogonalise(vector, vectors);
    normalise(vector);
    vectors.push(vector);
  }
  return vectors;
}

/** The largest magnitude among the entries. */
function sizeOf(diagonal: Float64Array, offDiagonal: Float64Array): number {
  let size = 0;
  for (const entries of [diagonal, offDiagonal]) for (const entry of entries) size = Math.max(size, Math.abs(entry));
  return size;
}

/** T - shift = P L U by Gaussian elimination with row exchanges; returns what solves with it, in place. */
function factorise({ diagonal, offDiagonal }: Tridiagonal, shift: number, least: number): (x: Float64Array) => void {
  const n = diagonal.length;
  // The three diagonals of U, the multipliers of L, and where rows k and k + 1 changed places.
  const u0 = diagonal.map((value) => value - shift);
  const u1 = new Float64Array(n);
  u1.set(offDiagonal);
  const u2 = new Float64Array(n);
  const multipliers = new Float64Array(n);
  const exchanged = new Uint8Array(n);
  for (let k = 0; k < n - 1; k++) {
    const below = offDiagonal[k]!;
    if (Math.abs(below) > Math.abs(u0[k]!)) {
      exchanged[k] = 1;
      const [pivot, right] = [u0[k]!, u1[k]!];
      u0[k] = below;
      u1[k] = u0[k + 1]!;
      u2[k] = u1[k + 1]!;
      multipliers[k] = pivot / below;
      u0[k + 1] = right - multipliers[k]! * u1[k]!;
      u1[k + 1] = -multipliers[k]! * u2[k]!;
    } else {
      multipliers[k] = u0[k] === 0 ? 0 : below / u0[k]!;
      u0[k + 1]! -= multipliers[k]! * u1[k]!;
    }
  }
  for (let k = 0; k < n; k++) if (Math.abs(u0[k]!) < least) u0[k] = least;
  return (x) => {
    for (let k = 0; k < n - 1; k++) {
      if (exchanged[k] === 1) [x[k], x[k + 1]] = [x[k + 1]!, x[k]!];
      x[k + 1]! -= multipliers[k]! * x[k]!;
    }
    for (let k = n - 1; k >= 0; k--) {
      const right = (k + 1 < n ? u1[k]! * x[k + 1]! : 0) + (k + 2 < n ? u2[k]! * x[k + 2]! : 0);
      x[k] = (x[k]! - right) / u0[k]!;
      // Far beyond the eigenvector's share all else may shrink.
      if (Math.abs(x[k]!) > 1e150) for (let index = 0; index < n; index++) x[index]! *= 1e-150;
    }
  };
}
