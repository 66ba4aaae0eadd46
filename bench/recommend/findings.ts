import { type Prediction, type PredictorSummary, predict, type Sweep } from 'lambdamax/analysis';
import { nameOf } from './configurations.ts';
import { type Reading, readAgain } from './reading.ts';
import { type PredictionRecord, type Records, sweepRunOf } from './records.ts';
import { type RivalRow, rivalRows } from './rivalFindings.ts';

/** A configuration's best rate, and what the predictors said. */
export interface FoundConfiguration {
  readonly configuration: string;
  readonly optimum: number;
  /** The lowest loss of its sweep. */
  readonly loss: number;
  readonly runs: number;
  readonly rates: Readonly<Record<string, number>>;
}

/** How one predictor did at one length. */
export interface PredictorRow {
  readonly by: string;
  /** How many configurations it predicted. */
  readonly count: number;
  /** Geometric mean of max(p/e, e/p). */
  readonly fold: number;
  /** 95 %, over methods. */
  readonly foldInterval: Pick<PredictorSummary, 'low' | 'high'>;
  readonly worstFold: number;
  /** How many of its 95 % intervals hold the best rate; null where it has none. */
  readonly covered: number | null;
  /** How many hold it when they are widened by what is not known of the best rate itself. */
  readonly coveredWithNoise: number | null;
  /** What training at its rates gives up, in % of the best loss: of the fitted curve, with its interval, and of the best measured one. */
  readonly curveRegret: NonNullable<PredictorSummary['curveRegret']>;
  readonly overConstant: PredictorSummary['overConstant'];
  readonly regret: number;
  readonly worstRegret: number;
  /** Mean, in gradients of one batch. */
  readonly price: number;
}

/** All that is known at one length. */
export interface Findings {
  readonly steps: number;
  readonly configurations: readonly FoundConfiguration[];
  readonly predictors: readonly PredictorRow[];
  readonly rivals: readonly RivalRow[];
  /** How one would do who knew the true best rates. */
  readonly noiseFloor: Prediction['noiseFloor'];
}

/** Behind the name of a predictor: what it said then, where today's code makes something else of it. */
const then = ', then';

/** In this order; `-calibrated` is times a constant fitted to the sweeps of the other methods. */
const shown = [
  'probes',
  `probes${then}`,
  'curvature',
  `curvature${then}`,
  'curvature-calibrated',
  'halving',
  'one-constant',
  'range-test',
  'range-test-calibrated',
  'rule-of-thumb',
  'default-2e-4',
];

/** Holds what was predicted against the sweeps. Configurations without a finished run are left out. */
export function findingsOf(steps: number, records: Records): Findings {
  const { runs, rivals } = records;
  const said = readingsOf(steps, records);
  const sweep: Sweep = {
    scoreDirection: 'lower',
    context: { steps },
    runs: runs.map(sweepRunOf),
    configurations: [...new Map(runs.map((one) => [nameOf(one), one])).values()].map((one) => {
      const own = said.filter(({ configuration }) => configuration === nameOf(one));
      return {
        configuration: nameOf(one),
        method: one.method,
        predictedRates: Object.fromEntries(
          own.flatMap(({ by, learningRate }) => (learningRate === null ? [] : [[by, learningRate]])),
        ),
        prices: Object.fromEntries(own.map(({ by, gradientEvaluations }) => [by, gradientEvaluations])),
      };
    }),
  };
  const { points, predictors, noiseFloor } = predict(sweep);
  const configurations = points.map(({ configuration, optimum, predictions: predicted }) => ({
    configuration,
    optimum: optimum.learningRate,
    loss: optimum.score,
    runs: runs.filter((one) => nameOf(one) === configuration).length,
    rates: Object.fromEntries(Object.entries(predicted).map(([by, { learningRate }]) => [by, learningRate])),
  }));
  // A fold error is the mean absolute error of a logarithm, which is sqrt(2 / pi) of the standard deviation of a normal one.
  const optimumError = noiseFloor === null ? 0 : Math.log(noiseFloor.foldError) * Math.sqrt(Math.PI / 2);
  const coveredBy = (by: string, noise: number): number | null => {
    const held = points.flatMap(({ configuration, optimum }) => {
      const { low, high } = said.find((one) => one.by === by && one.configuration === configuration) ?? {};
      if (low === undefined || high === undefined) return [];
      const [centre, half] = [Math.log(low * high) / 2, Math.log(high / low) / 2];
      return [Math.abs(Math.log(optimum.learningRate) - centre) <= Math.hypot(half, 1.96 * noise)];
    });
    return held.length === 0 ? null : held.filter(Boolean).length;
  };
  return {
    steps,
    configurations,
    rivals: rivalRows(runs, rivals),
    noiseFloor,
    predictors: shown.flatMap((by): PredictorRow[] => {
      const summary = predictors.find(({ name }) => name === by);
      if (summary === undefined || summary.count === 0) return [];
      const regrets = points.flatMap((point) => point.predictions[by]?.regret ?? []);
      return [
        {
          by,
          count: summary.count,
          fold: summary.geometricMeanFoldError!,
          foldInterval: { low: summary.low, high: summary.high },
          worstFold: summary.worstFoldError!,
          covered: coveredBy(by, 0),
          coveredWithNoise: coveredBy(by, optimumError),
          curveRegret: summary.curveRegret!,
          overConstant: summary.overConstant,
          regret: summary.meanRegret!,
          worstRegret: Math.max(...regrets),
          price: summary.price ?? 0,
        },
      ];
    }),
  };
}

/** What a predictor says of a configuration, or said then. */
interface Said extends Reading {
  readonly configuration: string;
  readonly by: string;
  readonly gradientEvaluations: number;
}

function readingsOf(steps: number, records: Records): Said[] {
  const { predictions, earlier } = records;
  const said = (one: PredictionRecord, by: string, { learningRate, low, high }: Reading): Said => ({
    ...{ configuration: nameOf(one), by, learningRate, low, high },
    gradientEvaluations: one.gradientEvaluations,
  });
  return [
    ...predictions.map((one) => said(one, one.by, readAgain(one, steps, records))),
    ...earlier.map((one) => said(one, `${one.by}${then}`, one)),
  ];
}
