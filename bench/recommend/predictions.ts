import { type Recommendation, recommend, ruleOfThumb, trainingHalving, trainingRangeTest } from 'lambdamax/analysis';
import { LambdamaxError } from '../../errors.ts';
import type { Sought } from './configurations.ts';
import { type Experiment, trainingOf } from './experiment.ts';
import type { PredictionRecord } from './records.ts';

/** What is held against the sweeps; `predict` adds the rules that cost nothing. */
export const predictors = ['probes', 'curvature', 'halving', 'range-test', 'rule-of-thumb'] as const;

export type PredictorName = (typeof predictors)[number];

/** A tenth of the longest run: what probes may cost at any length, in gradients of one batch. */
const probeBudget = 100;

/** Asks one predictor about one configuration. */
export async function predictionOf(
  experiment: Experiment,
  configuration: Sought,
  by: PredictorName,
): Promise<PredictionRecord> {
  const { task, method, rank } = configuration;
  const began = performance.now();
  const found = await ask(experiment, configuration, by).catch(nothingToSay);
  const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
  return { kind: 'prediction', task, method, rank, by, ...found, seconds };
}

/** A rate, its interval if it has one, its price, and what it was made from. */
type Answer = Omit<PredictionRecord, 'kind' | 'by' | 'seconds' | keyof Sought>;

/** A predictor that has no answer is no reason to give up the bench. */
function nothingToSay(error: unknown): Answer {
  if (error instanceof LambdamaxError) return { learningRate: null, gradientEvaluations: 0 };
  throw error;
}

async function ask(experiment: Experiment, configuration: Sought, by: PredictorName): Promise<Answer> {
  const { model, rows } = experiment;
  const run = trainingOf(configuration.steps);
  if (by === 'rule-of-thumb') return { learningRate: ruleOfThumb(model.config), gradientEvaluations: 0 };
  const adapter = await experiment.start(configuration);
  if (by === 'range-test') {
    const { learningRate, gradientEvaluations } = await trainingRangeTest(model, adapter, rows, run);
    return { learningRate, gradientEvaluations };
  }
  // Probes keep rows of their own for scoring, and never see those that the sweep is scored on.
  const budget = probeBudget / configuration.steps;
  if (by === 'halving') {
    const { learningRate, gradientEvaluations, probes } = await trainingHalving(model, adapter, rows, {
      ...run,
      budget,
    });
    return { learningRate, gradientEvaluations, probes: [...probes] };
  }
  const found = await recommend(model, adapter, rows, { ...run, by, budget });
  return answerOf(found);
}

/** What of a recommendation is kept, so that it can be read again with other constants and no new run. */
function answerOf(found: Recommendation): Answer {
  const { learningRate, low, high, gradientEvaluations, probes, rounds, alongUpdate } = found;
  const { learningRate: least, logStandardError, criticalRate } = alongUpdate!.lineSearch;
  return {
    ...{ learningRate, low, high, gradientEvaluations },
    ...(rounds.length > 0 && { probes: [...probes], rounds: [...rounds] }),
    lineSearch: { learningRate: least, logStandardError, criticalRate },
  };
}
