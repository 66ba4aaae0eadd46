import { geometricMean } from '../../../numerics/statistics.ts';
import { count, fold, signed, times } from '../format.ts';
import type { Claim, Findings } from '../prediction.ts';
import type { ScaleLaw } from '../scaleLaw.ts';
import type { CurvatureEvidence } from './evidence.ts';
import { isUnfinished, limitWords } from './findings.ts';

/** A claim before it is said whether it may change. */
type JudgedClaim = Omit<Claim, 'mayChange'>;

/** For a yes or a no to any claim: configurations, of which each further group that is compared in itself takes one more. */
const fewestToJudge = 5;
const significance = 0.05;
/** A limit within this factor of the rates between which training breaks counts as agreement: a half step of the usual grid. */
const agreementFactor = 2;

/**
 * The claims, each judged by its own numbers: one can hold while another fails. Order and powers are judged by this evidence, over
 * all configurations or at equal settings; the threshold is judged for each configuration by itself.
 */
export function claimsOf(findings: Findings, evidence: CurvatureEvidence): Claim[] {
  // Each rests on the optima or the breaking rates of all configurations.
  const mayChange = isUnfinished(findings);
  const { scaleLaw } = findings;
  return [
    orderClaim(evidence),
    powerClaim(evidence, 'power', scaleLaw),
    powerClaim(evidence, 'root', scaleLaw),
    thresholdClaim(findings),
  ].map((claim) => ({
    ...claim,
    mayChange,
  }));
}

function orderClaim(evidence: CurvatureEvidence): JudgedClaim {
  const { order, where, orders } = evidence;
  const common = {
    name: 'order',
    question: 'Does curvature order the methods?',
    meaning:
      'Whether sharper methods want smaller rates, whatever the power: Spearman and Kendall between 2/lambda_max and the optimum, +1 for the order that the theory expects.',
  } as const;
  if (order === null) return { ...common, answer: 'cannot tell', evidence: tooFewCurvatures(evidence) };
  const { spearman, kendall, pValue } = order;
  const p = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`;
  const numbers = `Spearman ${signed(spearman)}, Kendall ${signed(kendall)}, permutation ${p} ${where}`;
  if (pValue <= significance) {
    const answer = kendall > 0 ? 'yes' : 'no';
    return { ...common, answer, evidence: answer === 'yes' ? numbers : `${numbers}, the other way round` };
  }
  // A perfect order and its reverse are two of all orders: of four configurations 2/4! = 0.08.
  if (2 / orders > significance) {
    return { ...common, answer: 'cannot tell', evidence: `${numbers}, too few for any order to be told from chance` };
  }
  // An order that chance explains is no order shown, and one that leans the right way is not refuted either.
  return kendall > 0.2
    ? { ...common, answer: 'cannot tell', evidence: `${numbers}, the expected way but within chance` }
    : { ...common, answer: 'no', evidence: numbers };
}

/** The two powers of 1 / lambda_max that a change of scale allows: gradient descent's and Adam's. */
const laws = {
  power: {
    exponent: 1,
    question: 'Does the best rate go as 1/lambda_max?',
    formula: 'c/lambda_max',
    meaning:
      'Whether the exponent is -1: the slope of ln optimum against ln(1/lambda_max) should be 1, and c/lambda_max should predict a method left out better than one constant for all does. A change of scale allows it for gradient descent.',
  },
  root: {
    exponent: 0.5,
    question: 'Does the best rate go as 1/sqrt(lambda_max)?',
    formula: 'c/sqrt(lambda_max)',
    meaning:
      'Whether the exponent is -1/2: that slope should be 0.5, and c/sqrt(lambda_max) should predict a method left out better than one constant for all does. A change of scale allows no other exponent for Adam and AdamW.',
  },
} as const;

function powerClaim(evidence: CurvatureEvidence, name: keyof typeof laws, law: ScaleLaw | null): JudgedClaim {
  const { line, constant, configurations, groups, constantWords } = evidence;
  const calibrated = evidence.calibrated[name];
  const { exponent, formula, question, meaning } = laws[name];
  const common = { name, question, meaning };
  if (line === null || calibrated === null || constant === null) {
    return { ...common, answer: 'cannot tell', evidence: tooFewCurvatures(evidence) };
  }
  const { slope, slopeLow, slopeHigh } = line;
  const interval = slopeLow === null ? '' : ` (95 % interval ${slopeLow.toFixed(2)} to ${slopeHigh!.toFixed(2)})`;
  const than = calibrated < constant ? 'better than' : 'no better than';
  const belongs =
    law === null ? '' : law.exponent === exponent ? ' of this optimizer' : ', which is not this optimizer’s,';
  const numbers =
    `the optimum goes as (1/lambda_max)^${slope.toFixed(2)}${interval} where this law${belongs} says ${exponent}, and ${formula} predicts ` +
    `a method left out to a factor ${fold(calibrated)}, ${than} ${constantWords} (${fold(constant)})`;
  if (configurations - (groups - 1) < fewestToJudge)
    return {
      ...common,
      answer: 'cannot tell',
      evidence: `${numbers}; ${count(configurations, 'configuration')}${groups > 1 ? ` in ${groups} groups` : ''}, too few to judge by`,
    };
  if (slopeLow === null || slopeHigh === null) return { ...common, answer: 'cannot tell', evidence: numbers };
  const rounding = 1e-6; // an exact law has an interval of no width
  const holds = slopeLow - rounding <= exponent && exponent <= slopeHigh + rounding;
  const isTold = slopeLow > rounding;
  const answer = !holds ? 'no' : isTold && calibrated < constant ? 'yes' : 'cannot tell';
  return { ...common, answer, evidence: numbers };
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

function tooFewCurvatures({ configurations: n }: CurvatureEvidence): string {
  return n === 0 ? 'no lambda_max was given' : `only ${count(n, 'configuration')} with a lambda_max, or all the same`;
}
