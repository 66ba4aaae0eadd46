import { axpy, norm, roundoff, scale } from '../../vectors.ts';
import type { SymmetricOperator, Vector } from '../operator.ts';

/** A unit vector with its product, as the search for an eigenvalue has it. */
export interface KnownProduct {
  readonly vector: Float64Array;
  /** H times the vector; multiplied anew if it is not there. */
  readonly image?: Float64Array;
}

/** A product's last digits, those of the vectors it is made of, and the sums over them: so many roundoffs of |H|. */
const leastRoundoffs = 10;

/** Two products of which one may by chance be rounded as the other was: how much farther the truth can be than they are apart. */
const safety = 2;

/**
 * How far rounding may have moved an eigenvalue of a symmetric operator, from the products with its vectors: |x' E x| <= |E x| for the
 * product's error E x, which is taken to be at most twice what the product changes by when all rounding falls anew, and not less
 * than ten roundoffs of |H|. Measured on 200 random blocks of a small Llama in float32, both ends of each, the eigenvalues' true
 * errors were all within it; see `npm run bench -- stopping`.
 *
 * @param size |H|, or what is close to it.
 * Returns a bound for each product.
 */
export async function roundingBounds(
  operator: SymmetricOperator,
  known: readonly KnownProduct[],
  size: number,
): Promise<number[]> {
  const least = leastRoundoffs * roundoff[operator.precision] * size;
  if (operator.rerounded === undefined || known.length === 0) return known.map(() => least);
  const vectors: Vector[] = known.map(({ vector }) => scale(1, vector, operator.precision));
  const images = await operator.rerounded(vectors);
  const bounds: number[] = [];
  for (const [index, { image }] of known.entries()) {
    const change = Float64Array.from(images[index]!);
    axpy(-1, image ?? (await operator.apply(vectors[index]!)), change);
    bounds.push(Math.max(least, safety * norm(change)));
  }
  return bounds;
}
