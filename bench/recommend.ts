import { join } from 'node:path';
import { ArgumentError } from '../errors.ts';
import { bundledModel } from './bundledModel.ts';
import {
  configurationsOf,
  fileNames,
  nameOf,
  type SetName,
  type Sought,
  type SoughtAdapter,
} from './recommend/configurations.ts';
import { curvatureOf } from './recommend/curvature.ts';
import { type Experiment, openExperiment } from './recommend/experiment.ts';
import { type Findings, findingsOf } from './recommend/findings.ts';
import { predictionOf, predictors } from './recommend/predictions.ts';
import { ofConfiguration, RecordFile } from './recommend/records.ts';
import type { RivalRow } from './recommend/rivalFindings.ts';
import { rivalOf, rivals } from './recommend/rivals.ts';
import { sweepFirst, sweepFurther } from './recommend/sweeps.ts';
import { aligned } from './rows.ts';

/** What a bench makes of each configuration, in this order. */
export const recommendParts = ['sweeps', 'predictions', 'rivals', 'seeds', 'curvature'] as const;

export type RecommendPart = (typeof recommendParts)[number];

/** What is asked of `bench -- recommend`. */
export interface RecommendBenchOptions {
  /** Where the runs are written down, and found again. */
  readonly folder: string;
  readonly set: SetName;
  readonly steps: readonly number[];
  /** Only configurations with one of these; absent: all of the set. */
  readonly methods?: readonly string[];
  readonly ranks?: readonly number[];
  /** The first one is that of the predictions and of the whole sweep, the others run near its best rate. */
  readonly seeds: readonly number[];
  /** What of it is made; absent: all. */
  readonly only?: readonly RecommendPart[];
  readonly threads: number;
  /** Only what lies in the folder counts; nothing is run. */
  readonly stored: boolean;
  /** A checkpoint's folder; default: the bundled base. */
  readonly model?: string;
}

/**
 * `recommend` against full sweeps: for each configuration of a set and each length a sweep, predictions, rivals' runs, further seeds and the
 * curvature. What the folder has is not made again, so that it may be stopped at any time.
 */
export async function recommended(options: RecommendBenchOptions, say: (line: string) => void): Promise<Findings[]> {
  if (!options.stored) await makeMissing(options, say);
  const found: Findings[] = [];
  for (const steps of options.steps) {
    const records = await new RecordFile(options.folder, fileNames[options.set], steps).read();
    if (records.runs.length > 0) found.push(findingsOf(steps, records));
  }
  if (options.stored && found.length === 0) {
    const expected = `a folder with runs of set ${options.set}, of ${options.steps.join(' or ')} steps`;
    throw new ArgumentError({ subject: '--dir', expected, got: options.folder });
  }
  return found;
}

async function makeMissing(asked: RecommendBenchOptions, say: (line: string) => void): Promise<void> {
  const { folder, set, steps: lengths, methods, ranks, seeds, threads, model = bundledModel } = asked;
  const { only = recommendParts } = asked;
  const all = configurationsOf(set, { ...(methods && { methods }), ...(ranks && { ranks }) });
  for (const task of new Set(all.map((one) => one.task))) {
    const runs = join(folder, 'runs');
    await using experiment = await openExperiment({ model, task, folder: join(runs, task), threads });
    for (const steps of lengths) {
      const file = new RecordFile(folder, fileNames[set], steps);
      const options = { folder: runs, threads, file, say };
      const makers: Readonly<Record<RecommendPart, (sought: Sought) => Promise<void>>> = {
        sweeps: (sought) => sweepFirst(experiment, sought, options),
        predictions: (sought) => ask(experiment, sought, file, say),
        rivals: (sought) => compete(experiment, sought, file, say),
        seeds: (sought) => sweepFurther(experiment, sought, seeds, options),
        curvature: (sought) => measure(experiment, sought, file, say),
      };
      for (const part of recommendParts.filter((one) => only.includes(one)))
        for (const one of all.filter((other) => other.task === task)) await makers[part]({ ...one, steps });
    }
  }
}

