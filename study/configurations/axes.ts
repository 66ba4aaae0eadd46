import { z } from 'zod';
import { ArgumentError } from '../../errors.ts';
import { optimizerNames } from '../../training/optimizers/index.ts';
import { scheduleNames } from '../../training/optimizers/schedules.ts';

/** One setting that a study can vary. */
export interface Axis<Value, List extends string = string> {
  /** The name of a list of its values, in the library's options; the command line's is the same with hyphens. */
  readonly list: List;
  /** What a value is, for help texts. */
  readonly describe: string;
  /** What stands between two values on the command line, where values may have commas. */
  readonly separator?: string;
  /** What a value must be, for errors. */
  readonly expected: string;
  /** The names that a value can have, where they are few. */
  readonly choices?: readonly string[];
  /** Checks one value. */
  readonly value: z.ZodType<Value>;
  /** A value in a configuration's name, `rank 32`. */
  words(value: NoInfer<Value>): string;
}

const count = { expected: 'a whole number >= 1', value: z.number().int().min(1) };
const wide = (words: string) => (value: number | string) => `${words} ${value}`;
const axis = <Value, const List extends string>(one: Axis<Value, List>): Axis<Value, List> => one;

function isExpression(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/**
 * What a study can vary besides the learning rate and the seed, by the name of the setting in a configuration. A study is the
 * product of its lists. A new axis is an entry here, and a field of `Configuration` if there is none of its name yet.
 */
export const axes = {
  method: axis({
    list: 'methods',
    describe: 'LoRA variants',
    expected: 'the name of a LoRA variant',
    value: z.string().min(1),
    words: (method) => method,
  }),
  rank: axis({ list: 'ranks', describe: 'ranks r of the update', ...count, words: wide('rank') }),
  alpha: axis({
    list: 'alphas',
    describe: 'the update is scaled by alpha / rank; 2r: twice the rank',
    expected: 'a number > 0, or 2r for twice the rank',
    value: z.union([z.number().positive(), z.string().regex(/^(?=.*[1-9])(\d+\.?\d*|\.\d+)r$/)]),
    words: wide('alpha'),
  }),
  targetModules: axis({
    list: 'targetModules',
    describe: 'adapted layers: all-linear, a,b,c (ends of names) or a regular expression; several with ; between them',
    separator: ';',
    expected: 'names of layers or a regular expression',
    value: z.string().min(1).refine(isExpression),
    words: wide('on'),
  }),
  optimizer: axis({
    list: 'optimizers',
    describe: optimizerNames.join(', '),
    expected: `one of ${optimizerNames.join(', ')}`,
    choices: optimizerNames,
    value: z.enum(optimizerNames as [string, ...string[]]),
    words: (name) => name,
  }),
  schedule: axis({
    list: 'schedules',
    describe: scheduleNames.join(', '),
    expected: `one of ${scheduleNames.join(', ')}`,
    choices: scheduleNames,
    value: z.enum(scheduleNames),
    words: (name) => name,
  }),
  steps: axis({ list: 'steps', describe: 'optimizer steps', ...count, words: (steps) => `${steps} steps` }),
  batchSize: axis({ list: 'batchSizes', describe: 'rows a step', ...count, words: wide('batch') }),
} as const;

/** The name of an axis: that of the setting in a configuration. */
export type AxisName = keyof typeof axes;

/** What a value of an axis is. */
export type AxisValue<Name extends AxisName> = z.infer<(typeof axes)[Name]['value']>;

/** Values of some axes, one of each: a row of a file of configurations. */
export type AxisValues = { readonly [Name in AxisName]?: AxisValue<Name> | undefined };

/** Lists of values of some axes, by their plural names. */
export type AxisLists = {
  readonly [Name in AxisName as (typeof axes)[Name]['list']]?: readonly AxisValue<Name>[] | undefined;
};

/** The names of all axes, in the order in which tables show them. */
export const axisNames = Object.keys(axes) as AxisName[];

/**
 * Checks lists of values. Beside configurations one by one a list has one value: what rows take that do not say it.
 * @throws ArgumentError that names the list that is empty or too long, or whose value is none of its axis.
 */
export function checkLists(lists: AxisLists & { readonly configurations?: readonly AxisValues[] | undefined }): void {
  for (const name of axisNames) {
    const { list, expected, value } = axes[name];
    const values: readonly unknown[] | undefined = lists[list];
    if (values === undefined) continue;
    const refuse = (expected: string, got: unknown): never => {
      throw new ArgumentError({ subject: list, expected, got });
    };
    if (values.length === 0) refuse(expected, 'none');
    if (values.length > 1 && lists.configurations) refuse('one value beside `configurations`', values);
    for (const got of values) if (!value.safeParse(got).success) refuse(expected, got);
  }
}
