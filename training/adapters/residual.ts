import { type Precision, type Vector, zeros } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';
import type { LinearShape } from '../layout/form.ts';

/**
 * The residual weight W - s B A [out, in] that is frozen in place of W, so that the adapted layer computes at step 0 what
 * the base layer did. `update` is s B A as `AdapterForm.update` gives it; where A and B are rounded to float32 for
 * training, take it of the rounded ones. Each entry is computed in float64 and rounded once, to `precision`.
 *
 * @throws LambdamaxError if the two do not have out x in values each.
 */
export function residualWeight(
  weight: Float64Array,
  shape: LinearShape,
  update: Float64Array,
  precision: Precision = 'float64',
): Vector {
  const size = shape.out * shape.in;
  for (const [subject, values] of [
    ['the weight', weight],
    ['the update', update],
  ] as const) {
    if (values.length !== size) {
      throw new LambdamaxError({
        subject,
        expected: `${shape.out} x ${shape.in} = ${size} values`,
        got: values.length,
      });
    }
  }
  const residual = zeros(size, precision);
  for (let index = 0; index < size; index++) residual[index] = weight[index]! - update[index]!;
  return residual;
}
