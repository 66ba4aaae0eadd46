import { join } from 'node:path';
import { runStudy } from 'lambdamax/study';
import { bundledModel } from './bundledModel.ts';
import { alpha, batchSize, type Experiment, openExperiment, type Sought, seed } from './recommend/experiment.ts';
import { type Findings, findingsOf } from './recommend/findings.ts';
import { predictionOf, predictors } from './recommend/predictions.ts';
import { ofConfiguration, RecordFile } from './recommend/records.ts';
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
 * `recommend` against full sweeps: for each method, rank and length the predictions, then a study of each length. What the folder
 * has is not made again, so that it may be stopped at any time.
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
  await using experiment = await openExperiment(model, join(folder, 'runs'), threads);
  for (const steps of lengths) {
    const file = new RecordFile(folder, steps);
    const all = ranks.flatMap((rank) => methods.map((method) => ({ method, rank, steps })));
    for (const sought of all) await ask(experiment, sought, file, say);
    const { runs } = await file.read();
    const unswept = all.filter((sought) => ofConfiguration(runs, sought).length === 0);
    if (unswept.length === 0) continue;
    const study = join(folder, 'runs', `recommend-${steps}`);
    await sweep(experiment, unswept, { study, threads, file, say });
  }
}

/** Asks those predictors about a configuration that were not asked yet: all of them before any run. */
async function ask(
  experiment: Experiment,
  sought: Sought,
  file: RecordFile,
  say: (line: string) => void,
): Promise<void> {
  const known = ofConfiguration((await file.read()).predictions, sought);
  for (const by of predictors) {
    if (known.some((one) => one.by === by)) continue;
    const prediction = await predictionOf(experiment, sought, by);
    await file.add(prediction);
    const { method, rank, steps } = sought;
    say(`${method} r${rank}, ${steps} steps: ${by} ${prediction.learningRate?.toExponential(2) ?? 'has no answer'}`);
  }
}

interface SweepOptions {
  readonly study: string;
  readonly threads: number;
  readonly file: RecordFile;
  readonly say: (line: string) => void;
}

/** A study of some configurations, and its runs as records. No predictor has a say in its rates: 1e-3 times powers of 2 and of its root. */
async function sweep(
  { model, files }: Experiment,
  configurations: readonly Sought[],
  { study, threads, file, say }: SweepOptions,
): Promise<void> {
  const { runs } = await runStudy(
    {
      ...{ model, ...files, study, threads, configurations },
      ...{ alphas: [alpha], batchSizes: [batchSize], seeds: [seed], initSeed: seed },
      ...{ grid: [2e-3, 4e-3, 8e-3], spectra: null, predictors: null },
    },
    {
      onProgress: ({ configuration, done, planned, run }) => {
        if (run?.event === 'finished')
          say(`${done} of ${planned}: ${configuration} at ${run.run.learningRate}: ${run.result?.status}`);
      },
    },
  );
  for (const { configuration, learningRate, result } of runs) {
    const { method, rank } = configuration;
    const loss = result.status === 'finished' ? Number(result.validationLoss?.toPrecision(6)) : null;
    await file.add({ kind: 'run', method, rank, learningRate, loss });
  }
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
