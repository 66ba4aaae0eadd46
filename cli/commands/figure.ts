import { extname } from 'node:path';
import type { Figure } from '../../analysis/figures/figure.ts';
import type { Prediction } from '../../analysis/rates/prediction.ts';
import type { Command } from '../command.ts';
import { figureNames } from '../options/names.ts';
import { demand, runOption, studyOption, value } from '../options/options.ts';
import { UsageError } from '../options/usageError.ts';
import { atMostOne, list, optional, required, text } from '../options/values.ts';

/** `lambdamax figure`: one figure of a report. */
export const command: Command = {
  usage: 'figure [study]',
  summary: 'Write one figure of a report as a page of its own, or as a plotly specification',
  options: {
    ...studyOption,
    ...runOption,
    name: value('Study', 'NAME', figureNames),
    out: value('Study', 'FILE', '.html, which saves itself as SVG at a press of its button; .json for plotly'),
  },
  examples: [
    ['figure runs/my-study --name prediction --out prediction.html', 'prediction against optimum'],
    ['figure --run runs/pissa --name sharpness --out sharpness.html', 'sharpness against threshold'],
  ],
  async run(args, output) {
    atMostOne(args, 'study', 'run');
    const name = required(args, 'name', text);
    const out = required(args, 'out', fileName);
    const run = optional(args, 'run', text);
    const folders = demand(
      run === undefined ? optional(args, 'study', list(text)) : [run],
      '--study',
      'a study folder, or --run DIR',
    );
    const { title, figures, counts } = await (run === undefined ? ofStudies(folders) : ofRun(run));
    const figure = figures[name];
    if (figure === undefined) {
      const choices = Object.keys(figures);
      throw new UsageError({ subject: '--name', expected: `one of ${choices.join(', ')}`, got: name, choices });
    }
    const { renderFigurePage } = await import('../../analysis/report/figurePage.ts');
    const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
    const isPage = extname(out).toLowerCase() === '.html';
    await writeFileWhole(out, isPage ? renderFigurePage(name, figure, title) : JSON.stringify(figure));
    const { progressWords } = await import('../../analysis/rates/verdict/findings.ts');
    const words = counts && progressWords(counts);
    output.result({ figure: out, name, ...counts }, () => [...(words ? [words] : []), out]);
  },
};

/** Plotly draws in a browser only. */
function fileName(given: string, option: string): string {
  if (['.html', '.json'].includes(extname(given).toLowerCase())) return given;
  throw new UsageError({
    subject: option,
    expected: 'a name that ends in .html or .json',
    got: given,
    remedy: 'a .html page saves its figure as SVG at a press of its button',
  });
}

/** A report's title, and its figures by their names. */
interface Drawn {
  readonly title: string;
  readonly figures: Readonly<Record<string, Figure>>;
  /** How many runs the figure shows, where it is one of a study. */
  readonly counts?: Pick<Prediction, 'runsDone' | 'runsPlanned'>;
}

async function ofStudies(folders: readonly string[]): Promise<Drawn> {
  const { predict } = await import('../../analysis/rates/predictor.ts');
  const { readStudyFindings } = await import('../../study/findings.ts');
  const { reportInput, studyFolders } = await import('../../study/report.ts');
  const { reportFigures } = await import('../../analysis/report/report.ts');
  const findings = await readStudyFindings(
    ...(folders.length === 1 ? folders : (await Promise.all(folders.map(studyFolders))).flat()),
  );
  const input = reportInput(findings, predict(findings.sweep));
  const { runsDone, runsPlanned } = input.prediction;
  return { title: input.title, figures: reportFigures(input), counts: { runsDone, runsPlanned } };
}

async function ofRun(folder: string): Promise<Drawn> {
  const { readRunFolder } = await import('../../analysis/report/runFolder.ts');
  const { runFigures, titleOfRun } = await import('../../analysis/report/runPage.ts');
  const run = await readRunFolder(folder);
  return { title: titleOfRun(run), figures: runFigures(run) };
}
