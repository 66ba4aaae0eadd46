import { type RecommendOptions, recommend } from '../../analysis/recommend/recommend.ts';
import { ruleOfThumb } from '../../analysis/recommend/ruleOfThumb.ts';
import { trainingHalving } from '../../analysis/recommend/trainingHalving.ts';
import { trainingRangeTest } from '../../analysis/recommend/trainingRangeTest.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Adapter } from '../../training/adapters/create.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { FinetuneOptions } from '../../training/finetune/finetune.ts';
import type { Model } from '../../training/model.ts';
import type { StudyPredictorName, StudyPredictorOptions } from '../plan/measurements.ts';
import { runConfiguration, type StudyPlan } from '../plan/plan.ts';
import { finetuneOptions, startingAdapter } from './execute.ts';
import type { AskPredictor, Predicted } from './predictors.ts';

/** Asks predictors in this process, on the rows that the plan's runs train on. */
export function askOn(model: Model, plan: StudyPlan, rows: readonly TokenRow[]): AskPredictor {
  return async (choice, options) => {
    if (choice.predictor === 'rule-of-thumb')
      return { rates: { [choice.predictor]: ruleOfThumb(model.config) }, gradientEvaluations: 0 };
    const { configuration } = choice;
    const run = runConfiguration(plan, { configuration, learningRate: 0, seed: plan.seeds[0]! });
    const adapter = await startingAdapter(model, run, rows);
    return measure(model, adapter, rows, choice.predictor, finetuneOptions(run), options).catch(nothingToSay);
  };
}

/** A predictor that cannot say anything (probes too dear, an optimizer that is not Adam) is no reason to give up a study. */
function nothingToSay(error: unknown): Predicted {
  if (error instanceof LambdamaxError) return { rates: {}, gradientEvaluations: 0, reason: error.message };
  throw error;
}

async function measure(
  model: Model,
  adapter: Adapter,
  rows: readonly TokenRow[],
  predictor: Exclude<StudyPredictorName, 'rule-of-thumb'>,
  run: FinetuneOptions,
  { probeBudget }: StudyPredictorOptions,
): Promise<Predicted> {
  if (predictor === 'range-test') {
    const { learningRate, gradientEvaluations } = await trainingRangeTest(model, adapter, rows, run);
    return { rates: { [predictor]: learningRate }, gradientEvaluations };
  }
  // Probes are scored on rows of their own, and never on those that the sweep is scored on.
  const { validation: _, ...settings } = run;
  const options: Omit<RecommendOptions, 'by'> = { ...settings, budget: probeBudget };
  if (predictor === 'halving') {
    const { learningRate, gradientEvaluations } = await trainingHalving(model, adapter, rows, options);
    return { rates: { [predictor]: learningRate }, gradientEvaluations };
  }
  const { learningRate, gradientEvaluations, alongUpdate } = await recommend(model, adapter, rows, {
    ...options,
    by: predictor,
  });
  const along =
    predictor === 'probes' || alongUpdate === null
      ? {}
      : {
          'line-search': alongUpdate.lineSearch.learningRate,
          'critical-rate': alongUpdate.lineSearch.criticalRate,
          'update-curvature': alongUpdate.quadraticRate?.value ?? null,
        };
  return { rates: { [predictor]: learningRate, ...along }, gradientEvaluations };
}
