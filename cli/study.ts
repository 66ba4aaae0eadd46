import { join } from 'node:path';
import type { Prediction } from '../analysis/predictor.ts';
import type { Arguments, Command } from './command.ts';
import { costLine } from './cost.ts';
import { parseWarmup, value, warmupOptions } from './options.ts';
import { optimaTable } from './predict.ts';
import type { Progress } from './progress.ts';
import { openStudyInputs, parseStudy, type StudyInputs } from './studyInputs.ts';
import { commandLine, plannedRuns, runSweep, studyOptions } from './sweep.ts';
import { number, required, wholeNumber } from './values.ts';

/** `lambdamax study`: sweep, curvature, prediction and report in one. */
export const command: Command = {
  usage: 'study',
  summary: 'Sweep learning rates, measure curvature, compare prediction with sweep, write a report',
  options: {
    ...studyOptions,
    'curvature-tokens': value('Curvature', 'N', 'scored tokens behind the Hessian: whole rows, from the first', '1000'),
    tolerance: value('Curvature', 'X', 'relative error of the eigenvalues', '1e-2'),
    ...warmupOptions,
  },
  examples: [
    ['study', 'the bundled model and task'],
    ['study --model ./Llama-3.2-1B --data train.jsonl --study runs/llama', 'your own; run again, it continues'],
  ],
  async run(args, output) {
    const curvature = parseCurvature(args);
    const inputs = await openStudyInputs(await parseStudy(args), commandLine(), output);
    await using _model = inputs.model;
    output.say(`study ${inputs.folder}`);
    output.say(await costOfSteps(inputs));
    const { openStudy } = await import('../training/sweep/record.ts');
    await using study = await openStudy(inputs.folder, inputs.plan);
    const spectra = plannedSpectra(inputs.plan);
    const progress = output.progress(spectra + plannedRuns(inputs.plan), 'study');
    const record = await measureCurvature(inputs, curvature, progress)
      .then(() => runSweep(inputs, study, progress, spectra))
      .finally(() => progress.stop());
    const { prediction, report } = await conclude(inputs.folder);
    output.result({ study: inputs.folder, runs: record.runs.length, report, ...prediction }, () => [
      ...optimaTable(prediction, output),
      '',
      prediction.verdict,
      '',
      `${record.runs.length} runs in ${inputs.folder}`,
      `report: ${report}`,
    ]);
  },
};

type Curvature = Parameters<typeof import('../analysis/studySpectra.ts').studySpectra>[4];

function parseCurvature(args: Arguments): Curvature {
  return {
    tokens: required(args, 'curvature-tokens', wholeNumber(1)),
    tolerance: required(args, 'tolerance', number({ above: 0, below: 1 })),
    maxSteps: 200,
    warmup: parseWarmup(args),
  };
}

async function measureCurvature({ plan, folder, model, data }: StudyInputs, options: Curvature, progress: Progress) {
  const { studySpectra } = await import('../analysis/studySpectra.ts');
  await studySpectra(model, plan, folder, data.rows, options, ({ method, operator, done }) =>
    progress.update(done, `curvature of ${method}${operator === 'adam' ? ' as Adam sees it' : ''}`),
  );
}

/** What the runs' gradients will cost; methods of one form share their graphs, so that the first speaks for all. */
async function costOfSteps({ plan, model, data }: StudyInputs): Promise<string> {
  const { layoutFor } = await import('../training/adapters/create.ts');
  const { loadMethod } = await import('../training/adapters/methodFile.ts');
  const { methods, targetModules, rank, alpha, training } = plan;
  const layout = layoutFor(model, await loadMethod(methods[0]!), targetModules, { rank, alpha });
  return costLine(model, layout, data.rows, { batchSize: training.batchSize, what: 'gradient' });
}

/** Of each method the Hessian, and the Hessian that Adam sees. */
function plannedSpectra({ methods }: StudyInputs['plan']): number {
  return 2 * methods.length;
}

/** Writes prediction.json and report.html of a finished sweep. */
async function conclude(folder: string): Promise<{ prediction: Prediction; report: string }> {
  const { predict } = await import('../analysis/predictor.ts');
  const { readStudyFindings, reportInput } = await import('../analysis/studyFolder.ts');
  const { renderReport } = await import('../analysis/report/report.ts');
  const { writeJson } = await import('../training/checkpoint/files.ts');
  const { writeText } = await import('./writeText.ts');
  const findings = await readStudyFindings(folder);
  const prediction = predict(findings.sweep);
  await writeJson(join(folder, 'prediction.json'), prediction);
  const report = join(folder, 'report.html');
  await writeText(report, renderReport(reportInput(findings, prediction)));
  return { prediction, report };
}
