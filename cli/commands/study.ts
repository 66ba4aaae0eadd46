import { join } from 'node:path';
import type { Prediction } from '../../analysis/rates/prediction.ts';
import { adapterMethodOf } from '../../study/configurations/configuration.ts';
import {
  type StudyPredictorOptions,
  type StudySpectraOptions,
  studyPredictorNames,
  usualPredictors,
  usualSpectra,
} from '../../study/plan/measurements.ts';
import type { PlannedStudy } from '../../study/planStudy.ts';
import type { Model } from '../../training/model.ts';
import { writeReport } from '../actions/report.ts';
import { byTask, sayStudyCosts, showStudy } from '../actions/study.ts';
import type { Arguments, Command } from '../command.ts';
import { commandLine } from '../commandLine.ts';
import { parseWarmup, value, warmupOptions } from '../options/options.ts';
import { openStudyInputs, parseStudy } from '../options/studyInputs.ts';
import { studyOptions } from '../options/studyOptions.ts';
import { choice, list, number, required, wholeNumber } from '../options/values.ts';
import { type RunCost, runCost, sayCost } from '../words/cost.ts';
import { optimaTable } from '../words/optimaTable.ts';
import type { Output } from '../words/output.ts';

/** `lambdamax study`: sweep, curvature, prediction and report in one. */
export const command: Command = {
  usage: 'study',
  summary: 'Sweep learning rates, measure curvature, compare prediction with sweep, write a report',
  options: {
    ...studyOptions,
    'curvature-tokens': value(
      'Curvature',
      'N',
      'scored tokens behind the Hessian: whole rows, from the first',
      String(usualSpectra.tokens),
    ),
    tolerance: value('Curvature', 'X', 'relative error of the eigenvalues', String(usualSpectra.tolerance)),
    'per-module': { type: 'boolean', group: 'Curvature:', describe: "each module's own block besides" },
    ...warmupOptions,
    predictors: value(
      'Curvature',
      'NAMES',
      `further ways to a rate that are compared with the sweep: ${studyPredictorNames.join(', ')}; none`,
      usualPredictors.names.join(),
    ),
    'probe-budget': value(
      'Curvature',
      'X',
      "what probes may cost for each configuration, as a part of one run's price",
      String(usualPredictors.probeBudget),
    ),
  },
  examples: [
    ['study', 'the bundled model and its word problems, --task math'],
    ['study --task math,commonsense', 'on two tasks, one after the other'],
    ['study --methods lora,pissa --ranks 2,8 --batch-sizes 4,16', 'every variant at each rank and batch size'],
    ['study --model ./Llama-3.2-1B --data train.jsonl --study runs/llama', 'your own; run again, it continues'],
  ],
  async run(args, output) {
    const measured = { spectra: parseCurvature(args), predictors: parsePredictors(args) };
    const options = { ...(await parseStudy(args)), ...measured };
    const { openStudyWork } = await import('../../study/workers.ts');
    const { conclude } = await import('../../study/study.ts');
    const inputs = await openStudyInputs(options, commandLine(), output);
    await using _model = inputs.model;
    if (args['dry-run'] === true) return await sayStudyCosts(inputs, options, output);
    const results: StudyResult[] = [];
    for (const study of inputs.studies) {
      await using work = await openStudyWork(inputs.model, study, { ...options, onSilence: output.warn });
      output.stage('compiling');
      const cost = await costOfSteps(inputs.model, study);
      const { runs, added } = await showStudy(study, work, 'study', output, () => {
        output.say(`study ${study.folder}`);
        sayCost(cost, output);
      });
      // What fails for good ends the study, so that none is left over here.
      const counts = { runs: runs.length, added, failed: 0 };
      results.push({ study: study.folder, ...counts, ...(await conclude(study.folder)) });
    }
    const [first, ...others] = results;
    const words = () => results.flatMap((result) => studyLines(result, output));
    if (others.length === 0) return output.result(jsonOf(first!), words);
    const report = join(inputs.folder, 'report.html');
    await writeReport([inputs.folder], report);
    const tasks = byTask(inputs.studies, results.map(jsonOf));
    output.result({ study: inputs.folder, report, tasks }, () => [...words(), '', `all tasks: ${report}`]);
  },
};

interface StudyResult {
  readonly study: string;
  /** Runs in all, and how many of them were made this time. */
  readonly runs: number;
  readonly added: number;
  readonly failed: number;
  readonly report: string;
  readonly prediction: Prediction;
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
    maxSteps: usualSpectra.maxSteps,
    warmup: parseWarmup(args),
    ...(args['per-module'] === true && { perModule: true }),
  };
}

function parsePredictors(args: Arguments): StudyPredictorOptions {
  const names = required(args, 'predictors', list(choice([...studyPredictorNames, 'none'])));
  return {
    names: [...new Set(names.filter((name) => name !== 'none'))],
    probeBudget: required(args, 'probe-budget', number({ above: 0 })),
  };
}

/** What the gradients of the runs will cost: of the configuration whose batches are the largest. */
async function costOfSteps(model: Model, { plan, data }: PlannedStudy): Promise<RunCost> {
  const { layoutFor } = await import('../../training/adapters/create.ts');
  const { loadMethod } = await import('../../training/adapters/methodFile.ts');
  const largest = plan.configurations.reduce((most, one) => (one.batchSize > most.batchSize ? one : most));
  const layout = layoutFor(model, await loadMethod(adapterMethodOf(largest)), largest.targetModules, largest);
  return runCost(model, { layout, rows: data.rows, batchSize: largest.batchSize, option: '--batch-sizes' });
}
