import { lowRank } from '../forms/lowRank.ts';
import { checkRank } from '../forms/rank.ts';
import { kaimingUniform } from '../initial/kaimingUniform.ts';
import type { AdapterMethod } from '../method.ts';

/**
 * Init[AB]: A [rank, in] and B [out, rank] both uniform in +-1/sqrt(in), neither zero. Li et al. 2025, arXiv 2505.23194;
 * B's bound takes the layer's inputs too, as in the paper's code.
 */
export const initAb: AdapterMethod = {
  name: 'init-ab',
  form: lowRank,
  keepsFunctionBy: 'residualWeight',
  startsAtZeroB: false,
  initialise({ module, shape, size: { rank }, random }) {
    checkRank(module, shape, rank);
    return new Map([
      ['lora_A.weight', kaimingUniform(rank * shape.in, shape.in, random)],
      ['lora_B.weight', kaimingUniform(shape.out * rank, shape.in, random)],
    ]);
  },
};
