import type { Sweep } from '../../analysis/rates/sweep.ts';
import type { Arguments, OptionGroup } from '../command.ts';
import type { Output } from '../words/output.ts';
import { value } from './options.ts';
import { atMostOne, choice, given, optional, text } from './values.ts';

/** A table of runs instead of a study's folder. */
export const tableOptions: OptionGroup = {
  csv: value(
    'Study',
    'FILE',
    'a sweep of your own: results.csv, columns method,learningRate,score[,seed][,lambdaMax], or a table of Optuna, W&B, Ray Tune or MLflow',
  ),
  columns: value(
    'Study',
    'ROLE=NAME,..',
    'which columns of --csv are rate, score, method, seed, status, lambda; setting=NAME: runs that differ in it are of different ' +
      'configurations; ignore=NAME: does not count. Usual names are known',
  ),
  better: {
    ...value(
      'Study',
      'WAY',
      'lower (a loss) or higher (an accuracy); if not given told from the score’s name in --csv, else from the curves',
    ),
    choices: ['lower', 'higher'],
  },
};

/** A table that is to be read. */
export interface TableChoice {
  readonly file: string;
  /** Reads it, and says what its reader may want to check. */
  read(output: Output): Promise<Sweep>;
}

/** @throws UsageError for what belongs to a table beside any of `others`, and for roles that are none; undefined without a table. */
export async function parseTable(args: Arguments, ...others: readonly string[]): Promise<TableChoice | undefined> {
  for (const other of others) for (const name of Object.keys(tableOptions)) atMostOne(args, other, name);
  const file = optional(args, 'csv', text);
  const scoreDirection = optional(args, 'better', choice(['lower', 'higher']));
  const { parseColumns } = await import('../../analysis/table/columns.ts');
  const columns = optional(args, 'columns', parseColumns);
  if (file === undefined) return undefined;
  return {
    file,
    async read(output) {
      const { readSweepCsv } = await import('../../analysis/rates/sweepCsv.ts');
      return readSweepCsv(file, { ...given({ scoreDirection, columns }), onNotice: output.say });
    },
  };
}
