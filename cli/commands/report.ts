import { join, parse } from 'node:path';
import { writeElsewhere, writeReport } from '../actions/report.ts';
import type { Command } from '../command.ts';
import { commandLine } from '../commandLine.ts';
import { demand, runOption, studyOption, value } from '../options/options.ts';
import { parseTable, type TableChoice, tableOptions } from '../options/tableOptions.ts';
import { atMostOne, list, optional, text } from '../options/values.ts';
import type { Output } from '../words/output.ts';

/** `lambdamax report`: a study, or one run, as an HTML page. */
export const command: Command = {
  usage: 'report [study]',
  summary: 'Write a study, or one run, as one self-contained HTML page',
  options: {
    ...studyOption,
    ...runOption,
    ...tableOptions,
    out: value('Study', 'FILE', 'the page; report.html in the folder, of sweep.csv sweep.html if not given'),
  },
  examples: [
    ['report runs/my-study', 'writes runs/my-study/report.html'],
    ['report --csv sweep.csv', 'from a table of runs; writes sweep.html'],
    ['report --study runs/a,runs/b --out both.html', 'two studies side by side, and in what they differ'],
    [
      'report --run runs/pissa',
      'loss, rate and gradient norm; sharpness, if it was measured (finetune --sharpness-every)',
    ],
  ],
  async run(args, output) {
    atMostOne(args, 'study', 'run');
    const table = await parseTable(args, 'study', 'run');
    const run = optional(args, 'run', text);
    const studies = optional(args, 'study', list(text)) ?? [];
    const [folder, ...others] = run === undefined ? studies : [run];
    if (table !== undefined) return reportTable(table, optional(args, 'out', text), output);
    const first = demand(folder, '--study', 'a study folder, --csv FILE or --run DIR');
    const out = optional(args, 'out', text);
    const file =
      others.length === 0 ? (out ?? join(first, 'report.html')) : demand(out, '--out', 'a page for several studies');
    await (run === undefined ? reportStudies(studies, file, output) : reportRun(first, file, output));
  },
};

async function reportStudies(folders: readonly string[], file: string, output: Output): Promise<void> {
  const { verdicts, ...counts } = await writeReport(folders, file);
  const verdict = verdicts.join('\n\n');
  output.result({ report: file, ...counts, verdict }, () => [verdict, '', file]);
}

async function reportTable(table: TableChoice, out: string | undefined, output: Output): Promise<void> {
  const { dir, name } = parse(table.file);
  const file = out ?? join(dir, `${name}.html`);
  const { reportOfTable } = await import('../../study/report.ts');
  const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
  const { page, verdicts, ...counts } = reportOfTable(await table.read(output), table.file, commandLine());
  await writeElsewhere(writeFileWhole(file, page));
  output.result({ report: file, ...counts, verdict: verdicts.join() }, () => [...verdicts, '', file]);
}

async function reportRun(folder: string, file: string, output: Output): Promise<void> {
  const { readRunFolder } = await import('../../analysis/report/runFolder.ts');
  const { renderRunPage } = await import('../../analysis/report/runPage.ts');
  const { sharpnessWords } = await import('../../analysis/rates/run.ts');
  const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
  const run = await readRunFolder(folder);
  await writeElsewhere(writeFileWhole(file, renderRunPage(run)));
  const sharpness = sharpnessWords(run.steps);
  output.result({ report: file, steps: run.steps.length, sharpness: sharpness.join(' ') }, () => [...sharpness, file]);
}
