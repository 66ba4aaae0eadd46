import { LambdamaxError } from '../../errors.ts';
import type { Table, TableRow } from '../table/readTable.ts';
import type { ScoreDirection, SweepConfiguration, SweepContext, SweepProgress, SweepRun } from './sweep.ts';

/** What a `results.csv` of ours says besides its runs. */
export interface OwnTable {
  readonly direction: ScoreDirection;
  readonly isShare: boolean;
  /** What stands beside a share of problems solved. */
  besideOf(row: TableRow): Required<Pick<SweepRun, 'interval' | 'loss'>>;
  /** What was measured of the configuration that a row is a run of. */
  knownOf(row: TableRow): Omit<SweepConfiguration, 'configuration' | 'method' | 'settings'>;
  contextOf(rows: readonly TableRow[]): SweepContext;
  /** How far the sweep has come, from the rows of each configuration by its name. */
  progressOf(rows: ReadonlyMap<string, readonly TableRow[]>): SweepProgress;
}

/** The columns by which a table of ours is known. */
const telling = ['configuration', 'scored_by', 'trained_by', 'runs_planned'];

/** What scores are called that are shares of problems. */
const shares: readonly string[] = ['accuracy', 'exact match'];

/**
 * A table as a study writes it, or several of them one below the other; null for any other, and for one of version 0.1.
 * @throws LambdamaxError for tables of which some are scored by a share and some by a loss.
 */
export function ownTableOf(table: Table): OwnTable | null {
  if (!telling.every((column) => table.columns.includes(column))) return null;
  const measures = [...new Set(table.rows.map(({ cells }) => cells.scored_by!))];
  const isShare = measures.every((measure) => shares.includes(measure));
  if (!isShare && measures.some((measure) => shares.includes(measure)))
    throw new LambdamaxError({
      subject: table.path,
      expected: 'runs that are compared in one way',
      got: measures.join(' and '),
      remedy: 'look at each study by itself',
    });
  return {
    ...{ direction: isShare ? 'higher' : 'lower', isShare },
    besideOf,
    knownOf: (row) => knownIn(row, table.columns),
    contextOf,
    progressOf,
  };
}

function besideOf({ cells }: TableRow): ReturnType<OwnTable['besideOf']> {
  const measure = cells.scored_by!.replace(' ', '_');
  const [low, high] = [numberIn(cells[`${measure}_low`]), numberIn(cells[`${measure}_high`])];
  return { interval: low === null || high === null ? null : [low, high], loss: numberIn(cells.validation_loss) };
}

function knownIn({ cells }: TableRow, columns: readonly string[]): ReturnType<OwnTable['knownOf']> {
  const lambdaMax = numberIn(cells.lambda_max);
  const named = (prefix: string): Record<string, number> =>
    Object.fromEntries(
      columns
        .filter((column) => column.startsWith(prefix))
        .flatMap((column) => {
          const value = numberIn(cells[column]);
          return value === null ? [] : [[column.slice(prefix.length), value]];
        }),
    );
  const { trained_by: optimizer = '', limit_formula: formula = '', starts_at_zero_b: startsAtZeroB = '' } = cells;
  return {
    ...(lambdaMax !== null && lambdaMax > 0 && { lambdaMax }),
    ...(startsAtZeroB !== '' && { startsAtZeroB: startsAtZeroB === 'true' }),
    limit: formula === '' ? null : { optimizer, learningRate: numberIn(cells.limit_rate), formula },
    predictedRates: named('predicted_'),
    prices: named('price_'),
  };
}

function contextOf(rows: readonly TableRow[]): SweepContext {
  const common = (column: string): string | undefined => {
    const values = new Set(rows.map(({ cells }) => cells[column] ?? ''));
    const [value] = values;
    return values.size === 1 && value !== '' ? value : undefined;
  };
  const numeric = (column: string): number | undefined => numberIn(common(column)) ?? undefined;
  const context = {
    ...{ steps: numeric('steps'), model: common('model'), data: common('data'), batchSize: numeric('batch_size') },
    ...{ optimizer: common('trained_by'), score: common('scored_by') },
  };
  return Object.fromEntries(Object.entries(context).filter(([, value]) => value !== undefined));
}

function progressOf(rows: ReadonlyMap<string, readonly TableRow[]>): SweepProgress {
  const all = [...rows].map(([name, own]) => {
    const planned = numberIn(own[0]!.cells.runs_planned) ?? own.length;
    return { name, done: own.length, planned: Math.max(own.length, planned) };
  });
  return {
    done: all.reduce((sum, { done }) => sum + done, 0),
    planned: all.reduce((sum, { planned }) => sum + planned, 0),
    unfinished: all.filter(({ done, planned }) => done < planned).map(({ name }) => name),
  };
}

function numberIn(cell: string | undefined): number | null {
  return cell === undefined || cell === '' || !Number.isFinite(Number(cell)) ? null : Number(cell);
}
