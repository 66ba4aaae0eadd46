import { z } from 'zod';
import { predictionsVersion } from '../../analysis/recommend/predictionsVersion.ts';
import { canonicalJson, isPlainObject } from '../../training/data/hash.ts';
import { Turns } from '../../workers/turns.ts';
import type { Configuration } from '../configurations/configuration.ts';
import { readMeasurement, readMeasurements, writeMeasurement } from '../folder/measured.ts';
import type { StudyPredictorName, StudyPredictorOptions } from '../plan/measurements.ts';
import { runConfiguration, type StudyPlan } from '../plan/plan.ts';

/** Which predictor is asked about which configuration. */
export interface PredictorChoice {
  readonly configuration: Configuration;
  readonly predictor: StudyPredictorName;
}

/** What a predictor says of one configuration. */
export interface Predicted {
  /** By the names under which `predict` shows them. */
  readonly rates: Readonly<Record<string, number | null>>;
  readonly gradientEvaluations: number;
  /** Why there is no rate, in words. */
  readonly reason?: string;
}

/** Asks one predictor about one configuration. */
export type AskPredictor = (choice: PredictorChoice, options: StudyPredictorOptions) => Promise<Predicted>;

/** A predictor is asked, or has answered, or was found to have done so. */
export interface StudyPredictorProgress extends PredictorChoice {
  readonly done: number;
  /** It is asked, and has not answered yet. */
  readonly isBegun: boolean;
  /** What it said under its own name. */
  readonly rate?: number | null;
}

/** What asks, and who is told. */
export interface StudyPredictorWork {
  /** Once it is aborted nothing begins any more. */
  readonly signal?: AbortSignal | undefined;
  readonly ask: AskPredictor;
  /** How many predictors `ask` is given at once; default 1. */
  readonly atOnce?: number;
  readonly onProgress?: (progress: StudyPredictorProgress) => void;
}

/** The questions that a plan's predictors are asked, each once. */
export function plannedPredictions({ configurations }: StudyPlan, { names }: StudyPredictorOptions): PredictorChoice[] {
  return configurations.flatMap((configuration) => names.map((predictor) => ({ configuration, predictor })));
}

/**
 * Asks each predictor for a learning rate of each configuration of a plan, for its number of steps, before any run of the sweep.
 * What lies in the study's folder already is not measured again.
 */
export async function studyPredictors(
  plan: StudyPlan,
  folder: string,
  options: StudyPredictorOptions,
  { ask, atOnce = 1, onProgress, signal }: StudyPredictorWork,
): Promise<void> {
  let done = 0;
  await new Turns(atOnce).all(
    plannedPredictions(plan, options).map((choice) => async () => {
      signal?.throwIfAborted();
      const stored = configurationOf(plan, choice, options);
      const { predictor } = choice;
      let rate: number | null | undefined;
      if ((await readMeasurement(folder, 'predictors', stored)) === null) {
        const { method } = choice.configuration;
        onProgress?.({ ...choice, done, isBegun: true });
        const answer = await ask(choice, options);
        rate = answer.rates[predictor];
        await writeMeasurement(folder, 'predictors', stored, { method, predictor, ...answer });
      }
      onProgress?.({ ...choice, done: ++done, isBegun: false, ...(rate != null && { rate }) });
    }),
  );
}

/** What a predictor said of one configuration. */
const predictedSchema = z.looseObject({
  rates: z.record(z.string(), z.number().nullable()),
  gradientEvaluations: z.number(),
});

/** What the predictors of a study folder said of each configuration. */
export type PredictedOf = (configuration: Configuration) => readonly Predicted[];

/** Reads what was predicted of a plan's configurations, with the code that they have now. */
export async function readPredicted(folder: string, plan: StudyPlan): Promise<PredictedOf> {
  const all = (await readMeasurements(folder, 'predictors')).flatMap(({ configuration, ...stored }) => {
    const predicted = predictedSchema.safeParse(stored);
    return predicted.success && isPlainObject(configuration) ? [{ configuration, predicted: predicted.data }] : [];
  });
  return (configuration) => {
    const wanted = canonicalJson(askedOf(plan, configuration));
    return all.flatMap(({ configuration: { predictor, probeBudget, ...own }, predicted }) =>
      canonicalJson(own) === wanted && isAskedFor(plan, predictor, probeBudget) ? [predicted as Predicted] : [],
    );
  };
}

/** Whether a plan asks a predictor at this price; one that does not say asks all. */
function isAskedFor({ predictors }: StudyPlan, predictor: unknown, probeBudget: unknown): boolean {
  if (predictors === undefined) return true;
  const isNamed = (predictors.names as readonly unknown[]).includes(predictor);
  return isNamed && (probeBudget === undefined || probeBudget === predictors.probeBudget);
}

/** All that a prediction follows from, and no path. */
function configurationOf(
  plan: StudyPlan,
  { configuration, predictor }: PredictorChoice,
  { probeBudget }: StudyPredictorOptions,
): object {
  return {
    ...askedOf(plan, configuration),
    predictor,
    ...(predictor === 'probes' || predictor === 'halving' ? { probeBudget } : {}),
  };
}

/** The run that predictors are asked about; what runs are scored on says nothing to them. */
function askedOf(plan: StudyPlan, configuration: Configuration): object {
  const of = { configuration, learningRate: 0, seed: plan.seeds[0]! };
  const { learningRate: _, validationHash: _validation, task: _task, ...run } = runConfiguration(plan, of);
  return { ...run, predictionsVersion };
}
