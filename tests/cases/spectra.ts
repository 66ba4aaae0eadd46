import { type RandomStream, randomStream } from '../../compute/random.ts';
import { zeros } from '../../compute/tensors.ts';
import type { Precision, SymmetricOperator, Vector } from '../../numerics/krylov/operator.ts';
import { dot } from '../../numerics/vectors.ts';

/** A family of spectra: from a random stream and a size, all eigenvalues. */
export interface SpectrumCase {
  readonly name: string;
  eigenvalues(size: number, random: RandomStream): Float64Array;
}

/** Spectra of size `size` from a bulk, uniform over [low, high], whose first entries are replaced. */
function bulk(low: number, high: number, ...outliers: number[]) {
  return (size: number, random: RandomStream): Float64Array => {
    const values = Float64Array.from({ length: size }, () => low + (high - low) * random.uniform());
    values.set(outliers.slice(0, size));
    return values;
  };
}

/** What the Hessians of loss functions look like, and what Lanczos has failed on. */
export const spectra: readonly SpectrumCase[] = [
  { name: 'gap above a bulk', eigenvalues: bulk(-0.1, 0.3, 5) },
  { name: 'no gap', eigenvalues: bulk(-1, 1) },
  { name: 'larger negative end', eigenvalues: bulk(-0.2, 0.2, 3, -8) },
  { name: 'negative definite', eigenvalues: bulk(-4, -1) },
  { name: 'positive end tiny beside the negative one', eigenvalues: bulk(-0.01, 0.01, 0.05, -20) },
  { name: 'tight cluster at the top', eigenvalues: bulk(-0.5, 0.5, 2, 2 - 1e-7, 2 - 2e-7, 2 - 3e-7) },
  { name: 'pair a few tolerances apart at both ends', eigenvalues: bulk(-0.7, 0.7, 1, 0.997, -1, -0.998) },
  { name: 'repeated ends', eigenvalues: bulk(-0.5, 0.5, 1, 1, 1, -1, -1) },
  { name: 'few outliers, the rest zero', eigenvalues: bulk(0, 0, 9, 4, 1, 0.3, 0.1, -0.7) },
  {
    name: 'positive semidefinite, decaying as a power',
    eigenvalues: (size) =>
      Float64Array.from({ length: size }, (_, index) => (index < size / 2 ? (index + 1) ** -1.5 : 0)),
  },
  {
    name: 'positive semidefinite, decaying geometrically',
    eigenvalues: (size) => Float64Array.from({ length: size }, (_, index) => 0.8 ** index),
  },
  { name: 'rank one', eigenvalues: bulk(0, 0, 7) },
  { name: 'rank one, negative', eigenvalues: bulk(0, 0, -7) },
  { name: 'multiple of the identity', eigenvalues: bulk(3, 3) },
  { name: 'zero', eigenvalues: bulk(0, 0) },
  {
    name: 'mirrored pairs, as at B = 0',
    eigenvalues: (size, random) => {
      const values = bulk(0, 0.2, 0.77, 0.5)(size, random);
      return values.map((value, index) => (index % 2 === 0 ? value : -values[index - 1]!));
    },
  },
];

/**
 * The operator Q diag(eigenvalues) Q', Q a product of random reflections, so that no eigenvector is a unit vector. Products are
 * computed in float64 and rounded once to the precision.
 */
export function rotated(eigenvalues: Float64Array, seed: number, precision: Precision): SymmetricOperator {
  const size = eigenvalues.length;
  const random = randomStream(seed, 'rotated spectrum');
  const mirrors = [1, 2, 3].map(() => Float64Array.from({ length: size }, () => random.normal()));
  const reflect = (mirror: Float64Array, v: Float64Array): Float64Array => {
    const share = (2 * dot(mirror, v)) / dot(mirror, mirror);
    return v.map((entry, index) => entry - share * mirror[index]!);
  };
  return {
    size,
    precision,
    apply: async (v: Vector) => {
      const inside = mirrors.reduce<Float64Array>((image, mirror) => reflect(mirror, image), new Float64Array(v));
      const stretched = inside.map((entry, index) => entry * eigenvalues[index]!);
      const product = zeros(size, precision);
      product.set(mirrors.reduceRight<Float64Array>((image, mirror) => reflect(mirror, image), stretched));
      return product;
    },
  };
}
