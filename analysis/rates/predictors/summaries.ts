import { kendall, spearmanRho } from '../../../numerics/rankCorrelation.ts';
import {
  clusteredMean,
  fitLineWithin,
  fitPowerLaw,
  foldError,
  geometricMean,
  type Interval,
  mean,
  quantile,
} from '../../../numerics/statistics.ts';
import type { SettingsGroup } from '../groups.ts';
import type { PredictionPoint, PredictorAt, PredictorSummary } from '../prediction.ts';
import { othersOverAll, type PredictorPoint, type PredictorRule } from './rules.ts';

/** What predictors are judged by. */
export interface Judged {
  readonly points: readonly PredictionPoint[];
  readonly rulePoints: readonly PredictorPoint[];
  readonly groups: readonly SettingsGroup[];
  readonly seed: number;
  /** The mean regret on the fitted curves, with its interval, of what the rule of this name predicts; null where that is nothing. */
  readonly curveRegret: (name: string) => Interval | null;
}

/** How each rule did: as it predicts, and where settings differ at equal ones and over all. */
export function summariesOf(rules: readonly PredictorRule[], judged: Judged): PredictorSummary[] {
  const { points, rulePoints, seed, groups } = judged;
  const orders = new Map<PredictorRule['quantity'], ReturnType<typeof orderOf>>();
  const orderFor = (rule: PredictorRule): ReturnType<typeof orderOf> => {
    // Several rules share a quantity, and counting all pairings is the costly part.
    const order = orders.get(rule.quantity) ?? orderOf(rule.quantity, rulePoints, seed);
    orders.set(rule.quantity, order);
    return order;
  };
  const tried = rules.filter((rule) => points.some((point) => point.predictions[rule.name] !== undefined)).length;
  const constant = rules.find(({ name }) => name === 'one-constant')!;
  return rules.map((rule) => {
    const predicted = points.flatMap((point) => point.predictions[rule.name] ?? []);
    const regrets = predicted.map(({ regret }) => regret);
    const none = predicted.length === 0;
    const as = (name: string) => (_: PredictorPoint, i: number) => points[i]!.predictions[name]?.learningRate ?? null;
    const { fold, worst, low, high, overConstant } = foldsOf(rulePoints, as(rule.name), as(constant.name));
    return {
      name: rule.name,
      meaning: rule.meaning,
      ...orderFor(rule),
      ...{ geometricMeanFoldError: fold, worstFoldError: worst, low, high, overConstant },
      meanRegret: none ? null : mean(regrets),
      medianRegret: none ? null : quantile(regrets, 0.5),
      curveRegret: judged.curveRegret(rule.name),
      price: none ? null : priceOf(rule, rulePoints),
      count: predicted.length,
      tried,
      equalSettings: groups.length === 1 ? null : atEqualSettings(rule, constant, judged),
      overAll: groups.length === 1 ? null : overAll(rule, constant, judged),
    };
  });
}

/** A rate for the i-th of some points, or null. */
type Predicts = (point: PredictorPoint, i: number) => number | null;

/** Configurations of one method go together, since a constant or a start that is wrong for one is for all of them. */
function foldsOf(points: readonly PredictorPoint[], predict: Predicts, constant: Predicts) {
  const known = points.flatMap((point, i) => {
    const [rate, baseline] = [predict(point, i), constant(point, i)];
    if (rate === null) return [];
    const off = Math.log(foldError(rate, point.optimum));
    const gain = baseline === null ? null : Math.log(foldError(baseline, point.optimum)) - off;
    return [{ method: point.method, off, gain }];
  });
  if (known.length === 0) return { fold: null, worst: null, low: null, high: null, overConstant: null, count: 0 };
  const clusters = known.map(({ method }) => method);
  const mean = clusteredMean(
    known.map(({ off }) => off),
    clusters,
  );
  const gains = known.flatMap(({ method, gain }) => (gain === null ? [] : [{ method, gain }]));
  const gain = clusteredMean(
    gains.map((one) => one.gain),
    gains.map(({ method }) => method),
  );
  return {
    fold: geometricMean(known.map(({ off }) => Math.exp(off))),
    worst: Math.exp(Math.max(...known.map(({ off }) => off))),
    low: mean.low === null ? null : Math.max(1, Math.exp(mean.low)),
    high: mean.high === null ? null : Math.exp(mean.high),
    overConstant: gains.length === 0 ? null : exponential(gain),
    count: known.length,
  };
}

