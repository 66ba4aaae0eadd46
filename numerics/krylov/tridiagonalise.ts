import { axpy, dot, norm, roundoff, scale } from '../vectors.ts';
import { faultOf } from './fault.ts';
import type { SymmetricOperator, Vector } from './operator.ts';

/**
 * What a step led to: room for another; a space that the operator maps into itself, so that T's eigenvalues are the
 * operator's; or a product with NaN or infinity, which leaves T as it was.
 */
export type Step = 'advanced' | 'invariant' | 'notFinite';

/** What is known of an operator in a space that has been explored already. */
export interface ExploredSpace {
  /** Orthonormal vectors that span it. */
  readonly basis: readonly Vector[];
  /** The largest entry of T seen so far: at most |H|, and soon close to it. */
  readonly largestEntry: number;
}

/** T [k, k], an operator seen from a Krylov space, and what the bounds of its eigenvalues follow from besides. */
export interface ProjectedMatrix {
  /** alpha_1 ... alpha_k. */
  readonly diagonal: readonly number[];
  /** beta_1 ... beta_k, the last of them the norm of the residual. */
  readonly offDiagonal: readonly number[];
  /** k. */
  readonly steps: number;
  /** The dimension of the space that the start vector lies in. */
  readonly dimension: number;
  /** The largest entry of T, and of the T before it. */
  readonly largestEntry: number;
}

/** A vector that is shorter than this share of what it was has lost digits. */
const muchLess = 0.7;

/**
 * The Lanczos recurrence H Q = Q T + beta_k q_{k+1} e_k', one step at a time: Q [size, k] orthonormal, T [k, k]
 * tridiagonal. Golub and Van Loan, Matrix Computations, 4th edition, section 10.1. It departs from the textbook in that
 *  1. every new vector is orthogonalised against all earlier ones, so that no eigenvalue appears again as a ghost, and once more
 *     if that took much of it ("twice is enough": Parlett, The Symmetric Eigenvalue Problem, section 6.9);
 *  2. vectors are stored in the operator's precision, but inner products and the vector being orthogonalised are float64;
 *  3. beta_k counts as zero below ten roundoffs of T's largest entry: what is left then is rounding, not direction;
 *  4. it can go on after another one, or beside known eigenvectors, in the orthogonal complement of their space.
 * Memory: one vector of the operator's size and precision per step.
 */
export class Tridiagonalisation implements ExploredSpace, ProjectedMatrix {
  /** T's diagonal alpha_1 ... alpha_k. */
  readonly diagonal: number[] = [];
  /** beta_1 ... beta_k: T's off-diagonal, and last the norm of the residual, which belongs to no entry of T yet. */
  readonly offDiagonal: number[] = [];
  /** The dimension of the space that the start vector lies in: the operator's size less what was left out. */
  readonly dimension: number;
  readonly #operator: SymmetricOperator;
  readonly #basis: Vector[];
  /** Where this one's vectors begin among all. */
  readonly #first: number;
  #largestEntry: number;
  #next: Vector | null;
  #fault: string | undefined;

  /**
   * @param start any vector that is not zero; it is not kept.
   * @param previous a space to leave out, which the operator maps into itself as nearly as matters; such as the space of
   * another tridiagonalisation that has ended.
   */
  constructor(operator: SymmetricOperator, start: Vector, previous?: ExploredSpace) {
    this.#operator = operator;
    this.#basis = previous === undefined ? [] : previous.basis.slice();
    this.#first = this.#basis.length;
    this.dimension = operator.size - this.#first;
    this.#largestEntry = previous === undefined ? 0 : previous.largestEntry;
    const rest = new Float64Array(start);
    this.#orthogonalise(rest);
    const length = norm(rest);
    // In the complement of all of space, what is left of the start is rounding.
    const isDirection = this.#basis.length < operator.size && length > 0;
    this.#next = isDirection ? scale(1 / length, rest, operator.precision) : null;
  }

  /** k, the number of steps taken. */
  get steps(): number {
    return this.diagonal.length;
  }

  /** All vectors that were left out, and after them Q's columns. */
  get basis(): readonly Vector[] {
    return this.#basis;
  }

