import { geometricMean } from '../../numerics/statistics.ts';
import { isUnfinished, limitWords, predictorNamed, withCurvature } from './findings.ts';
import { count, fold, signed, times } from './format.ts';
import type { Claim, Findings } from './prediction.ts';

/** A claim before it is said whether it may change. */
type JudgedClaim = Omit<Claim, 'mayChange'>;

/** For a yes or a no to any claim. With fewer no ordering, however perfect, reaches p = 0.05 (4 points: 2/4! = 0.08). */
const fewestToJudge = 5;
const significance = 0.05;
/** A limit within this factor of the rates between which training breaks counts as agreement: a half step of the usual grid. */
const agreementFactor = 2;

/** The three claims, each judged by its own numbers: one can hold while another fails. */
export function claimsOf(findings: Findings): Claim[] {
  // Each rests on the optima or the breaking rates of all configurations.
  const mayChange = isUnfinished(findings);
  return [orderClaim(findings), powerClaim(findings), thresholdClaim(findings)].map((claim) => ({
    ...claim,
    mayChange,
  }));
}

function orderClaim({ points, predictors }: Findings): JudgedClaim {
  const summary = predictorNamed(predictors, 'two-over-lambda');
  const n = withCurvature(points).length;
  const common = {
    name: 'order',
    question: 'Does curvature order the methods?',
    meaning:
      'Whether sharper methods want smaller rates, whatever the power: Spearman and Kendall between 2/lambda_max and the optimum, +1 for the order that the theory expects.',
  } as const;
  if (summary?.kendall === null || summary?.spearman === null || summary?.pValue === null || summary === undefined) {
    return { ...common, answer: 'cannot tell', evidence: tooFewCurvatures(n) };
  }
  const p = summary.pValue < 0.001 ? 'p < 0.001' : `p = ${summary.pValue.toFixed(3)}`;
  const numbers = `Spearman ${signed(summary.spearman)}, Kendall ${signed(summary.kendall)}, permutation ${p} over ${count(n, 'configuration')}`;
  if (summary.pValue <= significance) {
    const answer = summary.kendall > 0 ? 'yes' : 'no';
    return { ...common, answer, evidence: answer === 'yes' ? numbers : `${numbers}, the other way round` };
  }
  if (n < fewestToJudge) {
    return { ...common, answer: 'cannot tell', evidence: `${numbers}, too few for any order to be told from chance` };
  }
  // An order that chance explains is no order shown, and one that leans the right way is not refuted either.
  return summary.kendall > 0.2
    ? { ...common, answer: 'cannot tell', evidence: `${numbers}, the expected way but within chance` }
    : { ...common, answer: 'no', evidence: numbers };
}

function powerClaim({ points, predictors }: Findings): JudgedClaim {
  const n = withCurvature(points).length;
  const summary = predictorNamed(predictors, 'two-over-lambda');
  const fitted = predictorNamed(predictors, 'two-over-lambda-calibrated')?.geometricMeanFoldError ?? null;
  const baseline = predictorNamed(predictors, 'one-constant')?.geometricMeanFoldError ?? null;
  const common = {
    name: 'power',
    question: 'Does the best rate go as 1/lambda_max?',
    meaning:
      'Whether the exponent is -1: the slope of ln optimum against ln(1/lambda_max) should be 1, and c/lambda_max should predict a method left out better than one constant for all does.',
  } as const;
  if (summary === undefined || summary.slope === null || fitted === null || baseline === null) {
    return { ...common, answer: 'cannot tell', evidence: tooFewCurvatures(n) };
  }
  const { slope, slopeLow, slopeHigh } = summary;
  const interval = slopeLow === null ? '' : ` (95 % interval ${slopeLow.toFixed(2)} to ${slopeHigh!.toFixed(2)})`;
  const than = fitted < baseline ? 'better than' : 'no better than';
  const evidence =
    `the optimum goes as (1/lambda_max)^${slope.toFixed(2)}${interval} where the theory says 1, and c/lambda_max predicts ` +
    `a method left out to a factor ${fold(fitted)}, ${than} one constant for all (${fold(baseline)})`;
  if (n < fewestToJudge)
    return {
      ...common,
      answer: 'cannot tell',
      evidence: `${evidence}; ${count(n, 'configuration')}, too few to judge by`,
    };
  if (slopeLow === null || slopeHigh === null) return { ...common, answer: 'cannot tell', evidence };
  const rounding = 1e-6; // an exact law has an interval of no width
  const holds = slopeLow - rounding <= 1 && 1 <= slopeHigh + rounding;
  const isTold = slopeLow > rounding;
  const answer = !holds ? 'no' : isTold && fitted < baseline ? 'yes' : 'cannot tell';
  return { ...common, answer, evidence };
}

function thresholdClaim({ points }: Findings): JudgedClaim {
  const common = {
    name: 'threshold',
    question: 'Is the optimizer’s limit of stability where training breaks?',
    meaning:
      'Whether the largest rate at which the optimizer in use is stable near the start marks the rate at which runs diverge or fall off the cliff. This is about the edge, not about the best rate.',
  } as const;
  const cannotTell = (evidence: string): JudgedClaim => ({ ...common, answer: 'cannot tell', evidence });
  const limited = points.flatMap(({ limit, holdsAt, divergesAt }) =>
    limit?.learningRate == null ? [] : [{ rate: limit.learningRate, holdsAt, divergesAt }],
  );
  const words = limitWords(points);
  if (limited.length === 0)
    return cannotTell(words === null ? 'no limit is known for the optimizer' : `${words} was not measured`);
  // Training that holds at the last rate tried says something of a limit below that rate only.
  const judged = limited.filter(({ rate, holdsAt, divergesAt }) => divergesAt !== null || rate < holdsAt!);
  if (judged.length === 0) return cannotTell('no configuration broke at the rates tried');
  const offBy = judged.map(({ rate, holdsAt, divergesAt }) =>
    holdsAt !== null && rate < holdsAt
      ? holdsAt / rate
      : divergesAt !== null && rate > divergesAt
        ? rate / divergesAt
        : 1,
  );
  const agreeing = offBy.filter((factor) => factor <= agreementFactor * (1 + 1e-9)).length;
  const ratios = judged.flatMap(({ rate, divergesAt }) => (divergesAt === null ? [] : [rate / divergesAt]));
  const range = ratios.length < 2 ? '' : ` (from ${times(Math.min(...ratios))} to ${times(Math.max(...ratios))})`;
  const held = judged.length - ratios.length;
  const evidence = [
    ...(ratios.length === 0
      ? []
      : [
          `${words} stands at ${times(geometricMean(ratios))} the rate at which training was first seen to break${range}, over ${count(ratios.length, 'configuration')} that broke`,
        ]),
    ...(held === 0
      ? []
      : [`${ratios.length === 0 ? words : 'it'} lies below rates at which ${count(held, 'configuration')} held`]),
    `within a factor ${agreementFactor} of the rates between which training broke, for ${agreeing} of ${judged.length}`,
  ].join('; ');
  if (judged.length < fewestToJudge) return cannotTell(`${evidence}, too few to judge by`);
  return { ...common, answer: agreeing === judged.length ? 'yes' : 'no', evidence };
}

function tooFewCurvatures(n: number): string {
  return n === 0 ? 'no lambda_max was given' : `only ${count(n, 'configuration')} with a lambda_max, or all the same`;
}
