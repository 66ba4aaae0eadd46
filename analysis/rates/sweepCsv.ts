import { LambdamaxError } from '../../errors.ts';
import { geometricMean } from '../../numerics/statistics.ts';
import { isMissing, numberReader, type ReadNumber, statusOf } from '../table/cells.ts';
import { isMoment, plainName } from '../table/columnNames.ts';
import { type ColumnChoices, type Roles, rolesOf } from '../table/columns.ts';
import { type Configurations, configurationsOf } from '../table/configurations.ts';
import { readTable, type Table, type TableRow } from '../table/readTable.ts';
import { directionWords } from '../table/wellKnownNames.ts';
import { type OwnTable, ownTableOf } from './ownTable.ts';
import { isDiverged, ratePoints, type ScoreDirection, type Sweep, type SweepContext, type SweepRun } from './sweep.ts';

/** How a table is read. */
export interface SweepCsvOptions {
  readonly scoreDirection?: ScoreDirection;
  /** Which columns are what, where their names do not say it. */
  readonly columns?: ColumnChoices;
  readonly context?: SweepContext;
  /** Is told, in sentences, what the reader may want to check: columns that were found by their names, runs that were left out. */
  readonly onNotice?: (notice: string) => void;
}

/**
 * Reads a sweep from a table: one of our own (`results.csv`), one with columns method, learningRate, score, and optionally seed,
 * lambdaMax, configuration and status, or an export of Optuna, W&B, Ray Tune or MLflow, whose columns are known by their usual names.
 *
 * Only runs that finished or diverged count; a score that is empty, nan or inf is a diverged run. Settings that differ among runs
 * are part of their configuration. Without a seed column repeated rows count as seeds 0, 1, ... Where the rows of a configuration
 * differ in lambdaMax, their geometric mean stands.
 *
 * Without `scoreDirection` the score's name tells it (a loss is better lower, an accuracy higher), or in a table of ours the intervals
 * of shares, which a loss does not have, else the curves: the way that gives more configurations a best rate inside their grid. Scores from 0 to 1 of which higher is better are shares.
 *
 * @throws LambdamaxError with the file, and the line of the first bad row or the column that cannot be told.
 */
export function readSweepCsv(path: string, options: SweepCsvOptions = {}): Sweep {
  const { scoreDirection, columns = {}, context, onNotice = () => {} } = options;
  const table = readTable(path);
  // Whoever says which column is the score wants another than ours.
  const own = columns.score === undefined && columns.rate === undefined ? ownTableOf(table) : null;
  const roles = rolesOf(table, columns);
  if (own === null) tellRoles(roles, columns, onNotice);
  const counted = countedRows(table, roles, onNotice);
  const configured = configurationsOf(table, counted, roles, columns);
  const rows = wholeRows(table, counted, configured, onNotice);
  const read = numberReader(table, [roles.rate, roles.score, ...(roles.lambda ? [roles.lambda] : [])]);
  const moments = table.columns.filter((column) => isMoment(column) && !(columns.ignore ?? []).includes(column));
  const runs = seededRuns(rows, roles, configured, moments, read, onNotice);
  if (own === null) refuseSinglePoints(table, runs, configured);
  const names = [...new Set(runs.map((run) => run.configuration))];
  if (own !== null) return ownSweep(own, table, { rows, runs, names }, configured, options);
  const shares = shareColumns.filter(({ low }) => table.columns.includes(low));
  const share = shares.find(({ low }) => rows.some(({ cells }) => cells[low] !== ''));
  // In an older table of ours a score without intervals is a loss.
  const olderDirection = shares.length === 0 ? undefined : share ? 'higher' : 'lower';
  const direction = scoreDirection ?? directionOfName(roles.score) ?? olderDirection ?? directionOf(path, runs, names);
  const isShare = direction === 'higher' && runs.every(({ score }) => score === null || (score >= 0 && score <= 1));
  return {
    runs: isShare ? runs.map((run, i) => ({ ...run, ...readBeside(rows[i]!, share) })) : runs,
    configurations: names.map((name) => configurationNamed(name, rows, runs, { roles, configured, read })),
    ...{ scoreDirection: direction, isShare },
    ...((context !== undefined || isShare) && {
      context: { ...(isShare && share && { score: share.score }), ...context },
    }),
  };
}

/** The sweep of a table of ours, with all that its study knows. */
function ownSweep(
  own: OwnTable,
  { columns }: Table,
  {
    rows,
    runs,
    names,
  }: { readonly rows: readonly TableRow[]; readonly runs: readonly SweepRun[]; readonly names: readonly string[] },
  { of, settingColumns }: Configurations,
  { scoreDirection, context }: SweepCsvOptions,
): Sweep {
  const rowsOf = new Map(names.map((name) => [name, rows.filter((_, at) => runs[at]!.configuration === name)]));
  return {
    runs: own.isShare ? runs.map((run, at) => ({ ...run, ...own.besideOf(rows[at]!) })) : runs,
    configurations: [...rowsOf].map(([configuration, [first]]) => {
      const { method, settings } = of(first!);
      // In the study's order, in which sentences name them.
      const ordered = columns.flatMap((name) => (settingColumns.includes(name) ? [[name, settings[name]!]] : []));
      return { configuration, method, settings: Object.fromEntries(ordered), ...own.knownOf(first!) };
    }),
    ...{ scoreDirection: scoreDirection ?? own.direction, isShare: own.isShare },
    progress: own.progressOf(rowsOf),
    context: { ...own.contextOf(rows), ...context },
  };
}