  /** The largest entry of T, and of the T before it: at most |H|, and soon close to it. */
  get largestEntry(): number {
    return this.#largestEntry;
  }

  /** Where the last product was not finite, if that was so and the operator can tell. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Whether another step can be taken. */
  get canStep(): boolean {
    return this.#next !== null;
  }

  /** Multiplies once and extends T by one row. Must not be called once the space is invariant. */
  async step(): Promise<Step> {
    const current = this.#next;
    if (current === null) return 'invariant';
    const residual = new Float64Array(await this.#operator.apply(current));
    if (!Number.isFinite(norm(residual))) {
      this.#fault = await faultOf(this.#operator, current);
      return 'notFinite';
    }
    this.#basis.push(current);
    const alpha = this.#orthogonalise(residual);
    const beta = norm(residual);
    this.diagonal.push(alpha);
    this.#largestEntry = Math.max(this.#largestEntry, Math.abs(alpha));
    const isInvariant =
      this.#basis.length === this.#operator.size ||
      beta <= 10 * roundoff[this.#operator.precision] * this.#largestEntry;
    this.offDiagonal.push(isInvariant ? 0 : beta);
    this.#next = isInvariant ? null : scale(1 / beta, residual, this.#operator.precision);
    if (!isInvariant) this.#largestEntry = Math.max(this.#largestEntry, beta);
    return isInvariant ? 'invariant' : 'advanced';
  }

  /** Q s: the vector [size] with these coordinates [k] in the orthonormal basis. */
  combine(coordinates: readonly number[]): Float64Array {
    const vector = new Float64Array(this.#operator.size);
    coordinates.forEach((coordinate, index) => {
      axpy(coordinate, this.#basis[this.#first + index]!, vector);
    });
    return vector;
  }

  /** H Q s for an eigenvector s [k] of T: value Q s + beta_k s_k q_{k+1} [size], from the products that were made. */
  imageOf(value: number, coordinates: readonly number[]): Float64Array {
    const image = this.combine(coordinates.map((coordinate) => value * coordinate));
    if (this.#next !== null) axpy(this.offDiagonal.at(-1)! * coordinates.at(-1)!, this.#next, image);
    return image;
  }

  /** Takes from v, in place, its part in the basis; returns what its coordinate on the latest basis vector was. */
  #orthogonalise(v: Float64Array): number {
    // The recurrence's own terms first: what is left of the others is rounding, and takes one pass.
    let latest = takeFrom(v, this.#basis.slice(-2));
    const before = norm(v);
    latest += takeFrom(v, this.#basis);
    return norm(v) < muchLess * before ? latest + takeFrom(v, this.#basis) : latest;
  }
}

/** Takes from v, in place, its parts along orthonormal vectors; returns what that along the last one was. */
function takeFrom(v: Float64Array, vectors: readonly Vector[]): number {
  let coordinate = 0;
  // Four at a time: reading and writing v is most of the work.
  const fours = vectors.length - (vectors.length % 4);
  for (let k = 0; k < fours; k += 4)
    coordinate = takeFour(v, vectors[k]!, vectors[k + 1]!, vectors[k + 2]!, vectors[k + 3]!);
  for (const q of vectors.slice(fours)) {
    coordinate = dot(q, v);
    axpy(-coordinate, q, v);
  }
  return coordinate;
}

/**
 * Takes from v, in place, its parts along four orthonormal vectors, all measured before any is taken; returns what that along d was.
 */
function takeFour(v: Float64Array, a: Vector, b: Vector, c: Vector, d: Vector): number {
  let [alongA, alongB, alongC, alongD] = [0, 0, 0, 0];
  for (let i = 0; i < v.length; i++) {
    const entry = v[i]!;
    alongA += a[i]! * entry;
    alongB += b[i]! * entry;
    alongC += c[i]! * entry;
    alongD += d[i]! * entry;
  }
  for (let i = 0; i < v.length; i++)
    v[i] = v[i]! - (alongA * a[i]! + alongB * b[i]! + (alongC * c[i]! + alongD * d[i]!));
  return alongD;
}