/** Makes the runs of a configuration's rivals that were not made yet. */
async function compete(
  experiment: Experiment,
  sought: Sought,
  file: RecordFile,
  say: (line: string) => void,
): Promise<void> {
  const known = ofConfiguration((await file.read()).rivals, sought);
  for (const by of rivals) {
    if (known.some((one) => one.by === by)) continue;
    await file.add(await rivalOf(experiment, sought, by));
    say(`${nameOf(sought)}, ${sought.steps} steps: ${by} has run`);
  }
}

/** Measures the curvature of a configuration, if that was not done yet. */
async function measure(
  experiment: Experiment,
  sought: SoughtAdapter,
  file: RecordFile,
  say: (line: string) => void,
): Promise<void> {
  if (ofConfiguration((await file.read()).curvatures, sought).length > 0) return;
  const found = await curvatureOf(experiment, sought);
  await file.add(found);
  say(`${nameOf(sought)}: lambda_max ${found.lambdaMax}, as Adam sees it ${found.lambdaPre}`);
}

/** Asks those predictors about a configuration that were not asked yet. */
async function ask(
  experiment: Experiment,
  sought: Sought,
  file: RecordFile,
  say: (line: string) => void,
): Promise<void> {
  const known = ofConfiguration((await file.read()).predictions, sought);
  for (const by of predictors) {
    if (known.some((one) => one.by === by)) continue;
    await file.add(await predictionOf(experiment, sought, by));
    say(`${nameOf(sought)}, ${sought.steps} steps: ${by} was asked`);
  }
}

/** Tables for each length: the predictors, the configurations one by one, and rivals that have run. */
export function recommendLines(found: readonly Findings[]): string[] {
  return found.flatMap((findings, index) => [...(index === 0 ? [] : ['']), ...linesOf(findings)]);
}

function linesOf({ steps, configurations, predictors, rivals, noiseFloor }: Findings): string[] {
  return [
    `runs of ${steps} steps: ${configurations.length} configurations, ${configurations.reduce((sum, { runs }) => sum + runs, 0)} runs`,
    ...aligned(
      [
        [
          'predictor',
          'fold',
          '95 %',
          'worst',
          'in 95 %',
          'with noise',
          'regret %',
          '95 %',
          'x constant',
          '95 %',
          'gradients',
        ],
        ...predictors.map(({ by, count, fold, foldInterval, worstFold, covered, coveredWithNoise, ...one }) => [
          by,
          fold.toFixed(2),
          intervalWords(foldInterval),
          worstFold.toFixed(2),
          covered === null ? '' : `${covered} of ${count}`,
          coveredWithNoise === null ? '' : `${coveredWithNoise} of ${count}`,
          one.curveRegret.value.toFixed(2),
          intervalWords(one.curveRegret),
          one.overConstant?.value.toFixed(2) ?? '',
          intervalWords(one.overConstant),
          one.price.toFixed(0),
        ]),
        ...(noiseFloor === null
          ? []
          : [
              [
                ...['true optimum', noiseFloor.foldError.toFixed(2), intervalWords(noiseFloor), '', '', ''],
                ...[noiseFloor.regret.toFixed(2)],
                intervalWords({ low: noiseFloor.regretLow, high: noiseFloor.regretHigh }),
                ...['', '', ''],
              ],
            ]),
      ],
      1,
    ),
    ...(noiseFloor === null
      ? []
      : [
          '',
          `noise of one run: ${noiseFloor.noise.deviation.toFixed(2)} % of the loss, ${noiseFloor.noise.degreesOfFreedom} degrees of freedom`,
        ]),
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
    ...rivalLines(rivals),
  ];
}

function intervalWords(interval: { readonly low: number | null; readonly high: number | null } | null): string {
  return interval?.low == null || interval.high === null
    ? ''
    : `${interval.low.toFixed(2)}-${interval.high.toFixed(2)}`;
}

/** A table of the optimizers that find their own rate; nothing where none has run. */
function rivalLines(rows: readonly RivalRow[]): string[] {
  if (rows.length === 0) return [];
  return [
    '',
    ...aligned(
      [
        ['optimizer', 'configurations', 'regret %', 'worst', 'gradients beside the run'],
        ...rows.map(({ by, count, regret, worstRegret, price }) => [
          by,
          String(count),
          regret.toFixed(2),
          worstRegret.toFixed(2),
          price.toFixed(0),
        ]),
      ],
      1,
    ),
  ];
}