/** The rows of runs that came to an end; says what became of the others. */
function countedRows(table: Table, { status }: Roles, onNotice: (notice: string) => void): TableRow[] {
  const wordOf = ({ cells }: TableRow): string => (status === undefined ? '' : cells[status]!);
  const counted = table.rows.filter((row) => statusOf(wordOf(row), row.subject, status ?? '') !== 'unfinished');
  const others = table.rows.filter((row) => !counted.includes(row)).map(wordOf);
  const told = [...new Set(others)].map((word) => `${others.filter((one) => one === word).length} ${word}`).join(', ');
  if (counted.length === 0) {
    throw new LambdamaxError({
      subject: table.path,
      expected: 'at least one finished run',
      got: told,
      remedy: `\`columns: ignore=${status}\` counts them all`,
    });
  }
  if (told !== '') onNotice(`left out ${others.length} of ${table.rows.length} runs, which did not finish: ${told}`);
  return counted;
}

/** The rows whose training was not ended early: Ray Tune calls these done as well. */
function wholeRows(
  { columns }: Table,
  rows: readonly TableRow[],
  { of }: Configurations,
  onNotice: (notice: string) => void,
): readonly TableRow[] {
  const column = columns.find((name) => plainName(name) === 'training iteration');
  if (column === undefined) return rows;
  const most = new Map<string, number>();
  for (const row of rows) most.set(of(row).name, Math.max(most.get(of(row).name) ?? 0, Number(row.cells[column])));
  const whole = rows.filter((row) => Number(row.cells[column]) === most.get(of(row).name));
  if (whole.length < rows.length)
    onNotice(
      `left out ${rows.length - whole.length} of ${rows.length} runs, which have fewer of ${column} than others`,
    );
  return whole;
}

function seededRuns(
  rows: readonly TableRow[],
  roles: Roles,
  configured: Configurations,
  moments: readonly string[],
  read: ReadNumber,
  onNotice: (notice: string) => void,
): SweepRun[] {
  const runs = rows.map((row) => readRun(row, roles, configured, read));
  const twice = firstRepeated(runs);
  if (twice === undefined) return runs;
  refuseHistories(rows, runs, moments);
  const isCounted = roles.seed !== undefined && configured.seedColumns.length === 0;
  if (isCounted) {
    const { configuration, learningRate, seed } = runs[twice]!;
    throw new LambdamaxError({
      subject: rows[twice]!.subject,
      expected: 'one row for each configuration, learningRate and seed',
      got: `a second row for ${configuration}, ${learningRate}, seed ${seed}`,
      remedy: 'number repeated runs in a seed column',
    });
  }
  const written = rows.map(({ cells }) => JSON.stringify(cells));
  const same = written.findIndex((text, i) => written.indexOf(text) < i);
  onNotice('rows of one configuration and learning rate count as runs under different seeds');
  if (same >= 0)
    onNotice(`${rows[same]!.subject} is the same as ${rows[written.indexOf(written[same]!)]!.subject}: both count`);
  return withSeeds(runs);
}

/** Throws where rows that would count as repeats were written at different moments: they may be steps of one run. */
function refuseHistories(rows: readonly TableRow[], runs: readonly SweepRun[], moments: readonly string[]): void {
  const seen = new Map<string, TableRow>();
  for (const [index, row] of rows.entries()) {
    const { configuration, learningRate, seed } = runs[index]!;
    const key = JSON.stringify([configuration, learningRate.toPrecision(9), seed]);
    const before = seen.get(key) ?? row;
    seen.set(key, before);
    const moment = moments.find((column) => before.cells[column] !== row.cells[column]);
    if (moment === undefined) continue;
    throw new LambdamaxError({
      subject: row.subject,
      expected: 'one row for each run',
      got: `${moment} ${row.cells[moment]} after ${before.cells[moment]} of ${configuration} at ${learningRate}`,
      remedy: `keep the last row of each run; if these are runs of their own, say \`columns: ignore=${moment}\``,
    });
  }
}

