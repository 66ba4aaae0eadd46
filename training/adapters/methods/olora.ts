import { leadingQr, rowMajor, weightMatrix } from '../../../numerics/dense/decompositions.ts';
import { lowRank } from '../forms/lowRank.ts';
import { checkRank } from '../forms/rank.ts';
import type { AdapterMethod } from '../method.ts';

/**
 * The start of W = Q R: B = Q[:, :rank] [out, rank], orthonormal columns, and A = R[:rank] [rank, in]. Neither is divided
 * by s, so that s B A is s times a part of W. Büyükakyüz 2024, arXiv 2406.01775; s as in PEFT.
 */
export const olora: AdapterMethod = {
  name: 'olora',
  form: lowRank,
  keepsFunctionBy: 'residualWeight',
  startsAtZeroB: false,
  async initialise({ module, shape, size: { rank }, weight }) {
    checkRank(module, shape, rank);
    const { Q, R } = await leadingQr(weightMatrix(module, weight, shape), rank);
    return new Map([
      ['lora_A.weight', rowMajor(R)],
      ['lora_B.weight', rowMajor(Q)],
    ]);
  },
};
