import type { DenseMatrix } from './products.ts';

/** Makes the rows of a matrix orthonormal, in place, one after another: their spans are those of the first rows. */
export function orthonormal(matrix: DenseMatrix): DenseMatrix {
  const { rows, columns, values } = matrix;
  const basis: Float64Array[] = [];
  for (let row = 0; row < rows; row++) {
    const vector = values.subarray(row * columns, (row + 1) * columns);
    orthogonalise(vector, basis);
    normalise(vector);
    basis.push(vector);
  }
  return matrix;
}

/** Takes from a vector its parts along orthonormal ones; twice is enough. */
export function orthogonalise(vector: Float64Array, basis: readonly Float64Array[]): void {
  for (let time = 0; time < 2; time++)
    for (const other of basis) {
      let along = 0;
      for (let index = 0; index < vector.length; index++) along += vector[index]! * other[index]!;
      for (let index = 0; index < vector.length; index++) vector[index]! -= along * other[index]!;
    }
}

/** Divides a vector by its length, and returns that. */
export function normalise(vector: Float64Array): number {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.sqrt(squares);
  if (length > 0) for (let index = 0; index < vector.length; index++) vector[index]! /= length;
  return length;
}
