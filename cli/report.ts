import { join } from 'node:path';
import type { Command } from './command.ts';
import { demand, studyOption, value } from './options.ts';
import { optional, text } from './values.ts';

/** `lambdamax report`: a study as one HTML page. */
export const command: Command = {
  usage: 'report [study]',
  summary: 'Write a study as one self-contained HTML page',
  options: { ...studyOption, out: value('Study', 'FILE', 'the page; STUDY/report.html if not given') },
  examples: [['report runs/my-study', 'writes runs/my-study/report.html']],
  async run(args, output) {
    const study = demand(optional(args, 'study', text), '--study', 'a study folder');
    const file = optional(args, 'out', text) ?? join(study, 'report.html');
    const { predict } = await import('../analysis/predictor.ts');
    const { readStudyFindings, reportInput } = await import('../analysis/studyFolder.ts');
    const findings = await readStudyFindings(study);
    const prediction = predict(findings.sweep);
    const { renderReport } = await import('../analysis/report/report.ts');
    const { writeText } = await import('./writeText.ts');
    await writeText(file, renderReport(reportInput(findings, prediction)));
    output.result({ report: file, runs: findings.sweep.runs.length, verdict: prediction.verdict }, () => [
      prediction.verdict,
      '',
      file,
    ]);
  },
};
