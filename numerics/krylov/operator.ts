import type { Precision, Vector } from '../../compute/tensors.ts';
import { LambdamaxError } from '../../errors.ts';

export type { Precision, Vector } from '../../compute/tensors.ts';

/** A real symmetric matrix of size [size, size] that is known only by its products with vectors. */
export interface SymmetricOperator {
  readonly size: number;
  /** The precision of the vectors that `apply` takes, and so of its products. */
  readonly precision: Precision;
  /** H v for v [size] of the operator's precision. The product may come back in float64, and is the caller's to keep. */
  apply(v: Vector): Promise<Vector>;
  /**
   * Products with these vectors in which all rounding falls anew, as right as those of `apply`: what they differ by tells how far
   * rounding moves a product (see `Linearised.rerounded`). Left out where rounding is that of the products' last digits alone.
   */
  rerounded?(vectors: readonly Vector[]): Promise<Vector[]>;
  /**
   * Where a product that is not finite stops being so, in words: the first batch and tensor. Null if H v is finite, undefined where
   * nothing more is known.
   */
  whereNotFinite?(v: Vector): Promise<string | null | undefined>;
}

/** A number that belongs to one batch. */
export interface BatchValue {
  /** The batch's number of scored tokens: its weight in the mean over all batches. */
  readonly scored: number;
  readonly value: number;
}

/** A symmetric operator that is the mean of one operator per batch, weighted by scored tokens. */
export interface BatchedOperator extends SymmetricOperator {
  /** The batches' own Rayleigh quotients v' H_i v / v' v, in the order of the batches; their weighted mean is the whole's. */
  rayleighQuotients(v: Vector): Promise<BatchValue[]>;
}

/** Throws a LambdamaxError unless v has one entry for each row of the operator. */
export function checkLength(operator: { readonly size: number }, v: Vector): void {
  if (v.length !== operator.size) {
    throw new LambdamaxError({
      subject: 'vector given to a symmetric operator',
      expected: `${operator.size} entries`,
      got: v.length,
    });
  }
}
