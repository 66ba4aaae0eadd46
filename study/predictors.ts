import { type RecommendOptions, recommend } from '../analysis/recommend/recommend.ts';
import { ruleOfThumb } from '../analysis/recommend/ruleOfThumb.ts';
import { trainingRangeTest } from '../analysis/recommend/trainingRangeTest.ts';
import { LambdamaxError } from '../errors.ts';
import type { Adapter } from '../training/adapters/create.ts';
import type { TokenRow } from '../training/data/examples.ts';
import { contentKey } from '../training/data/hash.ts';
import type { FinetuneOptions } from '../training/finetune.ts';
import type { Model } from '../training/model.ts';
import { finetuneOptions, startingAdapter } from './execute.ts';
import { runConfiguration, type StudyPlan } from './plan.ts';
import { keepMeasurements, readMeasurement, writeMeasurement } from './record.ts';
import { Turns } from './turns.ts';

/** Ways to a learning rate that a study can try beside its sweep. */
export const studyPredictorNames = ['probes', 'curvature', 'range-test', 'rule-of-thumb'] as const;

export type StudyPredictorName = (typeof studyPredictorNames)[number];

/** Which predictors a study tries, and what they may cost. */
export interface StudyPredictorOptions {
  readonly names: readonly StudyPredictorName[];
  /** What probes may cost for each method, as a part of one run. */
  readonly probeBudget: number;
}

/** Which predictor is asked about which method. */
export interface PredictorChoice {
  readonly method: string;
  readonly predictor: StudyPredictorName;
}

/** What a predictor says of one method. */
export interface Predicted {
  /** By the names under which `predict` shows them. */
  readonly rates: Readonly<Record<string, number | null>>;
  readonly gradientEvaluations: number;
  /** Why there is no rate, in words. */
  readonly reason?: string;
}

/** Asks one predictor about one method. */
export type AskPredictor = (choice: PredictorChoice, options: StudyPredictorOptions) => Promise<Predicted>;

/** What asks, and who is told. */
export interface StudyPredictorWork {
  readonly ask: AskPredictor;
  /** How many predictors `ask` is given at once; default 1. */
  readonly atOnce?: number;
  readonly onProgress?: (progress: PredictorChoice & { readonly done: number }) => void;
}

/**
 * Asks each predictor for a learning rate of each method of a plan, for its number of steps, before any run of the sweep. What lies
 * in the study's folder already is not measured again; what was measured under other options is removed.
 */
export async function studyPredictors(
  plan: StudyPlan,
  folder: string,
  options: StudyPredictorOptions,
  { ask, atOnce = 1, onProgress }: StudyPredictorWork,
): Promise<void> {
  const choices = plan.methods.flatMap((method) => options.names.map((predictor) => ({ method, predictor })));
  let done = 0;
  const keyOf = async (choice: PredictorChoice): Promise<string> => {
    const configuration = configurationOf(plan, choice, options);
    if ((await readMeasurement(folder, 'predictors', configuration)) === null)
      await writeMeasurement(folder, 'predictors', configuration, { ...choice, ...(await ask(choice, options)) });
    onProgress?.({ ...choice, done: ++done });
    return contentKey(configuration);
  };
  const keys = await new Turns(atOnce).all(choices.map((choice) => () => keyOf(choice)));
  await keepMeasurements(folder, 'predictors', new Set(keys));
}

/** Asks predictors in this process, on the rows that the plan's runs train on. */
export function askOn(model: Model, plan: StudyPlan, rows: readonly TokenRow[]): AskPredictor {
  return async (choice, options) => {
    if (choice.predictor === 'rule-of-thumb')
      return { rates: { [choice.predictor]: ruleOfThumb(model.config) }, gradientEvaluations: 0 };
    const run = runConfiguration(plan, { method: choice.method, learningRate: 0, seed: plan.seeds[0]! });
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
  const options: RecommendOptions = { ...settings, by: predictor, budget: probeBudget };
  const { learningRate, gradientEvaluations, alongUpdate } = await recommend(model, adapter, rows, options);
  const along =
    predictor === 'probes' || alongUpdate === null
      ? {}
      : {
          'line-search': alongUpdate.lineSearch.learningRate,
          'update-curvature': alongUpdate.quadraticRate?.value ?? null,
        };
  return { rates: { [predictor]: learningRate, ...along }, gradientEvaluations };
}

/** All that a prediction follows from, and no path. */
function configurationOf(
  plan: StudyPlan,
  { method, predictor }: PredictorChoice,
  { probeBudget }: StudyPredictorOptions,
): object {
  const of = { method, learningRate: 0, seed: plan.seeds[0]! };
  // What runs are scored on says nothing to a predictor.
  const { learningRate: _, validationHash: _validation, task: _task, ...run } = runConfiguration(plan, of);
  return { ...run, predictor, ...(predictor === 'probes' ? { probeBudget } : {}) };
}
