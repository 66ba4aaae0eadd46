import { predict, type Sweep } from 'lambdamax/analysis';
import { nameOf } from './configurations.ts';
import { ofConfiguration, type Records } from './records.ts';
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
  readonly worstFold: number;
  /** How many of its 95 % intervals hold the best rate; null where it has none. */
  readonly covered: number | null;
  /** What training at its rates gives up, in % of the best loss. */
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
}

/** In this order; `-calibrated` is times a constant fitted to the sweeps of the other methods. */
const shown = [
  'probes',
  'curvature',
  'curvature-calibrated',
  'one-constant',
  'range-test',
  'range-test-calibrated',
  'rule-of-thumb',
  'default-2e-4',
];

/** Holds what was predicted against the sweeps. Configurations without a finished run are left out. */
export function findingsOf(steps: number, { runs, predictions, rivals }: Records): Findings {
  const sweep: Sweep = {
    scoreDirection: 'lower',
    context: { steps },
    runs: runs.map((run) => ({
      ...{
        configuration: nameOf(run),
        method: run.method,
        learningRate: run.learningRate,
        seed: run.seed,
        score: run.loss,
      },
      status: run.loss === null ? ('diverged' as const) : ('finished' as const),
    })),
    configurations: [...new Map(runs.map((one) => [nameOf(one), one])).values()].map((one) => {
      const own = ofConfiguration(predictions, one);
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
  const { points, predictors } = predict(sweep);
  const configurations = points.map(({ configuration, optimum, predictions: predicted }) => ({
    configuration,
    optimum: optimum.learningRate,
    loss: optimum.score,
    runs: runs.filter((one) => nameOf(one) === configuration).length,
    rates: Object.fromEntries(Object.entries(predicted).map(([by, { learningRate }]) => [by, learningRate])),
  }));
  const coveredBy = (by: string): number | null => {
    const intervals = points.flatMap(({ configuration, optimum }) => {
      const said = predictions.find((one) => one.by === by && nameOf(one) === configuration);
      return said?.low === undefined || said.high === undefined
        ? []
        : [said.low <= optimum.learningRate && optimum.learningRate <= said.high];
    });
    return intervals.length === 0 ? null : intervals.filter(Boolean).length;
  };
  return {
    steps,
    configurations,
    rivals: rivalRows(runs, rivals),
    predictors: shown.flatMap((by): PredictorRow[] => {
      const summary = predictors.find(({ name }) => name === by);
      if (summary === undefined || summary.count === 0) return [];
      const regrets = points.flatMap((point) => point.predictions[by]?.regret ?? []);
      return [
        {
          by,
          count: summary.count,
          fold: summary.geometricMeanFoldError!,
          worstFold: summary.worstFoldError!,
          covered: coveredBy(by),
          regret: summary.meanRegret!,
          worstRegret: Math.max(...regrets),
          price: summary.price ?? 0,
        },
      ];
    }),
  };
}
