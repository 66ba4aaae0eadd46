import type { Precision, Vector } from '../compute/tensors.ts';

export { roundoff } from '../compute/tensors.ts';

/** a' b, summed in float64 whatever the storage. */
export function dot(a: Vector, b: Vector): number {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  // Four sums: an addition to one need not wait for that to the last.
  const fours = a.length - (a.length % 4);
  for (let i = 0; i < fours; i += 4) {
    first += a[i]! * b[i]!;
    second += a[i + 1]! * b[i + 1]!;
    third += a[i + 2]! * b[i + 2]!;
    fourth += a[i + 3]! * b[i + 3]!;
  }
  for (let i = fours; i < a.length; i++) first += a[i]! * b[i]!;
  return first + second + (third + fourth);
}

/** The Euclidean norm |v|, summed in float64 whatever the storage; of entries up to the largest and smallest that there are. */
export function norm(v: Vector): number {
  const squares = dot(v, v);
  // Squares beyond that have left float64's range, or are about to.
  if (squares > 1e-280 && squares < Number.POSITIVE_INFINITY) return Math.sqrt(squares);
  let largest = 0;
  for (const entry of v) largest = Math.max(largest, Math.abs(entry));
  if (!(largest > 0 && largest < Number.POSITIVE_INFINITY)) return largest;
  let sum = 0;
  for (const entry of v) sum += (entry / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** y <- y + factor x, in place; each entry is computed in float64 and rounded once, to y's precision. */
export function axpy(factor: number, x: Vector, y: Vector): void {
  for (let i = 0; i < y.length; i++) y[i] = y[i]! + factor * x[i]!;
}

/** A new vector factor v in the given precision. */
export function scale(factor: number, v: Vector, precision: Precision): Vector {
  const scaled = precision === 'float64' ? new Float64Array(v.length) : new Float32Array(v.length);
  for (let i = 0; i < v.length; i++) scaled[i] = factor * v[i]!;
  return scaled;
}

/** A new vector of the entries factors_i v_i in the given precision. */
export function scaleEntries(factors: Vector, v: Vector, precision: Precision): Vector {
  const scaled = precision === 'float64' ? new Float64Array(v.length) : new Float32Array(v.length);
  for (let i = 0; i < v.length; i++) scaled[i] = factors[i]! * v[i]!;
  return scaled;
}