function readRun({ cells, subject }: TableRow, roles: Roles, { of }: Configurations, read: ReadNumber): SweepRun {
  const { name: configuration, method } = of({ cells, subject });
  const learningRate = positiveNumber({ cells, subject }, roles.rate, read);
  const seedText = (roles.seed && cells[roles.seed]) || '';
  const seed = seedText === '' ? 0 : Number(seedText);
  if (!Number.isInteger(seed))
    throw new LambdamaxError({ subject, expected: 'seed to be a whole number', got: seedText });
  const scoreText = cells[roles.score]!;
  const hasDiverged =
    roles.status !== undefined && statusOf(cells[roles.status]!, subject, roles.status) === 'diverged';
  const score = hasDiverged || isMissing(scoreText) ? null : read(scoreText);
  if (score === undefined) {
    throw new LambdamaxError({
      subject,
      expected: `${roles.score} to be a number, or empty for a diverged run`,
      got: scoreText,
    });
  }
  // A loss of 1e999 has left what numbers can say.
  const finite = score !== null && Number.isFinite(score) ? score : null;
  return {
    configuration,
    method,
    learningRate,
    seed,
    score: finite,
    status: finite === null ? 'diverged' : 'finished',
  };
}

function configurationNamed(
  configuration: string,
  rows: readonly TableRow[],
  runs: readonly SweepRun[],
  {
    roles,
    configured,
    read,
  }: { readonly roles: Roles; readonly configured: Configurations; readonly read: ReadNumber },
): Sweep['configurations'][number] {
  const own = rows.filter((_, i) => runs[i]!.configuration === configuration);
  const { lambda } = roles;
  const curvatures = own.flatMap((row) =>
    lambda === undefined || isMissing(row.cells[lambda]!) ? [] : positiveNumber(row, lambda, read),
  );
  const { method, settings } = configured.of(own[0]!);
  return {
    ...{ configuration, method },
    ...(configured.settingColumns.length > 0 && { settings }),
    ...(curvatures.length > 0 && { lambdaMax: geometricMean(curvatures) }),
  };
}

/** Says which columns were found by names that are not the plainest. */
function tellRoles(roles: Roles, choices: ColumnChoices, onNotice: (notice: string) => void): void {
  const plainest: Readonly<Record<string, string>> = { rate: 'learningRate', lambda: 'lambdaMax' };
  const found = Object.entries(roles).filter(
    ([role, column]) => !(role in choices) && column !== (plainest[role] ?? role),
  );
  if (found.length > 0) onNotice(`by their names, ${found.map(([role, column]) => `${role} is ${column}`).join(', ')}`);
  if (roles.method === undefined)
    onNotice('no column is known to name the method: runs are told apart by their settings alone');
}

/** What differs from run to run and is no setting that anybody chose makes every run a configuration of its own. */
function refuseSinglePoints({ path }: Table, runs: readonly SweepRun[], { settingColumns }: Configurations): void {
  const rates = new Map<string, Set<number>>();
  for (const { configuration, learningRate } of runs)
    rates.set(configuration, (rates.get(configuration) ?? new Set()).add(learningRate));
  if (rates.size < 2 || settingColumns.length === 0 || [...rates.values()].some(({ size }) => size > 1)) return;
  throw new LambdamaxError({
    subject: path,
    expected: 'several learning rates with the same settings',
    got: `${settingColumns.join(', ')} and the rate never apart`,
    remedy: '`columns: ignore=NAME` takes runs that differ in a setting together',
  });
}

/** Which way a score of this name improves, if the name says it. */
function directionOfName(column: string): ScoreDirection | undefined {
  const name = ` ${plainName(column)} `;
  const told = (['lower', 'higher'] as const).filter((way) =>
    directionWords[way].some((word) => name.includes(` ${word} `)),
  );
  return told.length === 1 ? told[0] : undefined;
}

/** The intervals of shares in `results.csv`, now and as version 0.1 wrote it, and what the score beside them is: the first that is there. */
const shareColumns = [
  { score: 'accuracy', low: 'accuracy_low', high: 'accuracy_high' },
  { score: 'accuracy', low: 'accuracyLow', high: 'accuracyHigh' },
  { score: 'exact match', low: 'exact_match_low', high: 'exact_match_high' },
] as const;

/** What stands beside a share in `results.csv`; empty or missing fields say nothing. */
function readBeside(
  { cells }: TableRow,
  share: (typeof shareColumns)[number] | undefined,
): Pick<SweepRun, 'interval' | 'loss'> {
  const [low, high, loss] = [share?.low, share?.high, 'loss' in cells ? 'loss' : 'validationLoss'].map((column) => {
    const text = (column && cells[column]) ?? '';
    return text === '' || !Number.isFinite(Number(text)) ? null : Number(text);
  });
  return { interval: low == null || high == null ? null : [low, high], loss: loss ?? null };
}

function positiveNumber({ cells, subject }: TableRow, column: string, read: ReadNumber): number {
  const text = cells[column]!;
  const value = read(text) ?? Number.NaN;
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
    const key = JSON.stringify([run.configuration, run.learningRate.toPrecision(9)]);
    const seed = next.get(key) ?? 0;
    next.set(key, seed + 1);
    return { ...run, seed };
  });
}

function firstRepeated(runs: readonly SweepRun[]): number | undefined {
  const seen = new Set<string>();
  const index = runs.findIndex((run) => {
    const key = JSON.stringify([run.configuration, run.learningRate.toPrecision(9), run.seed]);
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
      remedy: 'say with `scoreDirection` which is meant, lower or higher',
    });
  }
  return lower > higher ? 'lower' : 'higher';
}
