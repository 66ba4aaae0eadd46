import { lowRank } from '../forms/lowRank.ts';
import { randomisedSplit, singularSplit } from '../initial/singularSplit.ts';
import type { AdapterMethod } from '../method.ts';
import type { Settings } from '../settings.ts';

/**
 * The principal part of W = U S V', top `rank`: B = U sqrt(S/s) [out, rank], A = sqrt(S/s) V' [rank, in]. Meng, Wang and
 * Zhang 2024, arXiv 2404.02948. The decomposition is exact; with the setting `niter` it is the paper's fast one, randomised,
 * with so many iterations (PEFT's `pissa_niter_16`).
 */
export function pissa(settings: Settings): AdapterMethod {
  const iterations = settings.whole('niter', null, 0);
  return {
    name: 'pissa',
    form: lowRank,
    keepsFunctionBy: 'residualWeight',
    startsAtZeroB: false,
    initialise: (context) =>
      iterations === null ? singularSplit(context, 'largest') : randomisedSplit(context, iterations),
  };
}
