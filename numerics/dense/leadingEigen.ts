import { randomStream } from '../../compute/random.ts';
import { normalise, orthogonalise } from './orthonormal.ts';
import { type EigenResult, symmetricEigen } from './symmetricEigen.ts';

/** Allowed residual |A x - lambda x|, relative to the largest eigenvalue's magnitude: some roundings. */
const tolerance = 1e-13;
/** Lanczos steps between two looks at what they have found. */
const stepsBetween = 16;

/**
 * The `count` largest eigenvalues of a symmetric matrix [n, n] with their eigenvectors, descending. Covariances and Gram
 * matrices of gradients have few large ones, which some dozens of Lanczos steps find; where n/8 steps do not suffice, the
 * matrix is reduced as a whole. Lanczos vectors are kept orthogonal to all before them: Golub and Van Loan 2013, section 10.3.
 */
export function leadingEigen(matrix: Float64Array, n: number, count: number): EigenResult {
  const most = Math.floor(n / 8);
  if (count + stepsBetween > most) return symmetricEigen(matrix, n, 0, count);
  for (const { basis, diagonal, offDiagonal } of lanczos(matrix, n, [])) {
    const steps = basis.length;
    if (steps > most) break;
    if (steps < count + stepsBetween || steps % stepsBetween !== 0) continue;
    const { values, vectors } = symmetricEigen(tridiagonal(diagonal, offDiagonal), steps, 0, count);
    const bound = tolerance * Math.max(...diagonal.map(Math.abs));
    const beta = offDiagonal[steps - 1]!;
    if (vectors.some((vector) => Math.abs(beta * vector[steps - 1]!) > bound)) continue;
    const found = vectors.map((vector) => combination(basis, vector));
    // One start finds one vector of each eigenvalue. Where another is left that is as large, all are sought.
    if (largestOutside(matrix, n, found) <= values[count - 1]! + bound) return { values, vectors: found };
    break;
  }
  return symmetricEigen(matrix, n, 0, count);
}

/** What Lanczos has after a step: orthonormal vectors, and the tridiagonal matrix on them, its last beta included. */
interface LanczosSteps {
  readonly basis: readonly Float64Array[];
  readonly diagonal: readonly number[];
  readonly offDiagonal: readonly number[];
}

/** Step after step on what is orthogonal to `outside`, until the span is closed. */
function* lanczos(matrix: Float64Array, n: number, outside: readonly Float64Array[]): Generator<LanczosSteps> {
  const random = randomStream(outside.length, 'start of Lanczos');
  const basis: Float64Array[] = [];
  const diagonal: number[] = [];
  const offDiagonal: number[] = [];
  let next: Float64Array = Float64Array.from({ length: n }, () => random.normal());
  orthogonalise(next, outside);
  let beta = normalise(next);
  while (beta > 0 && basis.length + outside.length < n) {
    basis.push(next);
    const product = times(matrix, n, next);
    diagonal.push(dot(product, next));
    orthogonalise(product, [...outside, ...basis]);
    beta = normalise(product);
    offDiagonal.push(beta);
    next = product;
    yield { basis, diagonal, offDiagonal };
  }
}

/** Nearly the largest eigenvalue on what is orthogonal to these vectors, from below. */
function largestOutside(matrix: Float64Array, n: number, vectors: readonly Float64Array[]): number {
  for (const { basis, diagonal, offDiagonal } of lanczos(matrix, n, vectors)) {
    if (basis.length < stepsBetween) continue;
    return symmetricEigen(tridiagonal(diagonal, offDiagonal), basis.length, 0, 1).values[0]!;
  }
  return Number.POSITIVE_INFINITY;
}

/** a' b in one sum: the four of `vectors.ts` would move the last digits of initial values, which runs of before hold. */
function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

function times(matrix: Float64Array, n: number, x: Float64Array): Float64Array {
  const y = new Float64Array(n);
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let column = 0, at = row * n; column < n; column++, at++) sum += matrix[at]! * x[column]!;
    y[row] = sum;
  }
  return y;
}

function tridiagonal(diagonal: readonly number[], offDiagonal: readonly number[]): Float64Array {
  const n = diagonal.length;
  const matrix = new Float64Array(n * n);
  for (const [k, value] of diagonal.entries()) {
    matrix[k * (n + 1)] = value;
    if (k < n - 1) matrix[k * n + k + 1] = matrix[(k + 1) * n + k] = offDiagonal[k]!;
  }
  return matrix;
}

function combination(basis: readonly Float64Array[], shares: Float64Array): Float64Array {
  const sum = new Float64Array(basis[0]!.length);
  for (const [k, vector] of basis.entries())
    for (let index = 0; index < sum.length; index++) sum[index]! += shares[k]! * vector[index]!;
  normalise(sum);
  return sum;
}
