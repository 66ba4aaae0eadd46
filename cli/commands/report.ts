import { basename, join } from 'node:path';
import type { ReportInput } from '../../analysis/report/report.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Command, OptionGroup } from '../command.ts';
import { demand, studyOption, value } from '../options/options.ts';
import { atMostOne, optional, text } from '../options/values.ts';
import type { Output } from '../words/output.ts';

/** `--run DIR`, in place of a study */
export const runOption: OptionGroup = {
  run: value('Study', 'DIR', "instead of a study one run's folder, as finetune --out leaves it"),
};

/** `lambdamax report`: a study, or one run, as an HTML page. */
export const command: Command = {
  usage: 'report [study]',
  summary: 'Write a study, or one run, as one self-contained HTML page',
  options: {
    ...studyOption,
    ...runOption,
    out: value('Study', 'FILE', 'the page; report.html in the folder if not given'),
  },
  examples: [
    ['report runs/my-study', 'writes runs/my-study/report.html'],
    [
      'report --run runs/pissa',
      'loss, rate and gradient norm; sharpness, if it was measured (finetune --sharpness-every)',
    ],
  ],
  async run(args, output) {
    atMostOne(args, 'study', 'run');
    const run = optional(args, 'run', text);
    const study = optional(args, 'study', text);
    const folder = demand(run ?? study, '--study', 'a study folder, or --run DIR');
    const file = optional(args, 'out', text) ?? join(folder, 'report.html');
    await (run === undefined ? reportStudy(folder, file, output) : reportRun(folder, file, output));
  },
};

async function reportStudy(folder: string, file: string, output: Output): Promise<void> {
  const { verdicts, ...counts } = await writeReport(folder, file);
  const verdict = verdicts.join('\n\n');
  output.result({ report: file, ...counts, verdict }, () => [verdict, '', file]);
}

/** Writes the page of a study, or of those of several tasks that a folder holds; returns what they say. */
export async function writeReport(
  folder: string,
  file: string,
): Promise<{ runs: number; runsDone: number; runsPlanned: number; verdicts: string[] }> {
  const { predict } = await import('../../analysis/rates/predictor.ts');
  const { readStudyFindings, reportInput, studyFolders } = await import('../../study/findings.ts');
  const { renderReport } = await import('../../analysis/report/report.ts');
  const { renderTasksReport } = await import('../../analysis/report/tasksReport.ts');
  const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
  const reports = await Promise.all(
    (await studyFolders(folder)).map(async (one) => {
      const findings = await readStudyFindings(one);
      const task = findings.plan.task?.name ?? basename(one);
      return { task, report: reportInput(findings, predict(findings.sweep)) };
    }),
  );
  const [first, ...others] = reports;
  const page = others.length === 0 ? renderReport(first!.report) : renderTasksReport(reports);
  await writeElsewhere(writeFileWhole(file, page));
  const sum = (numberOf: (report: ReportInput) => number | null): number =>
    reports.reduce((total, { report }) => total + (numberOf(report) ?? 0), 0);
  return {
    runs: sum(({ sweep }) => sweep.runs.length),
    runsDone: sum(({ prediction }) => prediction.runsDone),
    runsPlanned: sum(({ prediction }) => prediction.runsPlanned),
    verdicts: reports.map(({ report }) => report.prediction.verdict),
  };
}

/** A fault in writing the report, with what to do about it. */
async function writeElsewhere(writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!(error instanceof LambdamaxError)) throw error;
    const { subject, expected, got } = error;
    const remedy = 'write the page elsewhere: --out FILE';
    throw new LambdamaxError({ subject, expected, ...(got !== undefined && { got }), remedy, cause: error });
  }
}

async function reportRun(folder: string, file: string, output: Output): Promise<void> {
  const { readRun } = await import('../../analysis/report/runFolder.ts');
  const { renderRunPage } = await import('../../analysis/report/runPage.ts');
  const { sharpnessWords } = await import('../../analysis/rates/run.ts');
  const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
  const run = await readRun(folder);
  await writeElsewhere(writeFileWhole(file, renderRunPage(run)));
  const sharpness = sharpnessWords(run.steps);
  output.result({ report: file, steps: run.steps.length, sharpness: sharpness.join(' ') }, () => [...sharpness, file]);
}