function exponential({ value, low, high }: Interval): Interval {
  const exp = (log: number | null): number | null => (log === null ? null : Math.exp(log));
  return { value: Math.exp(value), low: exp(low), high: exp(high) };
}

/** Over the configurations that have other methods at their settings, with constants learned from those alone. */
function atEqualSettings(rule: PredictorRule, constant: PredictorRule, judged: Judged): PredictorAt {
  const { points, rulePoints, groups } = judged;
  const quantity = rule.quantity ?? (() => null);
  const mates = groups
    .map(({ configurations }) => rulePoints.filter(({ configuration }) => configurations.includes(configuration)))
    .filter((members) => new Set(members.map(({ method }) => method)).size > 1);
  const line = fitLineWithin(
    mates.map((members) => {
      const known = members.filter((point) => quantity(point) !== null);
      return {
        x: known.map((point) => Math.log(quantity(point)!)),
        y: known.map(({ optimum }) => Math.log(optimum)),
      };
    }),
  );
  const members = mates.flat();
  const as =
    (name: string): Predicts =>
    (point) =>
      points[rulePoints.indexOf(point)]!.predictions[name]?.learningRate ?? null;
  return at(line, foldsOf(members, as(rule.name), as(constant.name)));
}

/** Over all configurations, with constants learned from the other methods at any settings. */
function overAll(rule: PredictorRule, constant: PredictorRule, { rulePoints, points }: Judged): PredictorAt {
  const others = (point: PredictorPoint) => othersOverAll(point, rulePoints);
  // What is set against LoRA at equal settings is nothing else over all.
  const predict: Predicts = (point, i) =>
    rule.predict(point, others(point)) ??
    (/-lora$/.test(rule.name) ? (points[i]!.predictions[rule.name]?.learningRate ?? null) : null);
  const known = rulePoints.filter((point) => rule.quantity?.(point) != null);
  const line = fitPowerLaw(
    known.map((point) => rule.quantity!(point)!),
    known.map(({ optimum }) => optimum),
  );
  return at(
    line,
    foldsOf(rulePoints, predict, (point) => constant.predict(point, others(point))),
  );
}

function at(
  line: Pick<PredictorAt, 'slope' | 'slopeLow' | 'slopeHigh'> | null,
  { fold, worst, low, high, overConstant, count }: ReturnType<typeof foldsOf>,
): PredictorAt {
  const { slope = null, slopeLow = null, slopeHigh = null } = line ?? {};
  return {
    ...{ slope, slopeLow, slopeHigh, overConstant, count },
    ...{ geometricMeanFoldError: fold, worstFoldError: worst, low, high },
  };
}

function priceOf({ paidFor }: PredictorRule, points: readonly PredictorPoint[]): number | null {
  if (paidFor === null) return 0;
  const prices = points.flatMap((point) => point.prices[paidFor] ?? []);
  return prices.length === 0 ? null : mean(prices);
}

function orderOf(quantity: PredictorRule['quantity'], points: readonly PredictorPoint[], seed: number) {
  const known = quantity === null ? [] : points.filter((point) => quantity(point) !== null);
  const rates = known.map((point) => quantity!(point)!);
  const optima = known.map((point) => point.optimum);
  const line = fitPowerLaw(rates, optima);
  const tau = kendall(rates, optima, seed);
  return {
    slope: line?.slope ?? null,
    slopeLow: line?.slopeLow ?? null,
    slopeHigh: line?.slopeHigh ?? null,
    spearman: spearmanRho(rates, optima),
    kendall: tau?.value ?? null,
    pValue: tau?.pValue ?? null,
  };
}
