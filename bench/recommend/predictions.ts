import { recommend, ruleOfThumb, trainingRangeTest } from 'lambdamax/analysis';
import { type Experiment, type Sought, trainingOf } from './experiment.ts';
import type { PredictionRecord } from './records.ts';

/** What is held against the sweeps; `predict` adds the rules that cost nothing. */
export const predictors = ['probes', 'curvature', 'range-test', 'rule-of-thumb'] as const;

export type PredictorName = (typeof predictors)[number];

/** A tenth of the longest run: what probes may cost at any length, in gradients of one batch. */
const probeBudget = 100;

/** Asks one predictor about one configuration. */
export async function predictionOf(
  experiment: Experiment,
  configuration: Sought,
  by: PredictorName,
): Promise<PredictionRecord> {
  const { method, rank } = configuration;
  const began = performance.now();
  const { learningRate, low, high, gradientEvaluations } = await ask(experiment, configuration, by);
  const interval = low === undefined || high === undefined ? {} : { low, high };
  const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
  return { kind: 'prediction', method, rank, by, learningRate, ...interval, gradientEvaluations, seconds };
}

/** A rate, its interval if it has one, and its price. */
interface Answer {
  readonly learningRate: number | null;
  readonly low?: number;
  readonly high?: number;
  readonly gradientEvaluations: number;
}

async function ask(experiment: Experiment, configuration: Sought, by: PredictorName): Promise<Answer> {
  const { model, rows } = experiment;
  const run = trainingOf(configuration.steps);
  if (by === 'rule-of-thumb') return { learningRate: ruleOfThumb(model.config), gradientEvaluations: 0 };
  const adapter = await experiment.start(configuration);
  if (by === 'range-test') return trainingRangeTest(model, adapter, rows, run);
  // Probes keep rows of their own for scoring, and never see those that the sweep is scored on.
  return recommend(model, adapter, rows, { ...run, by, budget: probeBudget / configuration.steps });
}
