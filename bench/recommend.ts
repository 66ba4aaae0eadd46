import { finetune } from 'lambdamax/training';
import { bundledModel } from './bundledModel.ts';
import { type Configuration, type Experiment, openExperiment, trainingOf } from './recommend/experiment.ts';
import { type Findings, findingsOf } from './recommend/findings.ts';
import { halfSteps, nextRate, onGrid } from './recommend/grid.ts';
import { predictionOf, predictors } from './recommend/predictions.ts';
import { ofConfiguration, RecordFile, type RunRecord } from './recommend/records.ts';
import { aligned } from './rows.ts';

/** What is asked of `bench -- recommend`. */
export interface RecommendBenchOptions {
  /** Where the runs are written down, and found again. */
  readonly folder: string;
  readonly steps: readonly number[];
  readonly methods: readonly string[];
  readonly ranks: readonly number[];
  readonly threads: number;
  /** Only what lies in the folder counts; nothing is run. */
  readonly stored: boolean;
  /** A checkpoint's folder; default: the bundled base. */
  readonly model?: string;
}

/**
 * `recommend` against full sweeps: for each method, rank and length the predictions, then the sweep, half steps beside the best
 * rates last. What the folder has is not made again, so that it may be stopped at any time; processes with other methods or
 * ranks may work on the same folder side by side.
 */
export async function recommended(options: RecommendBenchOptions, say: (line: string) => void): Promise<Findings[]> {
  if (!options.stored) await makeMissing(options, say);
  const found: Findings[] = [];
  for (const steps of options.steps) {
    const { runs, predictions } = await new RecordFile(options.folder, steps).read();
    if (runs.length > 0) found.push(findingsOf(steps, { runs, predictions }));
  }
  return found;
}

async function makeMissing(
  { folder, steps: lengths, methods, ranks, threads, model = bundledModel }: RecommendBenchOptions,
  say: (line: string) => void,
): Promise<void> {
  await using experiment = await openExperiment(model, threads);
  const configurations = lengths.flatMap((steps) =>
    ranks.flatMap((rank) => methods.map((method) => ({ method, rank, steps }))),
  );
  const fileOf = ({ steps }: Configuration) => new RecordFile(folder, steps);
  for (const configuration of configurations) await bracket(experiment, configuration, fileOf(configuration), say);
  for (const configuration of configurations) {
    const file = fileOf(configuration);
    for (const rate of halfSteps(ofConfiguration((await file.read()).runs, configuration)))
      await runAt(experiment, configuration, rate, file, say);
  }
}

/** Predictions first: the sweep begins at the rate of the grid that is nearest to that of the probes. */
async function bracket(
  experiment: Experiment,
  configuration: Configuration,
  file: RecordFile,
  say: (line: string) => void,
): Promise<void> {
  const known = await file.read();
  const predictions = ofConfiguration(known.predictions, configuration);
  for (const by of predictors) {
    if (predictions.some((one) => one.by === by)) continue;
    const prediction = await predictionOf(experiment, configuration, by);
    await file.add(prediction);
    predictions.push(prediction);
    say(`${inWords(configuration)}: ${by} ${prediction.learningRate?.toExponential(2) ?? 'has no answer'}`);
  }
  const guess = predictions.find(({ by, learningRate }) => by === 'probes' && learningRate !== null)?.learningRate;
  const runs = ofConfiguration(known.runs, configuration);
  for (let rate: number | null = onGrid(guess ?? 4e-3); rate !== null; rate = nextRate(runs))
    if (runs.every(({ learningRate }) => learningRate !== rate))
      runs.push(await runAt(experiment, configuration, rate, file, say));
}

async function runAt(
  { model, rows, scored, start }: Experiment,
  configuration: Configuration,
  learningRate: number,
  file: RecordFile,
  say: (line: string) => void,
): Promise<RunRecord> {
  const { method, rank, steps } = configuration;
  const { validationLoss, seconds } = await finetune(model, await start(configuration), rows, {
    ...trainingOf(steps),
    learningRate,
    validation: scored,
  });
  const loss = validationLoss === null ? null : Number(validationLoss.toPrecision(6));
  const run: RunRecord = { kind: 'run', method, rank, learningRate, loss, seconds: Number(seconds.toFixed(1)) };
  await file.add(run);
  say(`${inWords(configuration)} at ${learningRate}: ${loss ?? 'diverged'}`);
  return run;
}

function inWords({ method, rank, steps }: Configuration): string {
  return `${method} r${rank}, ${steps} steps`;
}

/** Two tables for each length: the predictors, and the configurations one by one. */
export function recommendLines(found: readonly Findings[]): string[] {
  return found.flatMap(({ steps, configurations, predictors: rows }, index) => [
    ...(index === 0 ? [] : ['']),
    `runs of ${steps} steps: ${configurations.length} configurations, ${configurations.reduce((sum, { runs }) => sum + runs, 0)} runs`,
    ...aligned(
      [
        ['predictor', 'fold', 'worst', 'in 95 %', 'regret %', 'worst', 'gradients', '% of a run'],
        ...rows.map(({ by, count, fold, worstFold, covered, regret, worstRegret, price }) => [
          by,
          fold.toFixed(2),
          worstFold.toFixed(2),
          covered === null ? '' : `${covered} of ${count}`,
          regret.toFixed(2),
          worstRegret.toFixed(2),
          price.toFixed(0),
          ((100 * price) / steps).toFixed(1),
        ]),
      ],
      1,
    ),
    '',
    ...aligned(
      [
        ['configuration', 'best rate', 'loss', 'runs', 'probes', 'curvature', 'range test'],
        ...configurations.map(({ configuration, optimum, loss, runs, rates }) => [
          configuration,
          optimum.toExponential(2),
          loss.toFixed(4),
          String(runs),
          ...['probes', 'curvature', 'range-test'].map((by) => rates[by]?.toExponential(2) ?? '-'),
        ]),
      ],
      1,
    ),
  ]);
}
