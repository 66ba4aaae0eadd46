import { type Figure, withNote } from '../figures/figure.ts';
import { lambdaMaxByMethod } from '../figures/lambdaMaxByMethod.ts';
import { optimumBySetting } from '../figures/optimumBySetting.ts';
import { predictionAgainstOptimum } from '../figures/predictionAgainstOptimum.ts';
import { sweepCurve } from '../figures/sweepCurve.ts';
import { hasCurvature, isUnfinished, limitWords, progressWords } from '../rates/findings.ts';
import { capital } from '../rates/format.ts';
import { predict } from '../rates/predictor.ts';
import { columnsIn, stepsIn } from '../rates/settings.ts';
import { byLoss } from '../rates/sweep.ts';
import { renderPage } from './page.ts';
import type { ReportInput } from './reportInput.ts';
import { claimTables, methodTable, powerTable, predictorTable, scoreName, spectrumTable } from './tables.ts';

/** The report's figures by name, as far as there is something to show. */
export function reportFigures({ sweep, prediction, spectra }: ReportInput): Record<string, Figure> {
  const losses = sweep.isShare ? byLoss(sweep) : null;
  const progress = progressWords(prediction);
  const noted = (figure: Figure): Figure => (progress === null ? figure : withNote(figure, progress));
  return {
    'sweep-curve': noted(sweepCurve(sweep, prediction.points)),
    ...(prediction.powers.some(({ power }) => power !== null) && {
      'optimum-by-setting': noted(optimumBySetting(prediction.points, prediction.powers)),
    }),
    ...(losses && { 'loss-curve': noted(sweepCurve(losses, predict(losses).points)) }),
    ...(spectra.length > 0 && { 'lambda-max': lambdaMaxByMethod(spectra) }),
    ...(hasCurvature(prediction) && { prediction: noted(predictionAgainstOptimum(prediction)) }),
  };
}

/**
 * The report as one HTML document that needs nothing else: plotly.js, the figures' data and the style are inside. It holds
 * the verdict, the figures, the tables, and how all was measured. All text is escaped.
 */
export function renderReport(input: ReportInput): string {
  const figures = reportFigures(input);
  return renderPage('report', studyContent(input, figures), figures);
}

/** What the sections about a study say, whose figures are drawn in elements with `id` before their names. */
export function studyContent(input: ReportInput, figures: Readonly<Record<string, Figure>>, id = '') {
  const { prediction, spectra } = input;
  return {
    ...input,
    id,
    setting: settingOf(input),
    claims: claimTables(prediction),
    powers: prediction.powers.length > 0 ? powerTable(prediction) : null,
    hasSettings: columnsIn(prediction.points).length > 0,
    hasOptimumBySetting: 'optimum-by-setting' in figures,
    hasPanels: (figures['sweep-curve']?.layout.annotations ?? []).length > 0,
    methods: methodTable(prediction),
    predictors: predictorTable(prediction),
    spectrum: spectra.length > 0 ? spectrumTable(spectra) : null,
    hasCurvature: hasCurvature(prediction),
    hasLosses: 'loss-curve' in figures,
    scoreName: capital(scoreName(prediction)),
    limitWords: limitWords(prediction.points),
  };
}

function settingOf({ sweep, prediction }: ReportInput): string[] {
  const { model, data, steps, batchSize, optimizer } = sweep.context ?? {};
  const lengths = stepsIn(prediction.points);
  const seeds = new Set(sweep.runs.map((run) => run.seed)).size;
  const runs = isUnfinished(prediction)
    ? `${prediction.runsDone} of ${prediction.runsPlanned} runs`
    : `${sweep.runs.length} runs`;
  return [
    ...(model === undefined ? [] : [model]),
    ...(data === undefined ? [] : [data]),
    ...(lengths.length > 1
      ? [`${lengths.join(', ')} steps`]
      : steps === undefined
        ? ['steps not known']
        : [`${steps.toLocaleString('en')} steps`]),
    ...(batchSize === undefined ? [] : [`${batchSize} rows a step`]),
    ...(optimizer === undefined ? [] : [optimizer]),
    `${prediction.points.length} configurations, ${runs}, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`,
  ];
}
