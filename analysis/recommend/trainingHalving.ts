import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { Model } from '../../training/model.ts';
import { recommendDefaults } from './defaults.ts';
import { type HalvingResult, successiveHalving } from './halving.ts';
import { type RecommendOptions, shortRuns } from './recommend.ts';
import { ruleOfThumb } from './ruleOfThumb.ts';

/** Rates of the first round over their geometric mean: a factor of 2 apart, as probes are. */
const around = [-1.5, -0.5, 0.5, 1.5].map((power) => 2 ** power);

/**
 * Successive halving of an adapter's learning rate, at the price of probes: four rates a factor 2 apart about `start`, else about the
 * rule of thumb. Runs are scored as probes are. The adapter is left as it is.
 *
 * @throws LambdamaxError for a budget that is too small, and where there is neither `start` nor a rule of thumb for the model.
 */
export async function trainingHalving(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  options: RecommendOptions,
): Promise<HalvingResult> {
  const { steps, budget = recommendDefaults.budget, start = ruleOfThumb(model.config) } = options;
  if (start === null)
    throw new LambdamaxError({
      subject: 'halving',
      expected: '`start`, as there is no rule of thumb for this model',
      got: model.config.modelType,
    });
  const { probe, scorePrice } = shortRuns(model, adapter, rows, options);
  const rates = around.map((factor) => factor * start);
  return successiveHalving(probe, { rates, steps, budget: budget * steps, scorePrice });
}
