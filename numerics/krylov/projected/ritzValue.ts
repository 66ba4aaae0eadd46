/** One end of the spectrum: the algebraically largest or smallest eigenvalue. */
export type End = 'largest' | 'smallest';

/** An estimate of one eigenvalue from a Krylov space. */
export interface RitzValue {
  readonly value: number;
  /**
   * |beta_k s_k| = |H x - value x| for the unit Ritz vector x: an eigenvalue of H lies within this distance of `value`. While a
   * search goes on in exact arithmetic; in its result with what rounding may do to a product, see `roundingBound.ts`.
   */
  readonly residualBound: number;
}

/** An estimate of an end of the spectrum. */
export interface EndValue extends RitzValue {
  /**
   * The end of the spectrum lies, with a chance of 99.7 % over the start vectors, within this distance of `value`: in exact
   * arithmetic no nearer than `value`, see `errorBound.ts`. Rounding is added as in the residual bound.
   */
  readonly errorBound: number;
}

/** A Ritz value with its vector. */
export interface RitzPair extends RitzValue {
  /** The unit Ritz vector [size], in float64. */
  readonly vector: Float64Array;
}

/** An end of the spectrum with its vector. */
export interface EndPair extends RitzPair, EndValue {
  /** The part of both bounds that is for the rounding of products. */
  readonly roundingBound: number;
}

/** A Ritz value and the coordinates [k] of its vector in the Krylov basis. */
export interface RitzCoordinates extends RitzValue {
  readonly coordinates: () => readonly number[];
}

/** An end of the spectrum with the coordinates [k] of its vector in the Krylov basis. */
export interface EndCoordinates extends RitzCoordinates, EndValue {}
