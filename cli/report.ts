import { join } from 'node:path';
import type { Command, OptionGroup } from './command.ts';
import { demand, studyOption, value } from './options.ts';
import type { Output } from './output.ts';
import { atMostOne, optional, text } from './values.ts';

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
  const { predict } = await import('../analysis/predictor.ts');
  const { readStudyFindings, reportInput } = await import('../analysis/studyFolder.ts');
  const { renderReport } = await import('../analysis/report/report.ts');
  const { writeText } = await import('./writeText.ts');
  const findings = await readStudyFindings(folder);
  const prediction = predict(findings.sweep);
  await writeText(file, renderReport(reportInput(findings, prediction)));
  output.result({ report: file, runs: findings.sweep.runs.length, verdict: prediction.verdict }, () => [
    prediction.verdict,
    '',
    file,
  ]);
}

async function reportRun(folder: string, file: string, output: Output): Promise<void> {
  const { readRun } = await import('../analysis/runFolder.ts');
  const { renderRunPage } = await import('../analysis/report/runPage.ts');
  const { sharpnessWords } = await import('../analysis/run.ts');
  const { writeText } = await import('./writeText.ts');
  const run = await readRun(folder);
  await writeText(file, renderRunPage(run));
  const sharpness = sharpnessWords(run.steps);
  output.result({ report: file, steps: run.steps.length, sharpness: sharpness.join(' ') }, () => [...sharpness, file]);
}
