import { join } from 'node:path';
import type { Prediction } from '../../analysis/rates/prediction.ts';
import type { StudyPredictorOptions } from '../../study/predictors.ts';
import type { StudySpectraOptions } from '../../study/spectra.ts';
import type { StudyWork } from '../../study/work.ts';
import type { PlannedStudy } from '../../study/workers.ts';
import type { Model } from '../../training/model.ts';
import type { Arguments, Command } from '../command.ts';
import { commandLine } from '../commandLine.ts';
import { parseWarmup, value, warmupOptions } from '../options/options.ts';
import { openStudyInputs, parseStudy } from '../options/studyInputs.ts';
import { choice, list, number, required, wholeNumber } from '../options/values.ts';
import { costLine } from '../words/cost.ts';
import { optimaTable } from '../words/optimaTable.ts';
import type { Output } from '../words/output.ts';
import { writeReport } from '../work/report.ts';
import { byTask, plannedRuns, runSweep, sayEdited, studyOptions, titleOf } from './sweep.ts';

/** `lambdamax study`: sweep, curvature, prediction and report in one. */
export const command: Command = {
  usage: 'study',
  summary: 'Sweep learning rates, measure curvature, compare prediction with sweep, write a report',
  options: {
    ...studyOptions,
    'curvature-tokens': value('Curvature', 'N', 'scored tokens behind the Hessian: whole rows, from the first', '1000'),
    tolerance: value('Curvature', 'X', 'relative error of the eigenvalues', '1e-2'),
    ...warmupOptions,
    predictors: value(
      'Curvature',
      'NAMES',
      'further ways to a rate that are compared with the sweep: probes, curvature, range-test, rule-of-thumb; none',
      'curvature,rule-of-thumb',
    ),
    'probe-budget': value('Curvature', 'X', "what probes may cost for each variant, as a part of one run's price", '1'),
  },
  examples: [
    ['study', 'the bundled model and its word problems, --task math'],
    ['study --task math,commonsense', 'on two tasks, one after the other'],
    ['study --model ./Llama-3.2-1B --data train.jsonl --study runs/llama', 'your own; run again, it continues'],
  ],
  async run(args, output) {
    const measurements = { curvature: parseCurvature(args), predictors: await parsePredictors(args) };
    const options = await parseStudy(args);
    const { openStudyWork } = await import('../../study/workers.ts');
    const inputs = await openStudyInputs(options, commandLine(), output);
    await using _model = inputs.model;
    const results: StudyResult[] = [];
    for (const study of inputs.studies) {
      const cost = await costOfSteps(inputs.model, study);
      await using work = await openStudyWork(inputs.model, study, { ...options, onSilence: output.warn });
      const runs = await carryOut(study, work, measurements, cost, output);
      results.push({ study: study.folder, runs, ...(await conclude(study.folder)) });
    }
    const [first, ...others] = results;
    const words = () => results.flatMap((result) => studyLines(result, output));
    if (others.length === 0) return output.result(jsonOf(first!), words);
    const report = join(inputs.folder, 'report.html');
    await writeReport(inputs.folder, report);
    const tasks = byTask(inputs.studies, results.map(jsonOf));
    output.result({ study: inputs.folder, report, tasks }, () => [...words(), '', `all tasks: ${report}`]);
  },
};

interface StudyResult {
  readonly study: string;
  readonly runs: number;
  readonly report: string;
  readonly prediction: Prediction;
}

/** What is measured of a study's methods before they are swept. */
interface Measurements {
  readonly curvature: StudySpectraOptions;
  readonly predictors: StudyPredictorOptions;
}

/** Curvature, predictors and sweep of one study, and how many runs there are. */
async function carryOut(
  study: PlannedStudy,
  work: StudyWork,
  { curvature, predictors }: Measurements,
  cost: string,
  output: Output,
): Promise<number> {
  const { plan, folder } = study;
  const { openStudy } = await import('../../study/record.ts');
  const { plannedSpectra, studySpectra } = await import('../../study/spectra.ts');
  const { studyPredictors } = await import('../../study/predictors.ts');
  await using opened = await openStudy(folder, plan);
  sayEdited(opened, output);
  output.say(`study ${folder}`);
  output.say(cost);
  const spectra = plannedSpectra(plan).length;
  const measured = spectra + predictors.names.length * plan.methods.length;
  const progress = output.progress(measured + plannedRuns(plan), titleOf(study, 'study'));
  try {
    await studySpectra(plan, folder, curvature, {
      measure: work.measureSpectrum,
      atOnce: work.atOnce,
      onProgress: ({ method, operator, done }) =>
        progress.update(done, `curvature of ${method}${operator === 'adam' ? ' as Adam sees it' : ''}`),
    });
    await studyPredictors(plan, folder, predictors, {
      ask: work.askPredictor,
      atOnce: work.atOnce,
      onProgress: ({ method, predictor, done }) => progress.update(spectra + done, `${predictor} of ${method}`),
    });
    return (await runSweep(study, opened, work, progress, { before: measured, keep: output.keep })).runs.length;
  } finally {
    progress.stop();
  }
}

function jsonOf({ prediction, ...result }: StudyResult) {
  return { ...result, ...prediction };
}

function studyLines({ prediction, runs, study, report }: StudyResult, output: Output): string[] {
  return [
    ...optimaTable(prediction, output),
    '',
    prediction.verdict,
    '',
    `${runs} runs in ${study}`,
    `report: ${report}`,
  ];
}

function parseCurvature(args: Arguments): StudySpectraOptions {
  return {
    tokens: required(args, 'curvature-tokens', wholeNumber(1)),
    tolerance: required(args, 'tolerance', number({ above: 0, below: 1 })),
    maxSteps: 200,
    warmup: parseWarmup(args),
  };
}

async function parsePredictors(args: Arguments): Promise<StudyPredictorOptions> {
  const { studyPredictorNames } = await import('../../study/predictors.ts');
  const names = required(args, 'predictors', list(choice([...studyPredictorNames, 'none'])));
  return {
    names: [...new Set(names.filter((name) => name !== 'none'))],
    probeBudget: required(args, 'probe-budget', number({ above: 0 })),
  };
}

/** What the runs' gradients will cost; methods of one form share their graphs, so that the first speaks for all. */
async function costOfSteps(model: Model, { plan, data }: PlannedStudy): Promise<string> {
  const { layoutFor } = await import('../../training/adapters/create.ts');
  const { loadMethod } = await import('../../training/adapters/methodFile.ts');
  const { methods, targetModules, rank, alpha, training } = plan;
  const layout = layoutFor(model, await loadMethod(methods[0]!), targetModules, { rank, alpha });
  return costLine(model, layout, data.rows, { batchSize: training.batchSize, what: 'gradient' });
}

/** Writes prediction.json and report.html of a finished sweep. */
async function conclude(folder: string): Promise<{ prediction: Prediction; report: string }> {
  const { predict } = await import('../../analysis/rates/predictor.ts');
  const { readStudyFindings } = await import('../../study/findings.ts');
  const { writeJson } = await import('../../training/checkpoint/files.ts');
  const prediction = predict((await readStudyFindings(folder)).sweep);
  await writeJson(join(folder, 'prediction.json'), prediction);
  const report = join(folder, 'report.html');
  await writeReport(folder, report);
  return { prediction, report };
}
