import { LambdamaxError } from '../../../errors.ts';
import { orthonormal } from '../../../numerics/dense/orthonormal.ts';
import { lowRank } from '../forms/lowRank.ts';
import { checkRank } from '../forms/rank.ts';
import type { AdapterMethod } from '../method.ts';

/**
 * A and B both other than zero, and B A = 0: of a random orthogonal matrix Q [rank, rank], A = (odd rows of Q)' X and
 * B = Y' (even rows of Q), X [rank/2, in] and Y [rank/2, out] Gaussian with standard deviation 1/10. As in PEFT; see
 * https://datta0.github.io/posts/rethink-lora-init. Unchanged in exact arithmetic, the function is so to rounding.
 */
export const orthogonal: AdapterMethod = {
  name: 'orthogonal',
  form: lowRank,
  keepsFunctionBy: 'zeroUpdate',
  startsAtZeroB: false,
  check(module, shape, { rank }) {
    checkRank(module, shape, rank);
    if (rank % 2 !== 0)
      throw new LambdamaxError({
        subject: `\`rank\` for ${module}`,
        expected: 'an even number for orthogonal',
        got: rank,
      });
  },
  initialise({ module, shape, size, random }) {
    orthogonal.check!(module, shape, size);
    const { rank } = size;
    const gaussian = (count: number) => Float64Array.from({ length: count }, () => random.normal());
    const Q = orthonormal({ rows: rank, columns: rank, values: gaussian(rank * rank) }).values;
    const half = rank / 2;
    const [X, Y] = [gaussian(half * shape.in), gaussian(half * shape.out)];
    const A = new Float64Array(rank * shape.in);
    const B = new Float64Array(shape.out * rank);
    for (let term = 0; term < rank; term++)
      for (let k = 0; k < half; k++) {
        const [odd, even] = [Q[2 * k * rank + term]! / 10, Q[(2 * k + 1) * rank + term]! / 10];
        for (let column = 0; column < shape.in; column++)
          A[term * shape.in + column]! += odd * X[k * shape.in + column]!;
        for (let row = 0; row < shape.out; row++) B[row * rank + term]! += even * Y[k * shape.out + row]!;
      }
    return new Map([
      ['lora_A.weight', A],
      ['lora_B.weight', B],
    ]);
  },
};
