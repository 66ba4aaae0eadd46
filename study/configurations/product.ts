import { z } from 'zod';
import { LambdamaxError } from '../../errors.ts';
import { optimizerSettings } from '../../training/optimizers/index.ts';
import { warmupSteps } from '../../training/optimizers/schedules.ts';
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
 * The rows of a file of configurations: a list of objects with some of the axes' names; what a row does not say is the standard.
 * @throws LambdamaxError that names the row and the field.
 */
export function configurationRows(file: string, content: unknown, standard: CompleteValues): CompleteValues[] {
  const fields = Object.fromEntries(axisNames.map((name) => [name, (axes[name].value as z.ZodType).optional()]));
  const rows = z.array(z.strictObject(fields)).min(1).safeParse(content);
  if (rows.success) return rows.data.map((row) => ({ ...standard, ...row }) as CompleteValues);
  const { path, message } = rows.error.issues[0]!;
  const [row, field] = path;
  throw new LambdamaxError({
    subject: typeof row === 'number' ? `configuration ${row + 1} of ${file}` : file,
    expected: `a list of objects with some of ${axisNames.join(', ')}`,
    got: field === undefined ? message : `${String(field)}: ${message}`,
  });
}

/** The configurations that rows of settings stand for, each once. `trainingRows` is how many rows there are to train on. */
export function configurationsOf(
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
  const steps = wanted ?? Math.max(1, Math.ceil((epochs * trainingRows) / row.batchSize));
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
