import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { LambdamaxError } from '../errors.ts';
import { fileFault } from '../training/checkpoint/files.ts';
import { geometricMean } from './statistics.ts';
import { isDiverged, ratePoints, type ScoreDirection, type Sweep, type SweepContext, type SweepRun } from './sweep.ts';

/** Words that stand for the score of a run that diverged; an empty field does too. */
const divergedWords = new Set(['', 'nan', 'inf', '+inf', '-inf', 'infinity', '-infinity', 'null', 'none', 'diverged']);

const requiredColumns = ['method', 'learningRate', 'score'] as const;

interface Row {
  readonly record: Readonly<Record<string, string>>;
  readonly subject: string;
}

/**
 * Reads a sweep from a CSV file with a header: columns method, learningRate, score, and optionally seed (without
 * that column repeated rows count as seeds 0, 1, ...),
 * lambdaMax (where the rows of a configuration differ: their geometric mean), configuration (default: the method) and
 * status ("diverged"); beside a share its interval, accuracyLow and accuracyHigh (of exact matches exact_match_low and
 * exact_match_high), and validationLoss. Other columns are
 * ignored. A score that is empty, nan or inf is a diverged run.
 *
 * Without `scoreDirection` an accuracy's interval tells it, else the curves: the way that gives more configurations a best rate inside their
 * grid. Scores from 0 to 1 of which higher is better are shares. Throws LambdamaxError with the file and line of the first bad row.
 */
export function readSweepCsv(
  path: string,
  { scoreDirection, context }: { scoreDirection?: ScoreDirection; context?: SweepContext } = {},
): Sweep {
  const rows = readRows(path);
  const runs = rows[0]!.record.seed === undefined ? withSeeds(rows.map(readRun)) : rows.map(readRun);
  const twice = firstRepeated(runs);
  if (twice !== undefined) {
    const { configuration, learningRate, seed } = runs[twice]!;
    throw new LambdamaxError({
      subject: rows[twice]!.subject,
      expected: 'one row for each configuration, learningRate and seed',
      got: `a second row for ${configuration}, ${learningRate}, seed ${seed}`,
      remedy: 'number repeated runs in a seed column',
    });
  }
  const curvatures = rows.map((row) => {
    const text = row.record.lambdaMax ?? '';
    return text === '' ? null : positiveNumber(row, 'lambdaMax');
  });
  const names = [...new Set(runs.map((run) => run.configuration))];
  const configurations = names.map((configuration) => {
    const own = runs.flatMap((run, i) => (run.configuration === configuration ? (curvatures[i] ?? []) : []));
    const method = runs.find((run) => run.configuration === configuration)!.method;
    return { configuration, method, ...(own.length > 0 && { lambdaMax: geometricMean(own) }) };
  });
  const share = shareColumns.find(({ low }) => rows.some(({ record }) => (record[low] ?? '') !== ''));
  const direction = scoreDirection ?? (share ? 'higher' : directionOf(path, runs, names));
  const isShare = direction === 'higher' && runs.every(({ score }) => score === null || (score >= 0 && score <= 1));
  return {
    runs: isShare ? runs.map((run, i) => ({ ...run, ...readBeside(rows[i]!, share) })) : runs,
    ...{ configurations, scoreDirection: direction, isShare },
    ...((context !== undefined || isShare) && {
      context: { ...(isShare && share && { score: share.score }), ...context },
    }),
  };
}

function readRows(path: string): Row[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw fileFault(path, 'a readable CSV file', cause);
  }
  let header: string[] = [];
  let parsed: { record: Record<string, string>; info: { lines: number } }[];
  try {
    parsed = parse(text, {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      info: true,
      columns: (names: string[]) => {
        header = names;
        return names;
      },
    }) as unknown as typeof parsed;
  } catch (cause) {
    throw new LambdamaxError({
      subject: path,
      expected: 'CSV with as many fields in each row as in its header',
      got: (cause as Error).message,
      cause,
    });
  }
  const missing = requiredColumns.filter((name) => !header.includes(name));
  if (missing.length > 0) {
    throw new LambdamaxError({
      subject: path,
      expected: `the columns ${requiredColumns.join(', ')}`,
      got: header.length === 0 ? 'an empty file' : `${header.join(', ')} (without ${missing.join(', ')})`,
    });
  }
  if (parsed.length === 0)
    throw new LambdamaxError({ subject: path, expected: 'at least one row', got: 'a header only' });
  return parsed.map(({ record, info }) => ({ record, subject: `${path} line ${info.lines}` }));
}

