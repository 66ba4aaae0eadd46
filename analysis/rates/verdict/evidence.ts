import { kendallWithin, spearmanWithin } from '../../../numerics/rankCorrelation.ts';
import { fitLineWithin, foldError, geometricMean, type SharedSlope } from '../../../numerics/statistics.ts';
import { count } from '../format.ts';
import type { SettingsGroup } from '../groups.ts';
import type { PredictorSummary } from '../prediction.ts';
import { type Others, othersOverAll, type PredictorPoint, type PredictorRule } from '../predictors/rules.ts';
import { withCurvature } from './findings.ts';

/** What the claims about order and power rest on. */
export interface CurvatureEvidence {
  /** How many configurations have a lambda_max, and in how many groups of two or more they are compared. */
  readonly configurations: number;
  readonly groups: number;
  /** `over 5 configurations`. */
  readonly where: string;
  /** In how many orders the configurations could stand if curvature said nothing. */
  readonly orders: number;
  /** Between 2 / lambda_max and the optimum; null where it is not defined. */
  readonly order: { readonly spearman: number; readonly kendall: number; readonly pValue: number } | null;
  /** d ln optimum / d ln(1/lambda_max). */
  readonly line: SharedSlope | null;
  /** How far off c / lambda_max, c / sqrt(lambda_max) and a constant are for a method left out: geometric means of fold errors. */
  readonly calibrated: Readonly<Record<'power' | 'root', number | null>>;
  readonly constant: number | null;
  /** `one constant for all`. */
  readonly constantWords: string;
}

/** The rules that the claims about powers compare. */
interface ComparedRules {
  readonly calibrated: Readonly<Record<'power' | 'root', PredictorRule>>;
  readonly constant: PredictorRule;
}

/** The evidence over all configurations, whatever their settings, where constants are learned from the other methods at any. */
export function evidenceOverAll(
  points: readonly PredictorPoint[],
  summary: Pick<PredictorSummary, 'slope' | 'slopeLow' | 'slopeHigh' | 'kendall' | 'spearman' | 'pValue'>,
  rules: ComparedRules,
): CurvatureEvidence {
  const n = withCurvature(points).length;
  const { slope, slopeLow, slopeHigh, kendall, spearman, pValue } = summary;
  const others = (point: PredictorPoint) => othersOverAll(point, points);
  return {
    ...{ configurations: n, groups: 1, where: `over ${count(n, 'configuration')}`, orders: factorial(n) },
    order: kendall === null || spearman === null || pValue === null ? null : { kendall, spearman, pValue },
    line: slope === null ? null : { slope, slopeLow, slopeHigh },
    calibrated: {
      power: meanFold(rules.calibrated.power, points, others),
      root: meanFold(rules.calibrated.root, points, others),
    },
    constant: meanFold(rules.constant, points, others),
    constantWords: 'one constant for all',
  };
}

/**
 * The evidence from comparisons within groups at equal settings alone, pooled: concordant and discordant pairs within groups, a slope
 * with a constant for each group, and constants that are learned from the other methods of a group.
 */
export function evidenceAtEqualSettings(
  points: readonly PredictorPoint[],
  groups: readonly SettingsGroup[],
  rules: ComparedRules,
  seed: number,
): CurvatureEvidence {
  const known = withCurvature(points);
  const compared = groups
    .map(({ configurations }) => known.filter(({ configuration }) => configurations.includes(configuration)))
    .filter((members) => members.length > 1);
  const strata = compared.map((members) => ({
    x: members.map(({ lambdaMax }) => 2 / lambdaMax!),
    y: members.map(({ optimum }) => optimum),
  }));
  const logs = strata.map(({ x, y }) => ({ x: x.map(Math.log), y: y.map(Math.log) }));
  const tau = kendallWithin(strata, seed);
  const rho = spearmanWithin(strata);
  const members = compared.flat();
  const others = (point: PredictorPoint): Others => {
    const own = compared.find((group) => group.includes(point))!;
    return { atEqualSettings: own.filter(({ method }) => method !== point.method), all: [], lora: undefined };
  };
  const n = members.length;
  return {
    configurations: n,
    groups: compared.length,
    where: `within ${count(compared.length, 'group')}, ${count(n, 'configuration')} in all`,
    orders: compared.reduce((product, { length }) => product * factorial(length), 1),
    order: tau === null || rho === null ? null : { kendall: tau.value, spearman: rho, pValue: tau.pValue },
    line: fitLineWithin(logs),
    calibrated: {
      power: meanFold(rules.calibrated.power, members, others),
      root: meanFold(rules.calibrated.root, members, others),
    },
    constant: meanFold(rules.constant, members, others),
    constantWords: 'one constant for each group',
  };
}

function meanFold(
  rule: PredictorRule,
  points: readonly PredictorPoint[],
  othersTo: (point: PredictorPoint) => Others,
): number | null {
  const folds = points.flatMap((point) => {
    const rate = rule.predict(point, othersTo(point));
    return rate === null ? [] : [foldError(rate, point.optimum)];
  });
  return folds.length === 0 ? null : geometricMean(folds);
}

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}
