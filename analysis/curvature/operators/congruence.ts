import type { Vector } from '../../../compute/tensors.ts';
import { type BatchedOperator, checkLength } from '../../../numerics/krylov/operator.ts';
import { dot, scaleEntries } from '../../../numerics/vectors.ts';

/** A linear map C from vectors [size] to vectors of another operator's size. */
export interface LinearMap {
  readonly size: number;
  /** C v. */
  forward(v: Vector): Vector;
  /** C' w. */
  transpose(w: Vector): Vector;
}

/** The operator C' H C, symmetric as H is. It holds nothing of its own: releasing H is left to H's owner. */
export function congruence(operator: BatchedOperator, map: LinearMap): BatchedOperator {
  return {
    size: map.size,
    precision: operator.precision,
    async apply(v) {
      checkLength(map, v);
      return map.transpose(await operator.apply(map.forward(v)));
    },
    ...(operator.rerounded && {
      rerounded: async (vectors) =>
        (await operator.rerounded!(vectors.map((v) => map.forward(v)))).map((image) => map.transpose(image)),
    }),
    whereNotFinite: async (v) => operator.whereNotFinite?.(map.forward(v)),
    async rayleighQuotients(v) {
      checkLength(map, v);
      const image = map.forward(v);
      // The inner quotients are relative to |C v|^2, these to |v|^2.
      const stretch = dot(image, image) / dot(v, v);
      const inner = await operator.rayleighQuotients(image);
      return inner.map(({ scored, value }) => ({ scored, value: value * stretch }));
    },
  };
}

/** R H R for a diagonal R [size]. */
export function rescaled(operator: BatchedOperator, diagonal: Vector): BatchedOperator {
  const multiply = (v: Vector): Vector => scaleEntries(diagonal, v, operator.precision);
  return congruence(operator, { size: operator.size, forward: multiply, transpose: multiply });
}
