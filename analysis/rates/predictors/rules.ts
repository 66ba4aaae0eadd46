import { fitLine, fitLineWithin, geometricMean, mean } from '../../../numerics/statistics.ts';
import { type Configured, groupsOf, isLora, loraOf, otherMethodsAt, type SettingsGroup } from '../groups.ts';

/** What the rules know of a configuration: its measured optimum, its curvature and further predicted rates. */
export interface PredictorPoint extends Configured {
  /** Empirical optimum, the rate to be predicted. */
  readonly optimum: number;
  readonly lambdaMax: number | null;
  readonly predictedRates: Readonly<Record<string, number>>;
  /** What was spent on each, and on `lambda-max`, in gradients of one batch. */
  readonly prices: Readonly<Record<string, number>>;
}

/** What a prediction for one configuration may learn from. */
export interface Others {
  /** Other methods at equal settings; may be empty. */
  readonly atEqualSettings: readonly PredictorPoint[];
  /** Other methods at any settings; where there is one method only, its other configurations. */
  readonly all: readonly PredictorPoint[];
  /** LoRA at equal settings, if there is one. */
  readonly lora: PredictorPoint | undefined;
}

/** One way to predict a learning rate. */
export interface PredictorRule {
  readonly name: string;
  /** What it is, in words, for a table's note. */
  readonly meaning: string;
  /**
   * The rate before anything is fitted; null where it cannot be had. Slope and rank correlations are those of this
   * quantity: a constant fitted leaving one method out moves against the method left out, and would look like an
   * inverse correlation. A rule without a quantity predicts the same rate for all and orders nothing.
   */
  readonly quantity: ((point: PredictorPoint) => number | null) | null;
  /** The predicted rate. */
  readonly predict: (point: PredictorPoint, others: Others) => number | null;
  /** The name in `prices` of what it is made from; null: it costs nothing. Sweeps of other methods are not counted. */
  readonly paidFor: string | null;
}

/** The learning rate that fine-tuning recipes for LoRA most often start from (PEFT's and many papers' examples). */
const usualRate = 2e-4;

/** With fewer points beside one for each group an exponent and constants go through them exactly and mean nothing. */
const fewestBesideGroups = 2;

/** The name of lambda_max in `prices`. */
const lambdaMaxPrice = 'lambda-max';

const twoOverLambda = (point: PredictorPoint): number | null =>
  point.lambdaMax !== null && point.lambdaMax > 0 ? 2 / point.lambdaMax : null;

const rootOfLambda = (point: PredictorPoint): number | null =>
  point.lambdaMax !== null && point.lambdaMax > 0 ? 1 / Math.sqrt(point.lambdaMax) : null;

const curvatureRules: readonly PredictorRule[] = [
  {
    name: 'two-over-lambda',
    meaning: '2 / lambda_max: where gradient descent with that curvature stops being stable. Nothing is fitted.',
    quantity: twoOverLambda,
    predict: twoOverLambda,
    paidFor: lambdaMaxPrice,
  },
  calibrated('two-over-lambda', 'c / lambda_max', twoOverLambda, lambdaMaxPrice),
  toLora('relative-to-lora', "the paper's rule, optimum(lora) lambda_max(lora) / lambda_max(method)", {
    quantity: twoOverLambda,
    paidFor: lambdaMaxPrice,
  }),
  {
    ...calibrated('1/sqrt(lambda_max)', 'c / sqrt(lambda_max)', rootOfLambda, lambdaMaxPrice),
    name: 'root-lambda-calibrated',
  },
  toLora('root-lambda-to-lora', 'optimum(lora) sqrt(lambda_max(lora) / lambda_max(method))', {
    quantity: rootOfLambda,
    paidFor: lambdaMaxPrice,
  }),
  {
    name: 'fitted-exponent',
    meaning:
      'c lambda_max^-a, c and a fitted on the other methods, c at equal settings where there are any: two constants learned from sweeps.',
    quantity: twoOverLambda,
    paidFor: lambdaMaxPrice,
    predict: (point, others) => {
      const own = twoOverLambda(point);
      const line = fittedLine(others);
      return own === null || line === null ? null : Math.exp(line.intercept + line.slope * Math.log(own));
    },
  },
];

/** The further rates that come from curvature: each is held against LoRA's too, where settings that it does not see drop out. */
const curvatureRates: readonly string[] = ['adam-threshold', 'critical-rate', 'line-search', 'update-curvature'];

const constantRules: readonly PredictorRule[] = [
  {
    name: 'one-constant',
    meaning:
      "the baseline: the geometric mean of the other methods' optima, one rate for all at equal settings, no curvature.",
    quantity: null,
    paidFor: null,
    predict: (_, others) => {
      const known = nearest(others, () => true);
      return known.length === 0 ? null : geometricMean(known.map((other) => other.optimum));
    },
  },
  {
    name: 'same-as-lora',
    meaning:
      "the baseline of all that is set against LoRA: LoRA's best rate at the same settings, no curvature. LoRA itself is not counted.",
    quantity: null,
    paidFor: null,
    predict: (point, { lora }) => (lora === undefined || isLora(point) ? null : lora.optimum),
  },
  {
    name: 'default-2e-4',
    meaning: 'the rate that recipes start from, 2e-4, whatever the model.',
    quantity: null,
    paidFor: null,
    predict: () => usualRate,
  },
];

