import { LambdamaxError } from '../../errors.ts';
import { isPlainObject } from '../../training/data/hash.ts';
import { optimizerSettings } from '../../training/optimizers/index.ts';
import { stepsOfEpochs, warmupSteps } from '../../training/optimizers/schedules.ts';
import { type AxisLists, type AxisName, type AxisValue, type AxisValues, axes, axisNames } from './axes.ts';
import { type Configuration, type OptimizerConfiguration, optimizerMethods } from './configuration.ts';

/** Settings that all configurations of a study have in common. */
export interface CommonSettings extends Pick<Configuration, 'maxLength' | 'shuffle' | 'rankPattern' | 'alphaPattern'> {
  /** What was asked of optimizers; what was not is each optimizer's own default. */
  readonly optimizer: {
    readonly [Name in Exclude<keyof OptimizerConfiguration, 'name'>]?: OptimizerConfiguration[Name] | undefined;
  };
  /** Passes over the data, for configurations that do not say their steps. */
  readonly epochs: number;
  /** Steps of warm-up, or their part of all steps. */
  readonly warmup: { readonly steps: number } | { readonly ratio: number };
  readonly maxGradNorm: number | null;
}

/** All settings that are axes, one value of each; without steps they follow from the passes over the data. */
export type CompleteValues = { readonly [Name in Exclude<AxisName, 'steps'>]: AxisValue<Name> } & Pick<
  AxisValues,
  'steps'
>;

/** The product of lists: every method with every rank, and so on, methods outermost. An axis without a list has one value. */
export function productOf(lists: AxisLists, standard: CompleteValues): CompleteValues[] {
  return axisNames.reduce<AxisValues[]>(
    (rows, name) => {
      const values = lists[axes[name].list] ?? [standard[name]];
      return rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value })));
    },
    [{}],
  ) as CompleteValues[];
}

/**
 * Checks configurations given one by one: a list of objects with some of the axes' names. `source` is what an error calls the list.
 * @throws LambdamaxError that names the row and the field.
 */
export function checkedRows(source: string, content: unknown): AxisValues[] {
  const refuse = (subject: string, expected: string, got: unknown): never => {
    throw new LambdamaxError({ subject, expected, got });
  };
  const some = `some of ${axisNames.join(', ')}`;
  if (!Array.isArray(content) || content.length === 0)
    return refuse(source, `a list of objects, each with ${some}`, content === undefined ? 'nothing' : content);
  return content.map((row: unknown, index) => {
    const subject = `configuration ${index + 1} of ${source}`;
    if (!isPlainObject(row)) return refuse(subject, `an object with ${some}`, row);
    const said = Object.entries(row).filter(([, value]) => value !== undefined);
    for (const [field, got] of said) {
      if (!Object.hasOwn(axes, field)) refuse(subject, some, field);
      const { expected, value } = axes[field as AxisName];
      if (!value.safeParse(got).success) refuse(`${field} of ${subject}`, expected, JSON.stringify(got));
    }
    return Object.fromEntries(said);
  });
}

/** The configurations that rows of settings stand for, each once. `trainingRows` is how many rows there are to train on. */
export function makeConfigurations(
  rows: readonly CompleteValues[],
  common: CommonSettings,
  trainingRows: number,
): Configuration[] {
  const all = rows.map((row) => configurationOf(row, common, trainingRows));
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}

function configurationOf(
  { steps: wanted, alpha, optimizer, ...row }: CompleteValues,
  { optimizer: asked, epochs, warmup, ...common }: CommonSettings,
  trainingRows: number,
): Configuration {
  const steps = wanted ?? stepsOfEpochs(epochs, trainingRows, row.batchSize);
  const { rankPattern, alphaPattern, ...rest } = common;
  return {
    ...row,
    alpha: typeof alpha === 'number' ? alpha : Number(alpha.slice(0, -1)) * row.rank,
    ...(rankPattern && { rankPattern }),
    ...(alphaPattern && { alphaPattern }),
    ...rest,
    steps,
    optimizer: optimizerConfiguration(optimizerMethods.includes(row.method) ? row.method : optimizer, asked),
    warmupSteps: 'steps' in warmup ? warmup.steps : warmupSteps(warmup.ratio, steps),
  };
}

function optimizerConfiguration(name: string, asked: CommonSettings['optimizer']): OptimizerConfiguration {
  const { loraPlusRatio } = asked;
  return { name, ...optimizerSettings(name, asked), ...(loraPlusRatio !== undefined && { loraPlusRatio }) };
}
