import { priorRate, rateFrom } from 'lambdamax/analysis';
import { alpha } from './experiment.ts';
import { ofConfiguration, type PredictionRecord, type Records } from './records.ts';

/** A rate with its 95 % interval. */
export interface Reading {
  readonly learningRate: number | null;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/**
 * What today's code makes of what a recommendation was made from, without a run: the constants of `recommend` are judged by records of any
 * time. A record of which nothing was kept says what it said.
 */
export function readAgain(
  record: PredictionRecord,
  steps: number,
  { predictions }: Pick<Records, 'predictions'>,
): Reading {
  const { probes = [], lineSearch, rank, method } = record;
  if (lineSearch === undefined) return record;
  const rule = ofConfiguration(predictions, record).find(({ by }) => by === 'rule-of-thumb');
  // rsLoRA's scaling is alpha over the root of the rank.
  const own = method === 'rslora' ? alpha * Math.sqrt(rank) : alpha;
  // The rule is for plain LoRA, and `recommend` does without it for PEFT's other kinds.
  const prior = method === 'gralora' ? null : priorRate(rule?.learningRate ?? null, [{ rank, alpha: own }]);
  const rate = rateFrom({ steps, probes, lineSearch, prior });
  if (rate === null) return { learningRate: null };
  const reach = Math.exp(1.96 * rate.logError);
  return { learningRate: rate.learningRate, low: rate.learningRate / reach, high: rate.learningRate * reach };
}