/** What the further rates are that a study measures, in words. */
const meanings: Readonly<Record<string, string>> = {
  'adam-threshold':
    "Adam's limit of stability, 38 / lambda_max(P^-1/2 H P^-1/2) at beta1 = 0.9, P after a warm-up. Nothing is fitted.",
  curvature: "recommend by curvature: from a line search along Adam's update, and the rule of thumb. No run.",
  'critical-rate': "the rate at which one step of Adam's leaves the loss where it was. Nothing is fitted.",
  halving:
    'successive halving: four short runs at rates a factor 2 apart, the better two twice as long, the best of those.',
  'line-search': "the rate at which one step of Adam's lowers the loss most. Nothing is fitted.",
  'update-curvature': "g'u / u'Gu along Adam's update u: where the Gauss-Newton model of the loss is least.",
  probes: 'recommend by probes: from short runs of the same schedule, extrapolated to the length of the run.',
  'range-test': 'the learning-rate range test: where the loss is least while the rate grows from step to step.',
  'rule-of-thumb': 'the published rule for LoRA, 5e-5 * 10 * (2000 / hidden)^p. Nothing is measured.',
};

/** All rules for these points: from lambda_max, from each further predicted rate (as it is, and calibrated), constants. */
export function predictorRules(points: readonly PredictorPoint[]): PredictorRule[] {
  const further = [...new Set(points.flatMap((point) => Object.keys(point.predictedRates)))].sort();
  return [
    ...curvatureRules,
    ...further.flatMap((name): PredictorRule[] => {
      const quantity = (point: PredictorPoint): number | null => positive(point.predictedRates[name]);
      const meaning = meanings[name] ?? `${name}, as it was given. Nothing is fitted.`;
      return [
        { name, meaning, quantity, predict: quantity, paidFor: name },
        calibrated(name, `c times ${name}`, quantity, name),
        ...(curvatureRates.includes(name)
          ? [toLora(`${name}-to-lora`, `optimum(lora) ${name}(method) / ${name}(lora)`, { quantity, paidFor: name })]
          : []),
      ];
    }),
    ...constantRules,
  ];
}

/**
 * What a prediction for `point` may learn from. Its own method's configurations are left out at all settings, or a method
 * would be predicted from itself; unless there is one method only.
 */
export function othersOf(
  point: PredictorPoint,
  points: readonly PredictorPoint[],
  groups: readonly SettingsGroup[],
): Others {
  return {
    atEqualSettings: otherMethodsAt(point, points, groups),
    all: othersAnywhere(point, points),
    lora: loraOf(point, points, groups),
  };
}

/** What a prediction over all configurations may learn from, whatever their settings. */
export function othersOverAll(point: PredictorPoint, points: readonly PredictorPoint[]): Others {
  return { atEqualSettings: [], all: othersAnywhere(point, points), lora: undefined };
}

function othersAnywhere(point: PredictorPoint, points: readonly PredictorPoint[]): PredictorPoint[] {
  const otherMethods = points.filter((other) => other.method !== point.method);
  return otherMethods.length > 0 ? otherMethods : points.filter((other) => other.configuration !== point.configuration);
}

/** The points that constants are learned from: those at equal settings where any of them are known, else all. */
function nearest({ atEqualSettings, all }: Others, isKnown: (point: PredictorPoint) => boolean): PredictorPoint[] {
  const near = atEqualSettings.filter(isKnown);
  return near.length > 0 ? near : all.filter(isKnown);
}

/**
 * ln optimum as a line in ln(2 / lambda_max). The slope is fitted on all other methods with a constant for each group at equal
 * settings, for what settings do to the optimum is none of curvature's; the intercept on those at the settings of the prediction.
 */
function fittedLine(others: Others): { slope: number; intercept: number } | null {
  const isKnown = (other: PredictorPoint): boolean => twoOverLambda(other) !== null;
  const known = others.all.filter(isKnown);
  const logs = (points: readonly PredictorPoint[]) => ({
    x: points.map((point) => Math.log(twoOverLambda(point)!)),
    y: points.map(({ optimum }) => Math.log(optimum)),
  });
  const groups = groupsOf(known);
  if (known.length - groups.length < fewestBesideGroups) return null;
  if (groups.length === 1) return fitLine(logs(known).x, logs(known).y);
  const strata = groups.map(({ configurations }) =>
    logs(known.filter(({ configuration }) => configurations.includes(configuration))),
  );
  const slope = fitLineWithin(strata)?.slope;
  const near = logs(nearest(others, isKnown));
  return slope === undefined ? null : { slope, intercept: mean(near.y) - slope * mean(near.x) };
}

function calibrated(
  name: string,
  formula: string,
  quantity: (point: PredictorPoint) => number | null,
  paidFor: string,
): PredictorRule {
  return {
    name: `${name}-calibrated`,
    meaning: `${formula}, c the geometric mean of optimum over ${name} for the other methods, at equal settings where there are any: one constant learned from sweeps.`,
    quantity,
    paidFor,
    predict: (point, others) => {
      const own = quantity(point);
      const known = nearest(others, (other) => quantity(other) !== null);
      if (own === null || known.length === 0) return null;
      return own * geometricMean(known.map((other) => other.optimum / quantity(other)!));
    },
  };
}

/** LoRA's best rate at the same settings times what a quantity is over LoRA's. */
function toLora(
  name: string,
  formula: string,
  { quantity, paidFor }: { readonly quantity: (point: PredictorPoint) => number | null; readonly paidFor: string },
): PredictorRule {
  return {
    name,
    meaning: `${formula}. LoRA itself, at the same settings, is its anchor and is not counted.`,
    quantity,
    paidFor,
    predict: (point, { lora }) => {
      const own = quantity(point);
      const anchor = lora && quantity(lora);
      return lora === undefined || anchor == null || own === null || isLora(point)
        ? null
        : (lora.optimum * own) / anchor;
    },
  };
}

function positive(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) && value > 0 ? value : null;
}
