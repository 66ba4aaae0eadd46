import { geometricMean } from '../../numerics/statistics.ts';
import type { Prediction, PredictionPoint, PredictorSummary } from './predictor.ts';

/** What the numbers say about one claim. */
export type Answer = 'yes' | 'no' | 'cannot tell';

/** One of the three claims about curvature and learning rates, judged on its own. */
export interface Claim {
  readonly name: 'order' | 'power' | 'threshold';
  readonly question: string;
  readonly answer: Answer;
  /** The numbers behind the answer, a sentence without its full stop. */
  readonly evidence: string;
  /** What a yes or no to this question means, for the table's note. */
  readonly meaning: string;
  /** Runs that it rests on are still to be made. */
  readonly mayChange: boolean;
}

/** A claim before it is said whether it may change. */
type JudgedClaim = Omit<Claim, 'mayChange'>;

/** A prediction before it is put into words. */
export type Findings = Omit<Prediction, 'claims' | 'verdict'>;

/** For a yes or a no to any claim. With fewer no ordering, however perfect, reaches p = 0.05 (4 points: 2/4! = 0.08). */
const fewestToJudge = 5;
const significance = 0.05;
/** A limit within this factor of the rates between which training breaks counts as agreement: a half step of the usual grid. */
const agreementFactor = 2;

/** Methods, by name, whose adapter starts at B = 0 or with another factor of the update at 0; a study measures it instead. */
export function startsAtZeroB(method: string): boolean {
  return /^(lora|rslora|lora\+|loft|dora|gralora|eva|randlora|vera)(:|$)/i.test(method.trim());
}

/** The three claims, each judged by its own numbers: one can hold while another fails. */
export function claimsOf(findings: Findings): Claim[] {
  // Each rests on the optima or the breaking rates of all configurations.
  const mayChange = isUnfinished(findings);
  return [orderClaim(findings), powerClaim(findings), thresholdClaim(findings)].map((claim) => ({
    ...claim,
    mayChange,
  }));
}

/** One paragraph: the setting, the three claims, what the optima and peaks are, and what limits all this. */
export function verdictOf(findings: Findings, claims: readonly Claim[]): string {
  const lead: Record<Claim['name'], Record<Answer, string>> = {
    order: {
      yes: 'Curvature orders the methods',
      no: 'Curvature does not order the methods',
      'cannot tell': 'Whether curvature orders the methods cannot be told',
    },
    power: {
      yes: 'the best rate goes as 1/lambda_max',
      no: 'the best rate does not go as 1/lambda_max',
      'cannot tell': 'whether the best rate goes as 1/lambda_max cannot be told',
    },
    threshold: {
      yes: 'the limit of stability is where training breaks',
      no: 'the limit of stability is not where training breaks',
      'cannot tell': 'whether the limit of stability is where training breaks cannot be told',
    },
  };
  return [
    setting(findings),
    ...unfinished(findings),
    ...(hasCurvature(findings)
      ? claims.map((claim) => `${capital(lead[claim.name][claim.answer])}: ${claim.evidence}.`)
      : ['No lambda_max was given, so that nothing is said about curvature.']),
    ...closest(findings),
    peaks(findings),
    ...limits(findings),
  ].join(' ');
}

/** Whether runs are still to be made. */
export function isUnfinished({ runsDone, runsPlanned }: Pick<Findings, 'runsDone' | 'runsPlanned'>): boolean {
  return runsDone !== null && runsPlanned !== null && runsDone < runsPlanned;
}

/** `12 of 40 runs are done`; null where all are, or nobody knows how many there should be. */
export function progressWords(findings: Pick<Findings, 'runsDone' | 'runsPlanned'>): string | null {
  return isUnfinished(findings) ? `${findings.runsDone} of ${findings.runsPlanned} runs are done` : null;
}

/** How far the study is, and what may still change. */
function unfinished(findings: Findings): string[] {
  const words = progressWords(findings);
  if (words === null) return [];
  const { notBegun, points } = findings;
  const open = points.filter((point) => point.isUnfinished).map(({ configuration }) => configuration);
  return [
    `${words}, and grids may still be extended: ${hasCurvature(findings) ? 'all three claims' : 'all that is said here'} may still change` +
      `${open.length === 0 ? '' : `, and the best rates of ${listed(open)}`}.`,
    ...(notBegun.length === 0 ? [] : [`No run is done of ${listed(notBegun)}.`]),
  ];
}

/** A configuration's name in tables and figures, with a mark where some of its runs are still to be made. */
export function markedName({
  configuration,
  isUnfinished,
}: Pick<PredictionPoint, 'configuration' | 'isUnfinished'>): string {
  return isUnfinished ? `${configuration} (unfinished)` : configuration;
}

/** Which predictor came closest, beside the baseline, and among how many: the best of many flatters itself. */
function closest({ predictors }: Findings): string[] {
  const judged = predictors.filter(({ geometricMeanFoldError }) => geometricMeanFoldError !== null);
  const best = judged.toSorted((a, b) => a.geometricMeanFoldError! - b.geometricMeanFoldError!)[0];
  const constant = byName(predictors, 'one-constant')?.geometricMeanFoldError;
  if (best === undefined || constant == null || judged.length < 2) return [];
  if (best.name === 'one-constant')
    return [`None of ${judged.length} predictors came closer than one constant for all.`];
  const [off, baseline] = [best.geometricMeanFoldError!, constant].map((fold) => fold.toFixed(2));
  return [
    `Of ${judged.length} predictors tried ${best.name} came closest: a factor ${off} off in the mean, where one constant for all is ${baseline} off.`,
  ];
}

