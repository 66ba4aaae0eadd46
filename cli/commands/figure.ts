import { extname } from 'node:path';
import { type PictureFormat, pictureFormats } from '../../analysis/figures/drawing/picture.ts';
import type { Figure } from '../../analysis/figures/figure.ts';
import type { Prediction } from '../../analysis/rates/prediction.ts';
import type { Arguments, Command } from '../command.ts';
import { figureNames } from '../options/names.ts';
import { demand, runOption, studyOption, value } from '../options/options.ts';
import { UsageError } from '../options/usageError.ts';
import { atMostOne, choice, list, number, optional, type Parser, required, text } from '../options/values.ts';

const formats = ['html', 'json', ...pictureFormats] as const;
type Format = (typeof formats)[number];

/** `lambdamax figure`: one figure of a report. */
export const command: Command = {
  usage: 'figure [study]',
  summary: 'Write one figure of a report: for a paper, as an interactive page, or its data',
  options: {
    ...studyOption,
    ...runOption,
    name: value('Study', 'NAME', figureNames),
    format: value('Study', 'NAME', `${formats.join(', ')}; as --out ends, if not given`),
    width: value('Study', 'LENGTH', 'width on paper of svg, png and pdf: 3.3in, 84mm, 8.4cm, 240pt', '6.5in'),
    'font-size': value('Study', 'POINTS', 'size of all text in svg, png and pdf', 9),
    title: {
      type: 'boolean',
      group: 'Study:',
      describe: 'what it shows stands above it; in a paper the caption says so (--no-title)',
      default: true,
    },
    out: value('Study', 'FILE', 'NAME.FORMAT here, if not given'),
  },
  examples: [
    ['figure runs/my-study --name prediction --out prediction.html', 'prediction against optimum, interactive'],
    [
      'figure runs/my-study --name sweep-curve --format pdf --width 3.3in --font-size 8 --no-title',
      "for a paper's column",
    ],
    ['figure --run runs/pissa --name sharpness --out sharpness.csv', 'the numbers behind a figure'],
  ],
  async run(args, output) {
    atMostOne(args, 'study', 'run');
    const name = required(args, 'name', text);
    const { format, out } = fileOf(args, name);
    const size = {
      width: required(args, 'width', inches),
      fontSize: required(args, 'font-size', number({ least: 1, most: 100 })),
      hasTitle: args.title === true,
    };
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
    const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
    await writeFileWhole(out, await contentOf(figure, format, { name, title, size }));
    const { progressWords } = await import('../../analysis/rates/verdict/findings.ts');
    const words = counts && progressWords(counts);
    output.result({ figure: out, name, ...counts }, () => [...(words ? [words] : []), out]);
  },
};

/** The file and its kind, of which one tells the other. */
function fileOf(args: Arguments, name: string): { format: Format; out: string } {
  const asked = optional(args, 'format', choice(formats));
  const out = optional(args, 'out', text);
  if (asked !== undefined) return { format: asked, out: out ?? `${name}.${asked}` };
  const ending = extname(demand(out, '--out', 'a file, or --format')).toLowerCase();
  const format = formats.find((one) => `.${one}` === ending);
  if (format !== undefined) return { format, out: out! };
  const expected = `a name that ends in ${formats.map((one) => `.${one}`).join(', ')}`;
  throw new UsageError({ subject: '--out', expected, got: out!, remedy: 'say the kind of file: --format NAME' });
}

async function contentOf(
  figure: Figure,
  format: Format,
  { name, title, size }: { name: string; title: string; size: { width: number; fontSize: number; hasTitle: boolean } },
): Promise<string | Uint8Array> {
  if (format === 'html')
    return (await import('../../analysis/report/figurePage.ts')).renderFigurePage(name, figure, title);
  if (format === 'json') {
    const { withPlotlyTitle } = await import('../../analysis/figures/figure.ts');
    return JSON.stringify(withPlotlyTitle(figure));
  }
  const { pictureOf } = await import('../../analysis/figures/drawing/picture.ts');
  return pictureOf(figure, format satisfies PictureFormat, size);
}

/** How many of a unit of length are an inch. */
const perInch: Readonly<Record<string, number>> = { in: 1, cm: 2.54, mm: 25.4, pt: 72, px: 96 };

/** A length on paper, in inches. */
const inches: Parser<number> = (given, option) => {
  const [, digits, unit] = /^([\d.]+) ?(in|cm|mm|pt|px)$/.exec(given) ?? [];
  const length = Number(digits) / (perInch[unit ?? ''] ?? Number.NaN);
  if (length >= 1 && length <= 40) return length;
  throw new UsageError({ subject: option, expected: 'a length from 1in to 40in, as 3.3in or 84mm', got: given });
};

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
  const input = await reportInput(findings, predict(findings.sweep));
  const { runsDone, runsPlanned } = input.prediction;
  return { title: input.title, figures: reportFigures(input), counts: { runsDone, runsPlanned } };
}

async function ofRun(folder: string): Promise<Drawn> {
  const { readRunFolder } = await import('../../analysis/report/runFolder.ts');
  const { runFigures, titleOfRun } = await import('../../analysis/report/runPage.ts');
  const run = await readRunFolder(folder);
  return { title: titleOfRun(run), figures: runFigures(run) };
}
