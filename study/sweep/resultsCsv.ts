import { join } from 'node:path';
import { writeFileWhole } from '../../training/checkpoint/files.ts';
import { axisNames } from '../configurations/axes.ts';
import { columnName, configurationNames, type Setting, settingsOf } from '../configurations/names.ts';
import { type FinishedRun, inOrder } from '../folder/record.ts';
import type { CurvatureOf } from '../measure/spectra.ts';
import type { StudyPlan } from '../plan/plan.ts';
import { scoreOf } from '../plan/result.ts';

/** Writes `results.csv` from the finished runs. */
export async function writeResults(
  folder: string,
  plan: StudyPlan,
  runs: readonly FinishedRun[],
  curvatureOf: CurvatureOf,
): Promise<void> {
  await writeFileWhole(join(folder, 'results.csv'), resultsCsv(plan, runs, curvatureOf));
}

const axisColumns = axisNames.map(columnName);

/**
 * The table of the finished runs, by configuration in the plan's order, learning rate and seed. `loss` is the validation loss, or
 * without validation the training loss, in nats a token; `score` is the number that the study compares runs by; `lambda_max` and
 * `lambda_pre` are the largest eigenvalues of the Hessian and of the one that Adam sees. It holds no times, so that a study that was
 * killed and resumed, or that has grown, gives the same bytes as a whole one.
 */
export function resultsCsv(
  plan: StudyPlan,
  runs: readonly FinishedRun[],
  curvatureOf: CurvatureOf = () => ({}),
): string {
  const header = [
    ...['configuration', 'model', 'task', ...axisColumns, 'seed', 'learning_rate', 'status', 'loss', 'accuracy'],
    ...['exact_match', 'lambda_max', 'lambda_pre', 'gradient_norm', 'key', 'score', 'training_loss'],
    ...['accuracy_low', 'accuracy_high', 'exact_match_low', 'exact_match_high', 'steps_taken'],
  ];
  const names = configurationNames(plan.configurations);
  const lines = inOrder(plan, runs).map(({ key, configuration, learningRate, seed, result }) => {
    const settings = settingsOf(configuration);
    const { lambdaMax, lambdaPre, gradientNorm } = curvatureOf(configuration);
    return [
      names[plan.configurations.indexOf(configuration)],
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
    ].map(csvField);
  });
  return `${[header, ...lines].map((cells) => cells.join(',')).join('\n')}\n`;
}

function valueIn(settings: readonly Setting[], name: string): string {
  return settings.find((setting) => setting.name === name)!.value;
}

function csvField(value: string | number | null | undefined): string {
  const text = value == null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
