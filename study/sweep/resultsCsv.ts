import { join } from 'node:path';
import { writeFileWhole } from '../../training/checkpoint/files.ts';
import { axisNames } from '../configurations/axes.ts';
import { columnName, namesOf, type Setting, settingsOf } from '../configurations/names.ts';
import { type FinishedRun, inOrder } from '../folder/record.ts';
import type { KnownConfiguration, KnownOf } from '../measure/known.ts';
import type { StudyPlan } from '../plan/plan.ts';
import { scoreOf } from '../plan/result.ts';
import { scoreLabels } from '../plan/score.ts';
import { missingRuns } from './progress.ts';

/** Writes `results.csv` from the finished runs. */
export async function writeResults(
  folder: string,
  plan: StudyPlan,
  runs: readonly FinishedRun[],
  knownOf: KnownOf,
): Promise<void> {
  await writeFileWhole(join(folder, 'results.csv'), resultsCsv(plan, runs, knownOf));
}

const axisColumns = axisNames.map(columnName);

/**
 * The table of the finished runs, by configuration in the plan's order, learning rate and seed. `loss` is the validation loss, or
 * without validation the training loss, in nats a token; `score` is the number that the study compares runs by; `lambda_max` and
 * `lambda_pre` are the largest eigenvalues of the Hessian and of the one that Adam sees. What else is known of a configuration stands in
 * each of its rows, so that a prediction from the table is that of the study. It holds no times, so that a study that was
 * killed and resumed, or that has grown, gives the same bytes as a whole one.
 */
export function resultsCsv(
  plan: StudyPlan,
  runs: readonly FinishedRun[],
  knownOf: KnownOf = () => nothingKnown,
): string {
  const named = namesOf(plan.configurations.map((configuration) => ({ configuration })));
  const known = new Map(plan.configurations.map((configuration) => [configuration, knownOf(configuration)]));
  const keysOf = (part: 'predictedRates' | 'prices'): string[] =>
    [...new Set([...known.values()].flatMap((one) => Object.keys(one[part])))].sort();
  const [rates, prices] = [keysOf('predictedRates'), keysOf('prices')];
  // Settings that vary with those of the axes, as the steps of warm-up do.
  const others = Object.keys(named[0]?.settings ?? {}).filter((name) => !axisColumns.includes(name));
  const planned = new Map(
    plan.configurations.map((configuration) => {
      const own = runs.filter((run) => run.configuration === configuration);
      return [configuration, own.length + missingRuns(plan, configuration, own)];
    }),
  );
  const header = [
    ...['configuration', 'model', 'task', ...axisColumns, 'seed', 'learning_rate', 'status', 'loss', 'accuracy'],
    ...['exact_match', 'lambda_max', 'lambda_pre', 'gradient_norm', 'key', 'score', 'training_loss'],
    ...['accuracy_low', 'accuracy_high', 'exact_match_low', 'exact_match_high', 'steps_taken'],
    ...[
      'validation_loss',
      'scored_by',
      'trained_by',
      'data',
      ...others,
      'starts_at_zero_b',
      'limit_rate',
      'limit_formula',
    ],
    ...[...rates.map((name) => `predicted_${name}`), ...prices.map((name) => `price_${name}`), 'runs_planned'],
  ];
  const lines = inOrder(plan, runs).map(({ key, configuration, learningRate, seed, result }) => {
    const settings = settingsOf(configuration);
    const { lambdaMax, lambdaPre, gradientNorm, ...found } = known.get(configuration)!;
    return [
      named[plan.configurations.indexOf(configuration)]!.name,
      plan.model,
      plan.task?.name,
      configuration.method,
      ...axisColumns.slice(1).map((name) => valueIn(settings, name)),
      seed,
      learningRate,
      result.status,
      result.validationLoss ?? result.finalLoss,
      result.accuracy,
      result.exactMatch,
      lambdaMax,
      lambdaPre,
      gradientNorm,
      key,
      scoreOf(result, plan.score),
      result.finalLoss,
      ...(result.accuracyInterval ?? [null, null]),
      ...(result.exactMatchInterval ?? [null, null]),
      result.steps,
      result.validationLoss,
      ...[scoreLabels[plan.score], configuration.optimizer.name, plan.data.join(', ')],
      ...others.map((name) => settings.find((setting) => setting.name === name)?.value ?? ''),
      ...[found.startsAtZeroB, found.limit?.learningRate, found.limit?.formula],
      ...rates.map((name) => found.predictedRates[name]),
      ...prices.map((name) => found.prices[name]),
      planned.get(configuration),
    ].map(csvField);
  });
  return `${[header, ...lines].map((cells) => cells.join(',')).join('\n')}\n`;
}

function valueIn(settings: readonly Setting[], name: string): string {
  return settings.find((setting) => setting.name === name)!.value;
}

const nothingKnown: KnownConfiguration = {
  ...{ lambdaMax: null, lambdaPre: null, gradientNorm: null },
  ...{ limit: null, predictedRates: {}, prices: {} },
};

function csvField(value: string | number | boolean | null | undefined): string {
  const text = value == null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
