import { Matrix } from 'ml-matrix';
import { hessian } from '../../analysis/curvature/operators/hessian.ts';
import type { Curvature, Linearised } from '../../compute/program.ts';
import { randomStream } from '../../compute/random.ts';
import { precisionOf, zeros } from '../../compute/tensors.ts';
import type { BatchedOperator, Precision, SymmetricOperator, Vector } from '../../numerics/krylov/operator.ts';

/** The product of a dense matrix with a vector, computed in float64 and rounded once to the precision. */
export function multiply(matrix: Matrix, v: Vector, precision: Precision): Vector {
  const product = zeros(matrix.rows, precision);
  for (let row = 0; row < matrix.rows; row++) {
    let sum = 0;
    for (let column = 0; column < matrix.columns; column++) sum += matrix.get(row, column) * v[column]!;
    product[row] = sum;
  }
  return product;
}

/** A dense matrix as an operator; nothing checks that it is symmetric. */
export function matrixOperator(matrix: Matrix, precision: Precision = 'float64'): SymmetricOperator {
  return { size: matrix.rows, precision, apply: async (v) => multiply(matrix, v, precision) };
}

/** A random symmetric matrix with independent standard normal entries on and above the diagonal. */
export function randomSymmetric(size: number, seed: number): Matrix {
  const random = randomStream(seed, 'random symmetric');
  const matrix = Matrix.zeros(size, size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      const entry = random.normal();
      matrix.set(row, column, entry);
      matrix.set(column, row, entry);
    }
  }
  return matrix;
}

/** The quadratic x' H x / 2 + g' x + c linearised at x = 0: what `hessian` (or, as the other curvature, `gaussNewton`) takes for one batch.
 * Each entry of x is a tensor, x0, x1, ... */
export interface LinearisedQuadratic extends Linearised {
  readonly isReleased: () => boolean;
}

/** See {@link LinearisedQuadratic}. */
export function linearisedQuadratic(
  matrix: Matrix,
  gradient: Vector,
  value: number,
  curvature: Curvature = 'hessian',
): LinearisedQuadratic {
  let isReleased = false;
  const release = async (): Promise<void> => {
    isReleased = true;
  };
  const precision = precisionOf(gradient);
  const apply = async (v: Vector) => multiply(matrix, v, precision);
  const parameters = Array.from(gradient, (_, index) => ({ name: `x${index}`, shape: [] }));
  return {
    curvature,
    parameters,
    value,
    keptBytes: 0,
    gradient,
    apply,
    applyAll: (directions) => Promise.all(directions.map(apply)),
    rerounded: (directions) => Promise.all(directions.map(apply)),
    block: async (names) => {
      const own = names.map((name) => Number(name.slice(1)));
      return {
        parameters: own.map((index) => parameters[index]!),
        apply: async (v) => multiply(matrix.selection(own, own), v, precision),
        rerounded: (directions) =>
          Promise.all(directions.map(async (v) => multiply(matrix.selection(own, own), v, precision))),
        release: async () => {},
      };
    },
    release,
    [Symbol.asyncDispose]: release,
    isReleased: () => isReleased,
  };
}

/** A random positive definite matrix G'G / size. */
export function randomPositive(size: number, seed: number): Matrix {
  const random = randomStream(seed, 'quadratic');
  const factor = new Matrix(
    Array.from({ length: 2 * size }, () => Array.from({ length: size }, () => random.normal())),
  );
  return factor.transpose().mmul(factor).div(size);
}

/** The Hessian of the quadratic x' H x / 2. */
export function quadraticHessian(matrix: Matrix): Promise<BatchedOperator> {
  return hessian([{ scored: 1, linearised: linearisedQuadratic(matrix, new Float64Array(matrix.rows), 0) }]);
}
