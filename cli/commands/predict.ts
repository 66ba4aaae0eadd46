import { join } from 'node:path';
import type { Prediction } from '../../analysis/rates/prediction.ts';
import { LambdamaxError } from '../../errors.ts';
import type { Command } from '../command.ts';
import { studyOption, value } from '../options/options.ts';
import { parseTable, tableOptions } from '../options/tableOptions.ts';
import { UsageError } from '../options/usageError.ts';
import { choice, list, optional, required, text } from '../options/values.ts';
import { optimaTable } from '../words/optimaTable.ts';
import type { Output } from '../words/output.ts';
import { paragraphIn, tableFormats, tablesIn } from '../words/tables.ts';

/** `lambdamax predict`: predicted learning rates beside the best ones of a sweep. */
export const command: Command = {
  usage: 'predict [study]',
  summary: 'Set predicted learning rates against the best ones of a sweep',
  options: {
    ...studyOption,
    ...tableOptions,
    format: {
      ...value('Output', 'NAME', `of the tables: ${tableFormats.join(', ')} (for booktabs)`, 'text'),
      choices: tableFormats,
    },
  },
  examples: [
    ['predict runs/my-study', 'from a study folder; leaves prediction.json there'],
    ['predict --csv sweep.csv --better higher', 'from a table of accuracies'],
    ['predict runs/my-study --format latex', 'tables for a paper'],
    [
      'predict --csv trials.csv --columns rate=params_eta,score=value --better lower',
      "from Optuna's trials_dataframe()",
    ],
  ],
  async run(args, output) {
    const table = await parseTable(args, 'study');
    const studies = optional(args, 'study', list(text));
    const format = required(args, 'format', choice(tableFormats));
    if (studies === undefined && table === undefined) {
      throw new UsageError({ subject: '--study', expected: 'a study folder, or --csv FILE', got: 'neither' });
    }
    const { predict } = await import('../../analysis/rates/predictor.ts');
    const { sweep, differences } = await (table === undefined
      ? findingsOf(studies!)
      : table.read(output).then((sweep) => ({ sweep, differences: [] })));
    const prediction = predict(sweep);
    // Several studies have no folder in common.
    const [study, ...others] = studies ?? [];
    const fault =
      study !== undefined &&
      others.length === 0 &&
      (await keepPrediction(join(study, 'prediction.json'), prediction, output));
    const { progressWords } = await import('../../analysis/rates/verdict/findings.ts');
    const progress = progressWords(prediction);
    const laidOut = tablesIn(format, output);
    const words = (text: string): string => paragraphIn(format, text);
    output.result(differences.length > 0 ? { ...prediction, differences } : prediction, () => [
      ...(progress === null ? [] : [words(progress), '']),
      ...(differences.length > 0 ? [...differences.map(words), ''] : []),
      ...optimaTable(prediction, laidOut),
      '',
      ...predictorTable(prediction, laidOut),
      ...(prediction.powers.length === 0 ? [] : ['', ...powerTable(prediction, laidOut)]),
      '',
      words(prediction.verdict),
    ]);
    if (fault) throw fault;
  },
};

/** What the system says of a disk that fails; other faults are those of a folder that is not there to be written to. */
const diskFaults: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EIO', 'EFBIG'];

/**
 * Writes prediction.json. A folder that is not to be written to is no reason not to show what is in it, which is said; a fault of
 * the disk is returned, to be thrown once the prediction has been shown.
 */
async function keepPrediction(path: string, prediction: Prediction, output: Output): Promise<LambdamaxError | null> {
  const { writeJson } = await import('../../training/checkpoint/files.ts');
  try {
    await writeJson(path, prediction);
    return null;
  } catch (error) {
    if (!(error instanceof LambdamaxError)) throw error;
    if (diskFaults.includes((error.cause as NodeJS.ErrnoException | undefined)?.code)) return error;
    output.warn(`not kept: ${error.message}`);
    return null;
  }
}

/** A line for each predictor that had anything to predict from, and for one who knew the true best rates. */
function predictorTable({ predictors, noiseFloor }: Prediction, output: Pick<Output, 'table'>): string[] {
  const used = predictors.filter(({ count }) => count > 0);
  const isGrouped = used.some(({ equalSettings }) => equalSettings !== null);
  return output.table(
    [
      ...[
        'predictor',
        'slope',
        'Spearman',
        ...(isGrouped ? ['fold, equal settings', 'fold, over all'] : ['mean fold']),
      ],
      ...['low', 'high', 'worst fold', 'regret', 'regret of the best measured', 'price'],
    ],
    [
      ...used.map((one) => [
        ...[one.name, one.slope, one.spearman],
        ...(isGrouped
          ? [one.equalSettings!.geometricMeanFoldError, one.overAll!.geometricMeanFoldError]
          : [one.geometricMeanFoldError]),
        ...[one.low, one.high, one.worstFoldError, one.curveRegret?.value ?? null, one.meanRegret, one.price],
      ]),
      ...(noiseFloor === null
        ? []
        : [
            [
              ...['true optimum', null, null, ...(isGrouped ? [noiseFloor.foldError] : []), noiseFloor.foldError],
              ...[noiseFloor.low, noiseFloor.high, null, noiseFloor.regret, null, null],
            ],
          ]),
    ],
  );
}

/** A line for each numeric setting that differs: the power of it as which the best rate goes. */
function powerTable({ powers }: Prediction, output: Pick<Output, 'table'>): string[] {
  return output.table(
    ['setting', 'power', 'low', 'high', 'configurations', 'moves with'],
    powers.map(({ setting, power, low, high, configurations, movesWith }) => [
      setting,
      power,
      low,
      high,
      configurations,
      movesWith.join(', '),
    ]),
  );
}

async function findingsOf(folders: readonly string[]) {
  const { readStudyFindings } = await import('../../study/findings.ts');
  const { studyFolders } = await import('../../study/report.ts');
  return readStudyFindings(...(folders.length === 1 ? folders : (await Promise.all(folders.map(studyFolders))).flat()));
}
