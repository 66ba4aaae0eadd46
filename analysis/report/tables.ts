import { capital, count, formatRate } from '../rates/format.ts';
import { isLora } from '../rates/groups.ts';
import type { Optimum } from '../rates/optimum.ts';
import type { Prediction, PredictionPoint, RatePrediction } from '../rates/prediction.ts';
import { columnsIn, settingTopic, settingWord, valuesOf } from '../rates/settings.ts';
import { hasCurvature, limitWords, markedName } from '../rates/verdict/findings.ts';
import { groupWords } from '../rates/verdict/settingsWords.ts';
import type { ReportSpectrum } from './reportInput.ts';

/** A table of words: a header, rows of as many cells, what the columns mean, and a line on each term that needs one. */
export interface WordTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note: string;
  readonly terms?: readonly (readonly [term: string, meaning: string])[];
}

/** Stands in a cell for what is not there. */
export const missing = '–';

/**
 * The claims with their answers, each table under its heading: at equal settings first and then over all, or the one table, without a
 * heading, where all settings are equal. The threshold, which is judged for each configuration by itself, stands once.
 */
export function claimTables({ claims, equalSettings, points }: Prediction): { heading: string; table: WordTable }[] {
  const note = 'Each claim is judged by its own numbers, and one can hold while another fails.';
  const terms = claims.map((claim): [string, string] => [claim.question, claim.meaning]);
  if (equalSettings === null) return [{ heading: '', table: { ...claimRows(claims), note, terms } }];
  const compared = groupWords(equalSettings.groups, points) ?? 'no two methods';
  const overAll = claims.filter(({ name }) => name !== 'threshold');
  return [
    { heading: `At equal settings: ${compared}`, table: { ...claimRows(equalSettings.claims), note, terms } },
    {
      heading: `Over all ${count(points.length, 'configuration')}`,
      table: {
        ...claimRows(overAll),
        note: 'What a method does and what its settings do is not told apart here.',
      },
    },
  ];
}

function claimRows(claims: Prediction['claims']): Pick<WordTable, 'header' | 'rows'> {
  return {
    header: ['Claim', 'Answer', 'Evidence'],
    rows: claims.map(({ question, answer, mayChange, evidence }) => [
      question,
      mayChange ? `${answer}, so far` : answer,
      capital(`${evidence}.`),
    ]),
  };
}

/** How the best rate moves with each numeric setting. */
export function powerTable({ powers }: Pick<Prediction, 'powers'>): WordTable {
  return {
    header: ['Setting', 'Power', '95 % interval', 'Moves together with', 'Configurations', 'Lines'],
    rows: powers.map(({ setting, movesWith, power, low, high, configurations, groups }) => [
      settingTopic(setting),
      power?.toFixed(2) ?? missing,
      low === null || high === null ? missing : `${low.toFixed(2)} to ${high.toFixed(2)}`,
      movesWith.length === 0 ? missing : movesWith.map(settingTopic).join(', '),
      String(configurations),
      String(groups),
    ]),
    note:
      'Power: d ln (best rate) / d ln (setting), by least squares over all lines, each of which is one method at one combination ' +
      'of the other settings and has a constant of its own. Interval: Student’s t. Settings that move together in every ' +
      'configuration have one power.',
  };
}

/** What runs are compared by: `accuracy`, `exact match`, a loss. */
export function scoreName({ context, isShare }: Pick<Prediction, 'context' | 'isShare'>): string {
  return context.score ?? (isShare ? 'accuracy' : 'score');
}

/** Each configuration: what the sweep found and, where there is curvature, what 2/lambda_max says. */
export function methodTable(prediction: Prediction): WordTable {
  const { points, scoreDirection, isShare } = prediction;
  const unit = regretUnit(scoreDirection);
  const hasLoss = points.some(({ optimum }) => optimum.loss !== undefined);
  const curvature = hasCurvature(prediction);
  const limit = limitWords(points);
  const columns = columnsIn(points).filter((column) => valuesOf(column, points).length > 1);
  const hasRatio = points.some((point) => point.ratioToLora !== null && !isLora(point));
  const curvatureHeader = ['λmax', '2/λmax', 'Fold error', `Regret, ${unit}`, 'Fold, c/λmax', `Regret, ${unit}`];
  return {
    header: [
      'Configuration',
      ...columns.map((column) => capital(settingWord(column))),
      ...['Optimum', 'Interval'],
      ...(hasRatio ? ['× LoRA’s rate'] : []),
      ...[`Best ${scoreName(prediction)}`],
      ...(hasLoss ? ['Loss there'] : []),
      'Breaks at',
      ...(limit === null ? [] : ['Limit']),
      ...(curvature ? curvatureHeader : []),
    ],
    rows: points.map((point) => {
      const { optimum, divergesAt, lambdaMax, predictions, limit: own } = point;
      const raw = predictions['two-over-lambda'];
      const calibrated = predictions['two-over-lambda-calibrated'];
      return [
        markedName(point),
        ...columns.map((column) => point.settings[column] || missing),
        `${formatRate(optimum.learningRate)}${optimum.atGridEdge ? ' (grid edge)' : ''}`,
        `${formatRate(optimum.low)} to ${formatRate(optimum.high)}${optimum.intervalFrom === 'grid' ? ' (grid)' : ''}`,
        ...(hasRatio ? [ratioCell(point)] : []),
        isShare ? formatShare(optimum) : formatNumber(optimum.score),
        ...(hasLoss ? [formatNumber(optimum.loss ?? null)] : []),
        divergesAt === null ? 'not seen' : formatRate(divergesAt),
        ...(limit === null ? [] : [own?.learningRate == null ? missing : formatRate(own.learningRate)]),
        ...(curvature
          ? [
              formatNumber(lambdaMax),
              raw === undefined ? missing : formatRate(raw.learningRate),
              formatFold(raw?.foldError ?? null),
              regretCell(raw),
              formatFold(calibrated?.foldError ?? null),
              regretCell(calibrated),
            ]
          : []),
      ];
    }),
    note:
      'Optimum: vertex of a parabola in log rate through the best points, those past the cliff left out. Interval: 95 % ' +
      'bootstrap over seeds, or with one seed or fewer than three rates on the peak (grid) the rates tried on both sides. Breaks at: smallest rate tried above ' +
      `the optimum where a run diverged or fell off the cliff (${scoreDirection === 'lower' ? '0.4 above the best loss' : isShare ? cliffOfShares : cliffOfScores}).` +
      (hasRatio
        ? ' × LoRA’s rate: the optimum over that of LoRA at equal settings, with the interval that follows from both.'
        : '') +
      (limit === null ? '' : ` Limit: ${limit} the largest learning rate at which that is stable near the start.`) +
      (curvature
        ? ' Fold error: how many times too large or too small the prediction is. Regret: what training at the predicted ' +
          'rate gives up, read off the fitted curve; ≥ where the rate lies outside the sweep. c/λmax has its constant ' +
          'fitted on the other methods, at equal settings where there are any.'
        : ''),
  };
}

