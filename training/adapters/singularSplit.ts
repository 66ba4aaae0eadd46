import type { InitialiseContext } from './adapter.ts';
import { singularValues, weightMatrix } from './decompositions.ts';
import { checkRank } from './rank.ts';

/** Which `rank` of the min(out, in) singular values of W: the largest or the smallest. */
export type SpectrumEnd = 'largest' | 'smallest';

/**
 * `rank` terms of W = U S V', shared evenly between the factors: B = U sqrt(S/s) [out, rank], A = sqrt(S/s) V'
 * [rank, in], so that s B A is just those terms. A weight of lower rank than min(out, in) has singular values 0 at its
 * small end, and zeros in A and B for them.
 */
export function singularSplit(context: InitialiseContext, end: SpectrumEnd): Map<string, Float64Array> {
  const { module, shape, scaling, weight } = context;
  const { rank } = context.size;
  checkRank(module, shape, rank);
  const { U, S, V } = singularValues(weightMatrix(module, weight, shape));
  const first = end === 'largest' ? 0 : S.length - rank;
  const A = new Float64Array(rank * shape.in);
  const B = new Float64Array(shape.out * rank);
  for (let term = 0; term < rank; term++) {
    const root = Math.sqrt(S[first + term]! / scaling);
    for (let column = 0; column < shape.in; column++) A[term * shape.in + column] = root * V.get(column, first + term);
    for (let row = 0; row < shape.out; row++) B[row * rank + term] = root * U.get(row, first + term);
  }
  return new Map([
    ['lora_A.weight', A],
    ['lora_B.weight', B],
  ]);
}
