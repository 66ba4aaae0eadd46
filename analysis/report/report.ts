import { type Drawings, drawn, type Figure } from '../figures/figure.ts';
import { lambdaMaxByMethod } from '../figures/lambdaMaxByMethod.ts';
import { moduleHeatMaps } from '../figures/modules/moduleHeatMap.ts';
import { ratioDensity } from '../figures/modules/ratioDensity.ts';
import { type MethodRatios, ratioStrip } from '../figures/modules/ratioStrip.ts';
import { optimumBySetting } from '../figures/optimumBySetting.ts';
import { predictionAgainstOptimum } from '../figures/predictionAgainstOptimum.ts';
import { learningCurves } from '../figures/runs/learningCurves.ts';
import { scoreBySetting } from '../figures/scoreBySetting.ts';
import { scoreDots } from '../figures/scoreDots.ts';
import { sweepCurve } from '../figures/sweepCurve.ts';
import { capital, count } from '../rates/format.ts';
import { groupsOf, isLora, loraOf } from '../rates/groups.ts';
import { predict } from '../rates/predictor.ts';
import { relativeToLora } from '../rates/relativeToLora.ts';
import { columnsIn, haveOtherScores, stepsIn } from '../rates/settings.ts';
import { byLoss } from '../rates/sweep.ts';
import { answerOf, statusOf } from '../rates/verdict/answer.ts';
import { hasCurvature, isUnfinished, limitWords, progressWords } from '../rates/verdict/findings.ts';
import { verdictParts } from '../rates/verdict/verdict.ts';
import { renderPage } from './page.ts';
import { predictorTables } from './predictorTables.ts';
import type { ReportInput } from './reportInput.ts';
import { claimTables, methodTable, powerTable, scoreName, spectrumTable } from './tables.ts';

/** All figures of a report, by name. */
const drawings: Drawings<ReportInput> = {
  'sweep-curve': ({ sweep, prediction }) => noted(sweepCurve(sweep, prediction.points), prediction),
  'score-dots': ({ sweep, prediction }) =>
    haveOtherScores(prediction.points) ? null : noted(scoreDots(sweep, prediction.points), prediction),
  'optimum-by-setting': ({ prediction }) =>
    prediction.powers.some(({ power }) => power !== null)
      ? noted(optimumBySetting(prediction.points, prediction.powers), prediction)
      : null,
  'score-by-setting': ({ sweep, prediction }) =>
    prediction.powers.some(({ power }) => power !== null) && !haveOtherScores(prediction.points)
      ? noted(scoreBySetting(sweep, prediction.points, prediction.powers), prediction)
      : null,
  'loss-curve': ({ sweep, prediction }) => {
    const losses = sweep.isShare ? byLoss(sweep) : null;
    return losses && noted(sweepCurve(losses, predict(losses).points), prediction);
  },
  'lambda-max': ({ spectra }) => (spectra.length > 0 ? lambdaMaxByMethod(spectra) : null),
  'relative-to-lora': (input) => ofModules(input, ratioStrip),
  'relative-density': (input) => ofModules(input, ratioDensity),
  'module-curvature': ({ spectra }) => {
    const measured = spectra.flatMap(({ configuration, modules }) => (modules ? [{ configuration, modules }] : []));
    return measured.length === 0 ? null : moduleHeatMaps(measured);
  },
  prediction: ({ prediction }) =>
    hasCurvature(prediction) ? noted(predictionAgainstOptimum(prediction), prediction) : null,
  'learning-curves': ({ prediction, curves = [] }) => learningCurves(curves, prediction.points),
};

/** A figure of modules beside those of LoRA at equal settings; null where none were measured. */
function ofModules(
  { spectra, prediction: { points } }: ReportInput,
  draw: (methods: readonly MethodRatios[]) => Figure,
): Figure | null {
  const groups = groupsOf(points);
  const compared = spectra.flatMap(({ configuration, lambdaMax, modules }) => {
    const point = points.find((one) => one.configuration === configuration);
    if (point === undefined || isLora(point) || modules === undefined) return [];
    const name = loraOf(point, points, groups)?.configuration;
    const lora = spectra.find((one) => one.configuration === name);
    const ratios = lora && relativeToLora({ lambdaMax, modules }, lora).modules;
    return ratios && ratios.length > 0 ? [{ method: configuration, modules: ratios }] : [];
  });
  return compared.length === 0 ? null : draw(compared);
}

/** The names of all figures that a report can have. */
export const reportFigureNames: readonly string[] = Object.keys(drawings);

/** The report's figures by name, as far as there is something to show. */
export function reportFigures(input: ReportInput): Record<string, Figure> {
  return drawn(drawings, input);
}

/** The figure, which says so if the sweep is unfinished. */
function noted(figure: Figure, prediction: ReportInput['prediction']): Figure {
  const progress = progressWords(prediction);
  return progress === null ? figure : { ...figure, note: progress };
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
    answer: answerOf(prediction),
    status: statusOf(prediction),
    setting: settingOf(input),
    verdict: verdictParagraphs(prediction),
    claims: claimTables(prediction),
    powers: prediction.powers.length > 0 ? powerTable(prediction) : null,
    hasSettings: columnsIn(prediction.points).length > 0,
    hasOptimumBySetting: 'optimum-by-setting' in figures,
    hasPanels: (figures['sweep-curve']?.layout.annotations ?? []).length > 0,
    methods: methodTable(prediction),
    predictors: predictorTables(prediction),
    spectrum: spectra.length > 0 ? spectrumTable(spectra) : null,
    hasCurvature: hasCurvature(prediction),
    hasLosses: 'loss-curve' in figures,
    scoreName: capital(scoreName(prediction)),
    limitWords: limitWords(prediction.points),
  };
}

/** The verdict in short paragraphs, without the claims where a table below has them. */
function verdictParagraphs(prediction: ReportInput['prediction']): string[] {
  const { setting, claims, found, limits } = verdictParts(prediction, prediction);
  const parts = [setting, ...(hasCurvature(prediction) ? [] : [claims]), found, limits];
  return parts.filter((sentences) => sentences.length > 0).map((sentences) => sentences.join(' '));
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
    `${count(prediction.points.length, 'configuration')}, ${runs}, ${count(seeds, 'seed')}`,
  ];
}
