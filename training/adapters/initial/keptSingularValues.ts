import { Matrix } from 'ml-matrix';
import { codeHash, contentHash, toolchainHash } from '../../../compute/cache/contentHash.ts';
import { startCache } from '../../../compute/cache/fileCache.ts';
import {
  extremeSingularValues,
  rowMajor,
  type SingularEnd,
  type SingularValueResult,
} from '../../../numerics/dense/decompositions.ts';
import type { DenseMatrix } from '../../../numerics/dense/products.ts';

/** Matrices of fewer rows x columns x the smaller of them are decomposed sooner than read. Chosen by measurement. */
const leastWork = 2e6;

/**
 * What `extremeSingularValues` says of a weight, computed once on this machine: kept on disk under the weight's own values, so that
 * the workers of a study, other scalings and later runs find the same bits. Two processes that come at once both compute it.
 */
export async function keptSingularValues(
  weight: DenseMatrix,
  count: number,
  end: SingularEnd,
): Promise<SingularValueResult> {
  const { rows, columns, values } = weight;
  const isWorthKeeping = rows * columns * Math.min(rows, columns) >= leastWork;
  const cache = isWorthKeeping ? startCache() : undefined;
  if (cache === undefined) return extremeSingularValues(weight, count, end);
  const algorithm = codeHash(new URL('../../../numerics/dense/', import.meta.url));
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const key = contentHash([
    'singular values',
    toolchainHash(),
    algorithm,
    JSON.stringify([rows, columns, count, end]),
    bytes,
  ]);
  const known = cache.read(key);
  if (known !== undefined) return decoded(known, weight, count);
  const found = await extremeSingularValues(weight, count, end);
  cache.write(key, encoded(found));
  return found;
}

/** U [out, count], S [count] and V [in, count], one after another in float64. */
function encoded({ U, S, V }: SingularValueResult): Uint8Array {
  const parts = [rowMajor(U), Float64Array.from(S), rowMajor(V)];
  return new Uint8Array(Buffer.concat(parts.map(({ buffer }) => new Uint8Array(buffer))));
}

function decoded(bytes: Uint8Array, { rows, columns }: DenseMatrix, count: number): SingularValueResult {
  // A copy, since entries in a part of a file need not lie at multiples of their size.
  const numbers = new Float64Array(new Uint8Array(bytes).buffer);
  const V = (rows + 1) * count;
  return {
    U: Matrix.from1DArray(rows, count, numbers.subarray(0, rows * count)),
    S: [...numbers.subarray(rows * count, V)],
    V: Matrix.from1DArray(columns, count, numbers.subarray(V)),
  };
}
