import { LambdamaxError } from '../../../errors.ts';
import { mean, standardError } from '../../statistics.ts';
import { axpy, dot, norm, roundoff, scale } from '../../vectors.ts';
import { faultOf, notFiniteProduct } from '../fault.ts';
import type { SymmetricOperator } from '../operator.ts';
import { randomSigns } from '../startVector.ts';

/** An estimate of a trace. */
export interface TraceEstimate {
  readonly value: number;
  /** Standard error over the random vectors; 0 where the estimate is exact. Null if a single one was drawn. */
  readonly standardError: number | null;
  /** Operator products used. */
  readonly products: number;
}

export interface TraceOptions {
  /** Operator products. The standard error falls as 1/sqrt(products) or, by `hutchPlusPlus`, faster. Default 60. */
  readonly products?: number;
  /** Seed of the random vectors. Default 0. */
  readonly seed?: number | string;
  /** Called after every product. */
  readonly onStep?: (products: number) => void;
}

/**
 * tr H as the mean of z' H z over random sign vectors z (Hutchinson 1989): unbiased, with the variance 2 (|H|_F^2 - sum_i H_ii^2)
 * of one sample. Throws a LambdamaxError for fewer than one product, and for a product with NaN or infinity.
 */
export async function hutchinson(operator: SymmetricOperator, options: TraceOptions = {}): Promise<TraceEstimate> {
  const { products = 60, seed = 0, onStep } = options;
  checkProducts('hutchinson', products, 1);
  const forms: number[] = [];
  for (let index = 0; index < products; index++) {
    const z = randomSigns(operator.size, seed, `hutchinson ${index}`);
    forms.push(dot(z, await finiteProduct(operator, z)));
    onStep?.(index + 1);
  }
  return { value: mean(forms), standardError: standardError(forms), products };
}

/**
 * tr H by Hutch++ (Meyer, Musco, Musco and Woodruff 2021, arXiv 2010.09649, algorithm 1): a third of the products finds a basis Q
 * of the range that matters, from H's products with random signs; a third takes the trace there, tr Q'HQ, without an
 * error; the rest goes to `hutchinson` for what is left, (I - QQ') H (I - QQ'). So it is exact for a rank below the
 * third, and the better of the two wherever few eigenvalues hold most of |H|_F; Q's vectors are kept in memory. The standard
 * error is that of the last part, given Q.
 *
 * Throws a LambdamaxError for fewer than three products, and for a product with NaN or infinity.
 */
export async function hutchPlusPlus(operator: SymmetricOperator, options: TraceOptions = {}): Promise<TraceEstimate> {
  const { products: most = 60, seed = 0, onStep } = options;
  checkProducts('hutchPlusPlus', most, 3);
  const { size, precision } = operator;
  let products = 0;
  const product = async (v: Float64Array): Promise<Float64Array> => {
    const image = await finiteProduct(operator, v);
    products += 1;
    onStep?.(products);
    return image;
  };

  const basis: Float64Array[] = [];
  for (let index = 0; index < Math.floor(most / 3) && basis.length < size; index++) {
    const image = await product(randomSigns(size, seed, `hutch++ sketch ${index}`));
    const length = norm(image);
    removeSpan(basis, image);
    // What is left by rounding is no direction of H's.
    if (norm(image) > 100 * roundoff[precision] * length)
      basis.push(scale(1 / norm(image), image, 'float64') as Float64Array);
  }
  let inside = 0;
  for (const q of basis) inside += dot(q, await product(q));

  const forms: number[] = [];
  while (basis.length < size && products < most) {
    const z = randomSigns(size, seed, `hutch++ rest ${forms.length}`);
    removeSpan(basis, z);
    forms.push(dot(z, await product(z)));
  }
  const rest = forms.length === 0 ? 0 : mean(forms);
  return { value: inside + rest, standardError: basis.length === size ? 0 : standardError(forms), products };
}

/** Takes from v, in place, its part in the span of the orthonormal vectors; twice is enough (Parlett, section 6.9). */
function removeSpan(basis: readonly Float64Array[], v: Float64Array): void {
  for (let pass = 0; pass < 2; pass++) for (const q of basis) axpy(-dot(q, v), q, v);
}

/** H v in float64. Throws a LambdamaxError if it holds NaN or infinity. */
export async function finiteProduct(operator: SymmetricOperator, v: Float64Array): Promise<Float64Array> {
  const direction = scale(1, v, operator.precision);
  const image = Float64Array.from(await operator.apply(direction));
  if (Number.isFinite(norm(image))) return image;
  const fault = await faultOf(operator, direction);
  throw notFiniteProduct('product of an operator with a random vector', fault);
}

function checkProducts(algorithm: string, products: number, least: number): void {
  if (Number.isInteger(products) && products >= least) return;
  throw new LambdamaxError({
    subject: `products of ${algorithm}`,
    expected: `a whole number from ${least}`,
    got: products,
  });
}