function readRun(row: Row): SweepRun {
  const { record, subject } = row;
  const method = record.method!;
  if (method === '') throw new LambdamaxError({ subject, expected: 'a method', got: 'an empty field' });
  const learningRate = positiveNumber(row, 'learningRate');
  const seedText = record.seed ?? '';
  const seed = seedText === '' ? 0 : Number(seedText);
  if (!Number.isInteger(seed))
    throw new LambdamaxError({ subject, expected: 'seed to be a whole number', got: seedText });
  const scoreText = record.score!;
  const isBroken = divergedWords.has(scoreText.toLowerCase()) || record.status?.toLowerCase() === 'diverged';
  const score = isBroken ? null : Number(scoreText);
  if (score !== null && !Number.isFinite(score)) {
    throw new LambdamaxError({
      subject,
      expected: 'score to be a number, or empty for a diverged run',
      got: scoreText,
    });
  }
  const configuration = record.configuration || method;
  return { configuration, method, learningRate, seed, score, status: score === null ? 'diverged' : 'finished' };
}

/** The intervals of shares in `results.csv`, and what the score beside them is: where both are there the first. */
const shareColumns = [
  { score: 'accuracy', low: 'accuracyLow', high: 'accuracyHigh' },
  { score: 'exact match', low: 'exact_match_low', high: 'exact_match_high' },
] as const;

/** What stands beside a share in `results.csv`; empty or missing fields say nothing. */
function readBeside(
  { record }: Row,
  share: (typeof shareColumns)[number] | undefined,
): Pick<SweepRun, 'interval' | 'loss'> {
  const [low, high, loss] = [share?.low, share?.high, 'validationLoss'].map((column) => {
    const text = (column && record[column]) ?? '';
    return text === '' || !Number.isFinite(Number(text)) ? null : Number(text);
  });
  return { interval: low == null || high == null ? null : [low, high], loss: loss ?? null };
}

function positiveNumber({ record, subject }: Row, column: string): number {
  const text = record[column]!;
  const value = text === '' ? Number.NaN : Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new LambdamaxError({
      subject,
      expected: `${column} to be a positive number`,
      got: text === '' ? 'an empty field' : text,
    });
  }
  return value;
}

/** Numbers the runs of one configuration and rate from 0, in the order of the rows. */
function withSeeds(runs: readonly SweepRun[]): SweepRun[] {
  const next = new Map<string, number>();
  return runs.map((run) => {
    const key = JSON.stringify([run.configuration, run.learningRate]);
    const seed = next.get(key) ?? 0;
    next.set(key, seed + 1);
    return { ...run, seed };
  });
}

function firstRepeated(runs: readonly SweepRun[]): number | undefined {
  const seen = new Set<string>();
  const index = runs.findIndex((run) => {
    const key = JSON.stringify([run.configuration, run.learningRate, run.seed]);
    const isRepeated = seen.has(key);
    seen.add(key);
    return isRepeated;
  });
  return index === -1 ? undefined : index;
}

function directionOf(path: string, runs: readonly SweepRun[], names: readonly string[]): ScoreDirection {
  let lower = 0;
  let higher = 0;
  for (const name of names) {
    const finished = ratePoints(
      runs.filter((run) => !isDiverged(run)),
      name,
    );
    const scores = finished.map((point) => point.mean!);
    const isInside = (score: number): boolean => {
      const index = scores.indexOf(score);
      return index > 0 && index < scores.length - 1;
    };
    if (isInside(Math.min(...scores))) lower++;
    if (isInside(Math.max(...scores))) higher++;
  }
  if (lower === higher) {
    throw new LambdamaxError({
      subject: path,
      expected: 'curves that show whether a lower or a higher score is better',
      got: 'best rates inside the grid both ways, or neither way',
      remedy: 'say with --better which is meant, lower or higher',
    });
  }
  return lower > higher ? 'lower' : 'higher';
}
