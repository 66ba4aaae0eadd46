import type { AdapterMethod } from './adapter.ts';
import { lowRank } from './lowRank.ts';
import { singularSplit } from './singularSplit.ts';

/**
 * The principal part of W = U S V', top `rank`: B = U sqrt(S/s) [out, rank], A = sqrt(S/s) V' [rank, in]. The SVD is
 * exact. Meng et al. 2024, arXiv 2404.02948.
 */
export const pissa: AdapterMethod = {
  name: 'pissa',
  form: lowRank,
  keepsFunctionBy: 'residualWeight',
  initialise: (context) => singularSplit(context, 'largest'),
};
