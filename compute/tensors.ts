import { LambdamaxError } from '../errors.ts';

/** Numbers of a flattened point, gradient or direction; the class tells the precision. */
export type Vector = Float32Array | Float64Array;

/** The precision a program computes in: float32 for work, float64 for verification. */
export type Precision = 'float32' | 'float64';

/** The largest relative error of rounding to this precision: 2^-24 or 2^-53. */
export const roundoff: Readonly<Record<Precision, number>> = { float32: 2 ** -24, float64: 2 ** -53 };

/** What a tensor is called and how large it is; values are row-major. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The number of entries of a tensor of this shape (1 for a scalar). */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** The number of entries of all these tensors together: the length of their flattened vector. */
export function totalSize(specs: readonly TensorSpec[]): number {
  return specs.reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
}

/** A zero vector of the given precision. */
export function zeros(size: number, precision: Precision): Vector {
  return precision === 'float64' ? new Float64Array(size) : new Float32Array(size);
}

/** The precision that a vector's class stands for. */
export function precisionOf(vector: Vector): Precision {
  return vector instanceof Float64Array ? 'float64' : 'float32';
}

/** Views (not copies) of the tensors that lie one after another in a flattened vector, in the order of `specs`. */
export function viewTensors(vector: Vector, specs: readonly TensorSpec[]): Map<string, Vector> {
  const views = new Map<string, Vector>();
  let start = 0;
  for (const { name, shape } of specs) {
    const end = start + sizeOf(shape);
    views.set(name, vector.subarray(start, end));
    start = end;
  }
  return views;
}

/** The reverse of {@link viewTensors}: a vector of the tensors that `valuesOf` gives for the names of `specs`, one after another. */
export function flattenTensors(
  specs: readonly TensorSpec[],
  precision: Precision,
  valuesOf: (name: string) => ArrayLike<number>,
): Vector {
  const flat = zeros(totalSize(specs), precision);
  for (const [name, view] of viewTensors(flat, specs)) view.set(valuesOf(name));
  return flat;
}

/** Throws a LambdamaxError that names the vector unless it holds so many values in this precision. */
export function checkVector(subject: string, vector: Vector, size: number, precision: Precision): void {
  if (vector.length !== size) throw new LambdamaxError({ subject, expected: `${size} values`, got: vector.length });
  if (precisionOf(vector) !== precision)
    throw new LambdamaxError({ subject, expected: `values in ${precision}`, got: vector.constructor.name });
}

/** A matrix [rows, columns] as [columns, rows], both row-major. */
export function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(matrix.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = matrix[row * columns + column]!;
  return result;
}