/** A learning rate in a sentence or a table: 1.19e-2, or 2.58 where no exponent is needed. */
export function formatRate(rate: number): string {
  return rate >= 0.1 && rate < 1000 ? rate.toPrecision(3) : rate.toExponential(2);
}

function orderClaim({ points, predictors }: Findings): JudgedClaim {
  const summary = byName(predictors, 'two-over-lambda');
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
  const summary = byName(predictors, 'two-over-lambda');
  const fitted = byName(predictors, 'two-over-lambda-calibrated')?.geometricMeanFoldError ?? null;
  const baseline = byName(predictors, 'one-constant')?.geometricMeanFoldError ?? null;
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

/** Which limit is judged: `the limit of adamw, 38 / lambda_max(P^-1/2 H P^-1/2),`; null where there is none. */
export function limitWords(points: readonly Pick<PredictionPoint, 'limit'>[]): string | null {
  const known = points.flatMap(({ limit }) => limit ?? []);
  const names = [
    ...new Set(known.map(({ optimizer }) => optimizer ?? 'gradient descent (the optimizer is not known)')),
  ];
  const formulas = [...new Set(known.map(({ formula }) => formula))];
  return known.length === 0 ? null : `the limit of ${names.join(' or ')}, ${formulas.join(' or ')},`;
}

function setting({ context, points }: Findings): string {
  const parts = [
    `${count(points.length, 'configuration')}`,
    ...(context.model === undefined ? [] : [`on ${context.model}`]),
    ...(context.data === undefined ? [] : [`fine-tuned on ${context.data}`]),
    ...(context.optimizer === undefined ? [] : [`by ${context.optimizer}`]),
    ...(context.steps === undefined ? [] : [`for ${count(context.steps, 'step')}`]),
    ...(context.batchSize === undefined ? [] : [`of ${count(context.batchSize, 'row')}`]),
  ];
  const duration =
    context.steps === undefined
      ? 'The number of steps is not known, and the best rate depends on it.'
      : `All that follows holds for ${count(context.steps, 'step')}: a longer run may have other optima.`;
  return `${parts.join(' ')}. ${duration}`;
}

function peaks({ peakSpread, scoreDirection, points }: Findings): string {
  if (points.length === 1) return 'One configuration alone has nothing to be compared with.';
  const unit = scoreDirection === 'lower' ? ' %' : ' points';
  const { low, high } = peakSpread;
  const interval = low === null ? '' : ` (95 % interval ${low.toFixed(2)} to ${high!.toFixed(2)})`;
  const doubt = low !== null && low <= 0 ? ', which the seeds cannot tell from none' : '';
  return `At their best rates ${peakSpread.best} (best) and ${peakSpread.worst} (worst) are ${peakSpread.value.toFixed(2)}${unit} apart${interval}${doubt}.`;
}

function limits({ points, unusable, isShare }: Findings): string[] {
  const list = (wanted: (point: PredictionPoint) => boolean): string =>
    listed(points.filter(wanted).map((point) => point.configuration));
  const atEdge = list((point) => point.optimum.atGridEdge);
  const unsolved = list((point) => isShare && point.optimum.score === 0);
  const onGrid = list((point) => point.optimum.intervalFrom === 'grid');
  const isZeroB = (point: PredictionPoint): boolean => point.startsAtZeroB && point.lambdaMax !== null;
  const zeroB = list(isZeroB);
  return [
    ...(atEdge === '' ? [] : [`At the edge of the grid, so that the true optimum may lie beyond it: ${atEdge}.`]),
    ...(unsolved === '' ? [] : [`Nothing was solved at any rate, so that the loss alone decides: ${unsolved}.`]),
    ...(unusable.length === 0 ? [] : [`Left out because every run diverged: ${listed(unusable)}.`]),
    ...(onGrid === ''
      ? []
      : [
          `One seed only, or fewer than three rates on the peak, so that the interval is the grid's spacing and not the noise: ${onGrid}.`,
        ]),
    ...(zeroB === ''
      ? []
      : [
          `At B = 0, where ${zeroB} ${points.filter(isZeroB).length > 1 ? 'start' : 'starts'}, the top of the Hessian is chiefly +-s sigma_max(dL/dW): the norm of a gradient rather than curvature of the loss.`,
        ]),
  ];
}

/** Names in a row; those of configurations may have commas of their own, as `pissa, rank 64` has. */
function listed(names: readonly string[]): string {
  return names.join(names.some((name) => name.includes(',')) ? '; ' : ', ');
}

/** Whether any configuration has a positive lambda_max, without which none of the claims can be judged. */
export function hasCurvature({ points }: Pick<Findings, 'points'>): boolean {
  return withCurvature(points).length > 0;
}

function withCurvature(points: readonly PredictionPoint[]): PredictionPoint[] {
  return points.filter((point) => point.lambdaMax !== null && point.lambdaMax > 0);
}

function byName(predictors: readonly PredictorSummary[], name: string): PredictorSummary | undefined {
  return predictors.find((predictor) => predictor.name === name);
}

function tooFewCurvatures(n: number): string {
  return n === 0 ? 'no lambda_max was given' : `only ${count(n, 'configuration')} with a lambda_max, or all the same`;
}

function times(ratio: number): string {
  return ratio >= 0.01 && ratio < 1000 ? `${Number(ratio.toPrecision(2))} times` : `${ratio.toExponential(1)} times`;
}

function fold(value: number): string {
  return value < 1000 ? value.toFixed(2) : value.toExponential(1);
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(2)}`;
}

function count(n: number, noun: string): string {
  return `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
}

/** The words with a capital first letter. */
export function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
