import { capital, count, listed } from '../format.ts';
import type { Claim, Findings, Prediction, PredictionPoint, PredictorSummary } from '../prediction.ts';
import { haveOtherScores, stepsIn } from '../settings.ts';
import { hasCurvature, predictorNamed, progressWords } from './findings.ts';
import { groupWords, powerSentences, ratioSentences } from './settingsWords.ts';

/** What each answer to a claim says. */
const lead: Record<Claim['name'], Record<Claim['answer'], string>> = {
  order: {
    yes: 'curvature orders the methods',
    no: 'curvature does not order the methods',
    'cannot tell': 'whether curvature orders the methods cannot be told',
  },
  power: {
    yes: 'the best rate goes as 1/lambda_max',
    no: 'the best rate does not go as 1/lambda_max',
    'cannot tell': 'whether the best rate goes as 1/lambda_max cannot be told',
  },
  root: {
    yes: 'the best rate goes as 1/sqrt(lambda_max)',
    no: 'the best rate does not go as 1/sqrt(lambda_max)',
    'cannot tell': 'whether the best rate goes as 1/sqrt(lambda_max) cannot be told',
  },
  threshold: {
    yes: 'the limit of stability is where training breaks',
    no: 'the limit of stability is not where training breaks',
    'cannot tell': 'whether the limit of stability is where training breaks cannot be told',
  },
};

type Judged = Pick<Prediction, 'claims' | 'equalSettings'>;

/** The sentences of a verdict, in its order. */
export interface VerdictParts {
  /** What was trained, how far that is, and the law of the optimizer in use. */
  readonly setting: readonly string[];
  /** The claims, first at equal settings and then over all where that differs; or that nothing is said about curvature. */
  readonly claims: readonly string[];
  /** How the optima move with the settings, what they and the peaks are, and which predictor came closest. */
  readonly found: readonly string[];
  /** What limits all this. */
  readonly limits: readonly string[];
}

/** The verdict in its parts, for a page that shows some of them otherwise. */
export function verdictParts(findings: Findings, judged: Judged): VerdictParts {
  const isAboutCurvature = hasCurvature(findings);
  return {
    setting: [setting(findings), ...unfinished(findings), ...(isAboutCurvature ? lawSentences(findings) : [])],
    claims: isAboutCurvature
      ? claimSentences(findings, judged)
      : ['No lambda_max was given, so that nothing is said about curvature.'],
    found: [
      ...powerSentences(findings.powers),
      ...ratioSentences(findings.points),
      ...closest(findings, judged),
      peaks(findings),
    ],
    limits: limits(findings),
  };
}

/** The whole verdict in one paragraph. */
export function verdictOf(findings: Findings, judged: Judged): string {
  const { setting, claims, found, limits } = verdictParts(findings, judged);
  return [...setting, ...claims, ...found, ...limits].join(' ');
}

function claimSentences({ points }: Findings, { claims, equalSettings }: Judged) {
  const sentence = ({ name, answer, evidence }: Claim): string => `${capital(lead[name][answer])}: ${evidence}.`;
  if (equalSettings === null) return claims.map(sentence);
  const compared = groupWords(equalSettings.groups, points);
  if (compared === null) {
    return [
      new Set(points.map(({ method }) => method)).size === 1
        ? 'There is one method, so that what follows compares its settings.'
        : 'No two methods were tried at equal settings, so that settings and methods move together in what follows.',
      ...claims.map(sentence),
    ];
  }
  const within = equalSettings.claims.filter(({ name }) => name !== 'threshold');
  const over = claims.filter(({ name }) => name !== 'threshold');
  const threshold = claims.filter(({ name }) => name === 'threshold');
  const isOtherwise = over.filter(({ answer }, i) => answer !== within[i]!.answer);
  const all = count(points.length, 'configuration');
  return [
    `At equal settings (${compared}):`,
    ...within.map(sentence),
    isOtherwise.length === 0 ? `Over all ${all} the answers are the same.` : `Over all ${all} it is otherwise:`,
    ...isOtherwise.map(sentence),
    ...threshold.map(sentence),
  ];
}

/** Which power the optimizer in use can have at all. */
function lawSentences({ scaleLaw }: Findings): string[] {
  if (scaleLaw === null) return [];
  const { exponent, optimizers } = scaleLaw;
  const [law, not] = exponent === 1 ? ['1/lambda_max', '1/sqrt(lambda_max)'] : ['1/sqrt(lambda_max)', '1/lambda_max'];
  return [
    `Where nothing but the scale of the parameters changes, the best rate of ${optimizers.join(' and ')} goes as ${law} and not as ${not}.`,
  ];
}

/** How far the study is, and what may still change. */
function unfinished(findings: Findings): string[] {
  const words = progressWords(findings);
  if (words === null) return [];
  const { notBegun, points } = findings;
  const open = points.filter((point) => point.isUnfinished).map(({ configuration }) => configuration);
  return [
    `${words}, and grids may still be extended: ${hasCurvature(findings) ? 'all claims' : 'all that is said here'} may still change` +
      `${open.length === 0 ? '' : `, and the best rates of ${listed(open)}`}.`,
    ...(notBegun.length === 0 ? [] : [`No run is done of ${listed(notBegun)}.`]),
  ];
}

