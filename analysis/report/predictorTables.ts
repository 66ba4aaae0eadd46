import { count } from '../rates/format.ts';
import type { Prediction, PredictorSummary } from '../rates/prediction.ts';
import { groupWords } from '../rates/verdict/settingsWords.ts';
import { formatFold, missing, regretUnit, type WordTable } from './tables.ts';

/**
 * Every predictor, the baselines among them, each table under its heading: at equal settings first and then over all, or the one table,
 * without a heading, where all settings are equal. Under each stands how one would do who knew the true best rates.
 */
export function predictorTables(prediction: Prediction): { heading: string; table: WordTable }[] {
  const { predictors, equalSettings, points } = prediction;
  const used = predictors.filter((predictor) => predictor.count > 0);
  const terms = used.map((one): [string, string] => [one.name, one.meaning]);
  const note = predictorNote(prediction, used.length);
  if (equalSettings === null) return [{ heading: '', table: { ...predictorRows(prediction, used), note, terms } }];
  const compared = groupWords(equalSettings.groups, points);
  const over = used.map((one) => ({ ...one, ...one.overAll! }));
  const overAll = {
    heading: `Over all ${count(points.length, 'configuration')}`,
    table: {
      ...predictorRows(prediction, over),
      note: 'Constants are learned from the other methods at any settings. Regret and price are those of the rates that are predicted at equal settings where there are any.',
    },
  };
  if (compared === null) return [{ heading: '', table: { ...overAll.table, note, terms } }];
  const within = used.map((one) => ({ ...one, ...one.equalSettings! })).filter((one) => one.count > 0);
  return [
    { heading: `At equal settings: ${compared}`, table: { ...predictorRows(prediction, within), note, terms } },
    overAll,
  ];
}

function predictorNote({ noiseFloor, scoreDirection }: Prediction, tried: number): string {
  const floor =
    noiseFloor === null
      ? ''
      : ` ${trueOptimum}: how one would do who knew the true best rates, by simulation about the fitted curves with the noise of one run, ` +
        `${noiseFloor.noise.deviation.toFixed(2)} ${regretUnit(scoreDirection)} (from ${noiseFloor.noise.from === 'seeds' ? 'the spread of seeds' : 'the spread about the fitted curves'}, ` +
        `${count(noiseFloor.noise.degreesOfFreedom, 'degree')} of freedom); nobody can show less.`;
  return (
    `${tried} predictors were tried, and the best of several flatters itself. Slope: d ln optimum / d ln prediction ` +
    'with its 95 % interval, 1 where the predicted rate is right but for a constant. p: permutation test of Kendall’s tau, two-sided. Fold error: geometric ' +
    'mean, with its 95 % interval over methods. Regret: what training at the predicted rate gives up of the fitted curve’s best, with the interval that the runs’ ' +
    'noise gives it. Better than one constant: how many times, in the mean over the same configurations. Price: gradients of one batch for a prediction, sweeps of ' +
    'other methods not counted. Slope and ranks belong to the quantity before anything is fitted.' +
    floor
  );
}

/** The name of the row of {@link NoiseFloor}. */
const trueOptimum = 'true optimum (noise floor)';

function predictorRows(
  { scoreDirection, noiseFloor }: Prediction,
  shown: readonly PredictorSummary[],
): Pick<WordTable, 'header' | 'rows'> {
  const names: Readonly<Record<string, string>> = {
    'one-constant': 'one-constant (baseline)',
    'same-as-lora': 'same-as-lora (baseline)',
  };
  return {
    header: [
      ...['Predictor', 'Slope', 'Spearman', 'p', 'Fold error', 'Worst', `Regret, ${regretUnit(scoreDirection)}`],
      ...['Better than one constant', 'Price', 'Predicted'],
    ],
    rows: [
      ...shown.map((one) => [
        names[one.name] ?? one.name,
        one.slope === null ? missing : `${one.slope.toFixed(2)}${intervalOf(one.slopeLow, one.slopeHigh)}`,
        one.spearman?.toFixed(2) ?? missing,
        one.pValue === null ? missing : one.pValue < 0.001 ? '< 0.001' : one.pValue.toFixed(3),
        `${formatFold(one.geometricMeanFoldError)}${intervalOf(one.low, one.high)}`,
        formatFold(one.worstFoldError),
        intervalCell(one.curveRegret),
        one.name === 'one-constant' ? missing : intervalCell(one.overConstant),
        one.price === null ? missing : String(Math.round(one.price)),
        String(one.count),
      ]),
      ...(noiseFloor === null
        ? []
        : [
            [
              ...[trueOptimum, missing, missing, missing],
              `${formatFold(noiseFloor.foldError)}${intervalOf(noiseFloor.low, noiseFloor.high)}`,
              missing,
              `${noiseFloor.regret.toFixed(2)}${intervalOf(noiseFloor.regretLow, noiseFloor.regretHigh)}`,
              ...[missing, missing, missing],
            ],
          ]),
    ],
  };
}

function intervalCell(interval: PredictorSummary['curveRegret']): string {
  return interval === null ? missing : `${interval.value.toFixed(2)}${intervalOf(interval.low, interval.high)}`;
}

function intervalOf(low: number | null, high: number | null): string {
  return low === null || high === null ? '' : ` (${formatFold(low)} to ${formatFold(high)})`;
}
