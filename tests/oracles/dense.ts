import { Matrix } from 'ml-matrix';
import { zeros } from '../../compute/tensors.ts';
import type { SymmetricOperator } from '../../numerics/krylov/operator.ts';

/** The operator's matrix [size, size]: its products with the unit vectors, as columns. */
export async function dense(operator: SymmetricOperator): Promise<Matrix> {
  const matrix = Matrix.zeros(operator.size, operator.size);
  for (let column = 0; column < operator.size; column++) {
    const unit = zeros(operator.size, operator.precision);
    unit[column] = 1;
    matrix.setColumn(column, Array.from(await operator.apply(unit)));
  }
  return matrix;
}