/**
 * Which predictor came closest, at equal settings first and then over all, beside the baseline, and among how many: the best of many
 * flatters itself. Then how close one could come who knew the true best rates.
 */
function closest(findings: Findings, { equalSettings }: Pick<Prediction, 'equalSettings'>): string[] {
  const { predictors, points, noiseFloor } = findings;
  const isAtEqual = equalSettings !== null && groupWords(equalSettings.groups, points) !== null;
  const said = isAtEqual
    ? [
        ...closestAmong(
          predictors.map((one) => ({ ...one, ...one.equalSettings })),
          ' at equal settings',
        ),
        ...closestAmong(
          predictors.map((one) => ({ ...one, ...one.overAll })),
          ' over all',
        ),
      ]
    : closestAmong(predictors, ' for all');
  if (said.length === 0 || noiseFloor === null) return said;
  const { foldError, low, high } = noiseFloor;
  return [
    ...said,
    `One who knew the true best rates would be ${foldError.toFixed(2)} off (${low.toFixed(2)} to ${high.toFixed(2)}), by the noise of these runs.`,
  ];
}

function closestAmong(
  predictors: readonly Pick<PredictorSummary, 'name' | 'geometricMeanFoldError' | 'overConstant'>[],
  where: string,
): string[] {
  const judged = predictors.filter(({ geometricMeanFoldError }) => geometricMeanFoldError !== null);
  const best = judged.toSorted((a, b) => a.geometricMeanFoldError! - b.geometricMeanFoldError!)[0];
  const constant = predictorNamed(judged, 'one-constant')?.geometricMeanFoldError;
  if (best === undefined || constant == null || judged.length < 2) return [];
  if (best.name === 'one-constant')
    return [`None of ${judged.length} predictors came closer than one constant${where}.`];
  const [off, baseline] = [best.geometricMeanFoldError!, constant].map((one) => one.toFixed(2));
  const { low, high } = best.overConstant ?? { low: null, high: null };
  const doubt = low === null || high === null || low > 1 ? '' : ', a difference that may be chance';
  return [
    `Of ${judged.length} predictors tried ${best.name} came closest${where === ' for all' ? '' : where}: a factor ${off} off in the mean, where one constant${where} is ${baseline} off${doubt}.`,
  ];
}

function setting({ context, points }: Findings): string {
  const lengths = stepsIn(points);
  const parts = [
    `${count(points.length, 'configuration')}`,
    ...(context.model === undefined ? [] : [`on ${context.model}`]),
    ...(context.data === undefined ? [] : [`fine-tuned on ${context.data}`]),
    ...(context.optimizer === undefined ? [] : [`by ${context.optimizer}`]),
    ...(context.steps === undefined ? [] : [`for ${count(context.steps, 'step')}`]),
    ...(context.batchSize === undefined ? [] : [`of ${count(context.batchSize, 'row')}`]),
  ];
  const duration =
    lengths.length > 1
      ? `Runs have ${lengths.slice(0, -1).join(', ')} or ${lengths.at(-1)} steps, and the best rate may depend on it.`
      : context.steps === undefined
        ? 'The number of steps is not known, and the best rate depends on it.'
        : `All that follows holds for ${count(context.steps, 'step')}: a longer run may have other optima.`;
  return `${parts.join(' ')}. ${duration}`;
}

function peaks({ peakSpread, scoreDirection, points }: Findings): string {
  if (points.length === 1) return 'One configuration alone has nothing to be compared with.';
  if (haveOtherScores(points)) return 'Their best scores are not compared, for models or tasks differ.';
  const unit = scoreDirection === 'lower' ? ' %' : ' points';
  const { low, high } = peakSpread;
  const interval = low === null ? '' : ` (95 % interval ${low.toFixed(2)} to ${high!.toFixed(2)})`;
  const doubt = low !== null && low <= 0 ? ', which the seeds cannot tell from none' : '';
  return `At their best rates ${peakSpread.best} (best) and ${peakSpread.worst} (worst) are ${peakSpread.value.toFixed(2)}${unit} apart${interval}${doubt}.`;
}

function limits({ points, unusable, isShare }: Findings): string[] {
  const list = (wanted: (point: PredictionPoint) => boolean): string => listed(namesIn(points, points.filter(wanted)));
  const atEdge = list((point) => point.optimum.atGridEdge);
  const unsolved = list((point) => isShare && point.optimum.score === 0);
  const onGrid = list((point) => point.optimum.intervalFrom === 'grid');
  const isZeroB = (point: PredictionPoint): boolean => point.startsAtZeroB === true && point.lambdaMax !== null;
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
          `At B = 0, where ${zeroB} ${namesIn(points, points.filter(isZeroB)).length > 1 ? 'start' : 'starts'}, the top of the Hessian is chiefly +-s sigma_max(dL/dW): the norm of a gradient rather than curvature of the loss.`,
        ]),
  ];
}

/** The names of configurations, and of methods of which all several are among them `lora at all settings`. */
function namesIn(all: readonly PredictionPoint[], some: readonly PredictionPoint[]): string[] {
  const of = (method: string, points: readonly PredictionPoint[]): number =>
    points.filter((point) => point.method === method).length;
  const names = some.map(({ method, configuration }) =>
    of(method, all) > 1 && of(method, all) === of(method, some) ? `${method} at all settings` : configuration,
  );
  return [...new Set(names)];
}
