import { lowRank } from '../forms/lowRank.ts';
import { checkRank } from '../forms/rank.ts';
import { kaimingUniform } from '../initial/kaimingUniform.ts';
import type { AdapterMethod } from '../method.ts';

/** A [rank, in] uniform in +-1/sqrt(in), B [out, rank] = 0. Hu et al. 2021, arXiv 2106.09685; uniform as in PEFT. */
export const lora: AdapterMethod = {
  name: 'lora',
  form: lowRank,
  keepsFunctionBy: 'zeroUpdate',
  initialise({ module, shape, size: { rank }, random }) {
    checkRank(module, shape, rank);
    return new Map([
      ['lora_A.weight', kaimingUniform(rank * shape.in, shape.in, random)],
      ['lora_B.weight', new Float64Array(shape.out * rank)],
    ]);
  },
};
