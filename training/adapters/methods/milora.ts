import { lowRank } from '../forms/lowRank.ts';
import { singularSplit } from '../initial/singularSplit.ts';
import type { AdapterMethod } from '../method.ts';

/**
 * The minor part of W = U S V', bottom `rank` of its min(out, in) singular values: B = U sqrt(S/s) [out, rank],
 * A = sqrt(S/s) V' [rank, in]. Wang et al. 2024, arXiv 2406.09044.
 */
export const milora: AdapterMethod = {
  name: 'milora',
  form: lowRank,
  keepsFunctionBy: 'residualWeight',
  startsAtZeroB: false,
  initialise: (context) => singularSplit(context, 'smallest'),
};