/** Where scores that are better higher have broken; see `isOffCliff`. */
const cliffOfScores = 'below three quarters of the best score';
const cliffOfShares =
  'a loss 0.4 above that at the optimum, or less than half of what is solved there, with confidence intervals that do not overlap';

/** Both ends of each spectrum, with the errors of the sample and of Lanczos, and the thresholds. */
export function spectrumTable(spectra: readonly ReportSpectrum[]): WordTable {
  const names = [...new Set(spectra.flatMap((spectrum) => Object.keys(spectrum.thresholds ?? {})))];
  const optimizers = names.filter((name) => spectra.some((spectrum) => isNumber(spectrum.thresholds?.[name])));
  return {
    header: [
      'Configuration',
      'λmax',
      'Residual',
      'λmin',
      'Residual',
      'Products',
      'Stopped',
      ...optimizers.map((name) => `Limit, ${thresholdNames[name] ?? name}`),
    ],
    rows: spectra.map((spectrum) => [
      spectrum.configuration,
      ...endCells(spectrum.lambdaMax),
      ...endCells(spectrum.lambdaMin),
      spectrum.products === undefined ? missing : String(spectrum.products),
      spectrum.outcome ?? missing,
      ...optimizers.map((name) => {
        const threshold = spectrum.thresholds?.[name];
        return isNumber(threshold) ? formatRate(threshold) : missing;
      }),
    ]),
    note:
      `Ends of the spectrum of the training loss’s Hessian in the adapter’s parameters, at the start, over ${sampleOf(spectra)}. ` +
      '±: standard error over batches, of the Rayleigh quotient. Residual: Lanczos’s bound on the numerical error of the ' +
      'eigenvalue. Limit: largest learning rate at which that optimizer is stable near the start.',
  };
}

/** An end of a spectrum with its standard error over batches, and its residual bound. */
export function endCells(end: ReportSpectrum['lambdaMin']): [string, string] {
  if (end === null) return [missing, missing];
  const error = end.standardError === null ? '' : ` ± ${formatNumber(end.standardError, 2)}`;
  return [`${formatNumber(end.value)}${error}`, formatNumber(end.residualBound, 2)];
}

/** What spectra were measured on, in words. */
export function sampleOf(spectra: readonly Pick<ReportSpectrum, 'tokens' | 'batches'>[]): string {
  const samples = spectra.map(
    ({ tokens, batches }) =>
      `${tokens.toLocaleString('en')} scored tokens in ${batches} ${batches === 1 ? 'batch' : 'batches'}`,
  );
  return [...new Set(samples)].join(', or ');
}

function isNumber(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}

/** The optimizers of thresholds, in words. */
export const thresholdNames: Readonly<Record<string, string>> = {
  gradientDescent: 'gradient descent',
  momentum: 'momentum',
  adam: 'Adam',
  loraPlus: 'LoRA+',
};

function ratioCell(point: PredictionPoint): string {
  const { ratioToLora } = point;
  if (ratioToLora === null) return missing;
  if (isLora(point)) return '1';
  const [value, low, high] = [ratioToLora.value, ratioToLora.low, ratioToLora.high].map((part) =>
    formatNumber(part, 2),
  );
  return `${value} (${low} to ${high})`;
}

/** In what a regret is told. */
export function regretUnit(direction: 'lower' | 'higher'): string {
  return direction === 'lower' ? '%' : 'points';
}

function regretCell(prediction: RatePrediction | undefined): string {
  return prediction === undefined
    ? missing
    : `${prediction.extrapolated ? '≥ ' : ''}${prediction.curveRegret.toFixed(2)}`;
}

/** `61.5 % (54.6 to 68.0)` of a share and its confidence interval. */
export function formatShare({ score, scoreInterval }: Optimum): string {
  const [share, low, high] = [score, ...(scoreInterval ?? [])].map((part) => (100 * part).toFixed(1));
  return `${share} %${low === undefined ? '' : ` (${low} to ${high})`}`;
}

/** A fold error to two decimals, or in powers of ten where it is very large. */
export function formatFold(value: number | null): string {
  return value === null ? missing : value < 1000 ? value.toFixed(2) : value.toExponential(1);
}

/** A number to a few digits, in powers of ten where it is very large or small. */
export function formatNumber(value: number | null, digits = 4): string {
  if (value === null) return missing;
  const size = Math.abs(value);
  return size === 0 || (size >= 1e-3 && size < 1e5)
    ? String(Number(value.toPrecision(digits)))
    : value.toExponential(1);
}
