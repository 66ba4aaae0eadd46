import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { RandomStream } from '../../compute/random.ts';
import type { SingularValueResult } from './decompositions.ts';
import { normalise, orthonormal } from './orthonormal.ts';
import { type DenseMatrix, product } from './products.ts';

/** Directions beyond those that are asked for. Halko, Martinsson and Tropp 2011, section 1.3: 5 or 10 suffice. */
const oversampling = 10;

/**
 * Nearly the `count` largest singular values of W with their vectors: those of W on the span of W (W'W)^iterations Omega,
 * Omega Gaussian. The more slowly singular values decay, the more iterations it takes. Halko, Martinsson and Tropp 2011,
 * arXiv 0909.4061, algorithms 4.4 and 5.1; what PiSSA's fast SVD and `torch.svd_lowrank` are.
 */
export async function randomisedSvd(
  weight: DenseMatrix,
  count: number,
  iterations: number,
  random: RandomStream,
): Promise<SingularValueResult> {
  const { rows, columns } = weight;
  const width = Math.min(count + oversampling, rows, columns);
  // Vectors lie in rows throughout.
  let right: DenseMatrix = {
    rows: width,
    columns,
    values: Float64Array.from({ length: width * columns }, () => random.normal()),
  };
  let left = orthonormal(await product(right, weight, { b: true }));
  for (let iteration = 0; iteration < iterations; iteration++) {
    // One orthonormalisation an iteration is enough: only singular values a hundred million times smaller are lost.
    right = await product(left, weight);
    left = orthonormal(await product(right, weight, { b: true }));
  }
  // W is nearly Q Q'W, Q the columns of left: what is left is the decomposition of Q'W, by its small Gram matrix.
  const small = await product(left, weight);
  const gram = await product(small, small, { b: true });
  const eigen = new EigenvalueDecomposition(Matrix.from1DArray(width, width, gram.values), { assumeSymmetric: true });
  const order = eigen.realEigenvalues
    .map((_, place) => place)
    .sort((a, b) => eigen.realEigenvalues[b]! - eigen.realEigenvalues[a]!);
  const chosen = Float64Array.from({ length: count * width }, (_, index) =>
    eigen.eigenvectorMatrix.get(index % width, order[Math.floor(index / width)]!),
  );
  const turn = { rows: count, columns: width, values: chosen };
  const V = await product(turn, small);
  const U = await product(turn, left);
  const S = Array.from({ length: count }, (_, term) =>
    normalise(V.values.subarray(term * columns, (term + 1) * columns)),
  );
  const inColumns = (matrix: DenseMatrix) => Matrix.from1DArray(count, matrix.columns, matrix.values).transpose();
  return { U: inColumns(U), S, V: inColumns(V) };
}
