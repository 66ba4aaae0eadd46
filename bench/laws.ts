import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type PredictorSummary, predict, readSweepCsv, type Sweep } from 'lambdamax/analysis';

/** What the best rates of one study say of the laws of curvature. */
export interface LawRow {
  readonly study: string;
  readonly optimizer: string;
  readonly count: number;
  /** The power of 1/lambda_max that a change of scale leaves this optimizer; null for one that is not known. */
  readonly expected: number | null;
  /** The power of 1/lambda_max that is fitted to all of the study, with its 95 % interval. */
  readonly power: Range;
  /** How far off a left-out method is, as a factor, by c / lambda_max, c / sqrt(lambda_max) and one constant; c is fitted to the others. */
  readonly inverse: Range;
  readonly root: Range;
  readonly constant: Range;
  /** How many times closer than one constant the first two come. */
  readonly inverseOverConstant: Range;
  readonly rootOverConstant: Range;
}

/** A value with its 95 % interval. */
type Range = NonNullable<PredictorSummary['overConstant']>;

/** A method's best rate and curvature, where no runs are at hand. */
interface BestRate {
  readonly method: string;
  readonly rate: number;
  readonly lambdaMax: number;
}

interface Study {
  readonly name: string;
  readonly sweep: Sweep;
}

/** The laws of curvature held against one constant, over all studies in fixtures/ of which the curvature is known. */
export function laws(): LawRow[] {
  return studies().map(lawsOf);
}

function studies(): Study[] {
  const figures = read<PublishedFigures>('published/lr-matters-figures.json').methods;
  const ratios = new Map(
    figures.flatMap(({ method, lambdaMaxRatioMedian: ratio }) => (ratio === undefined ? [] : [[method, ratio]])),
  );
  const printed = figures.flatMap(({ method, optimalLearningRate: rate }) => {
    const lambdaMax = ratios.get(method);
    return lambdaMax === undefined ? [] : [{ method, rate, lambdaMax }];
  });
  const bundled = read<BundledStudy>('results/bundled-200.json').methods;
  return [
    { name: 'the paper’s figures', sweep: sweepOf(printed) },
    { name: 'the paper’s sweep', sweep: withCurvature(table('published/lr-matters-qwen3-0.6b-sweep.csv'), ratios) },
    {
      name: 'bundled, 200 steps, accuracy',
      sweep: sweepOf(bundled.map((one) => ({ ...one, rate: one.optimalLearningRate }))),
    },
    {
      name: 'bundled, 200 steps, exact match',
      sweep: sweepOf(bundled.map((one) => ({ ...one, rate: one.optimalLearningRateByExactMatch }))),
    },
    { name: 'bundled, 100 steps, accuracy', sweep: table('results/sweeps/bundled-100.csv', { score: 'accuracy' }) },
    { name: 'bundled, 100 steps, loss', sweep: table('results/sweeps/bundled-100.csv', { score: 'loss' }) },
    { name: 'full batch, 30 steps, loss', sweep: table('results/sweeps/full-batch-adamw.csv') },
    { name: 'full batch, 30 steps, loss', sweep: table('results/sweeps/full-batch-sgd.csv', { optimizer: 'sgd' }) },
  ];
}

interface PublishedFigures {
  readonly methods: readonly {
    readonly method: string;
    readonly optimalLearningRate: number;
    readonly lambdaMaxRatioMedian?: number;
  }[];
}

interface BundledStudy {
  readonly methods: readonly {
    readonly method: string;
    readonly lambdaMax: number;
    readonly optimalLearningRate: number;
    readonly optimalLearningRateByExactMatch: number;
  }[];
}

function read<Content>(name: string): Content {
  return JSON.parse(readFileSync(path(name), 'utf8')) as Content;
}

function path(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

function table(
  name: string,
  { score, optimizer = 'adamw' }: { readonly score?: string; readonly optimizer?: string } = {},
): Sweep {
  return readSweepCsv(path(name), { context: { optimizer }, ...(score !== undefined && { columns: { score } }) });
}

/** The configurations of a sweep of which the curvature is known, with it. */
function withCurvature(sweep: Sweep, lambdas: ReadonlyMap<string, number>): Sweep {
  return {
    ...sweep,
    runs: sweep.runs.filter(({ method }) => lambdas.has(method)),
    configurations: sweep.configurations
      .filter(({ method }) => lambdas.has(method))
      .map((one) => ({ ...one, lambdaMax: lambdas.get(one.method)! })),
  };
}

/** A sweep with one run at each best rate, which is then the one that is found. */
function sweepOf(best: readonly BestRate[]): Sweep {
  return {
    scoreDirection: 'lower',
    context: { optimizer: 'adamw' },
    runs: best.map(({ method, rate }) => ({
      ...{ configuration: method, method, learningRate: rate, seed: 0, score: 1 },
      status: 'finished' as const,
    })),
    configurations: best.map(({ method, lambdaMax }) => ({ configuration: method, method, lambdaMax })),
  };
}

function lawsOf({ name, sweep }: Study): LawRow {
  const { predictors, points, scaleLaw } = predict(sweep);
  const named = (predictor: string): PredictorSummary => predictors.find((one) => one.name === predictor)!;
  const fold = ({ geometricMeanFoldError, low, high }: PredictorSummary): Range => ({
    ...{ value: geometricMeanFoldError!, low, high },
  });
  const { slope, slopeLow, slopeHigh } = named('two-over-lambda');
  const [inverse, root] = [named('two-over-lambda-calibrated'), named('root-lambda-calibrated')];
  return {
    ...{
      study: name,
      optimizer: sweep.context!.optimizer!,
      count: points.length,
      expected: scaleLaw?.exponent ?? null,
    },
    power: { value: slope!, low: slopeLow, high: slopeHigh },
    ...{ inverse: fold(inverse), root: fold(root), constant: fold(named('one-constant')) },
    ...{ inverseOverConstant: inverse.overConstant!, rootOverConstant: root.overConstant! },
  };
}

/** A line for each study, in Markdown. */
export function lawLines(rows: readonly LawRow[]): string[] {
  const heads = [
    ...['study', 'optimizer', 'methods', 'power by scale', 'power seen', 'c / lambda_max', 'c / sqrt(lambda_max)'],
    ...['one constant', 'c / lambda_max over it', 'c / sqrt(lambda_max) over it'],
  ];
  const lines = rows.map((one) => [
    ...[one.study, one.optimizer, String(one.count), one.expected?.toFixed(1) ?? '–', words(one.power)],
    ...[one.inverse, one.root, one.constant, one.inverseOverConstant, one.rootOverConstant].map(words),
  ]);
  return [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
}

function words({ value, low, high }: Range): string {
  return low === null || high === null
    ? value.toFixed(2)
    : `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}
