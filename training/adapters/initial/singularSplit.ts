import { type SingularEnd, type SingularValueResult, weightMatrix } from '../../../numerics/dense/decompositions.ts';
import type { DenseMatrix } from '../../../numerics/dense/products.ts';
import { randomisedSvd } from '../../../numerics/dense/randomisedSvd.ts';
import { checkRank } from '../forms/rank.ts';
import type { InitialiseContext } from '../method.ts';
import { keptSingularValues } from './keptSingularValues.ts';

/**
 * `rank` terms of W = U S V', shared evenly between the factors: B = U sqrt(S/s) [out, rank], A = sqrt(S/s) V'
 * [rank, in], so that s B A is just those terms. A weight of lower rank than min(out, in) has singular values 0 at its
 * small end, and zeros in A and B for them.
 */
export async function singularSplit(context: InitialiseContext, end: SingularEnd): Promise<Map<string, Float64Array>> {
  return splitTerms(await keptSingularValues(checkedWeight(context), context.size.rank, end), context.scaling);
}

/** A and B of the weight's largest singular values, found by a randomised decomposition with so many iterations. */
export async function randomisedSplit(
  context: InitialiseContext,
  iterations: number,
): Promise<Map<string, Float64Array>> {
  const { size, random, scaling } = context;
  return splitTerms(await randomisedSvd(checkedWeight(context), size.rank, iterations, random), scaling);
}

/** A and B of these terms. */
export function splitTerms({ U, S, V }: SingularValueResult, scaling: number): Map<string, Float64Array> {
  const rank = S.length;
  const A = new Float64Array(rank * V.rows);
  const B = new Float64Array(U.rows * rank);
  for (let term = 0; term < rank; term++) {
    const root = Math.sqrt(S[term]! / scaling);
    for (let column = 0; column < V.rows; column++) A[term * V.rows + column] = root * V.get(column, term);
    for (let row = 0; row < U.rows; row++) B[row * rank + term] = root * U.get(row, term);
  }
  return new Map([
    ['lora_A.weight', A],
    ['lora_B.weight', B],
  ]);
}

function checkedWeight({ module, shape, size, weight }: InitialiseContext): DenseMatrix {
  checkRank(module, shape, size.rank);
  return weightMatrix(module, weight, shape);
}
