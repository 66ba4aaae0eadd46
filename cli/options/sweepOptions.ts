import {
  type Axis,
  type AxisLists,
  type AxisName,
  type AxisValues,
  axes,
  axisNames,
  checkLists,
} from '../../study/configurations/axes.ts';
import { optimizerMethods } from '../../study/configurations/configuration.ts';
import { checkedRows } from '../../study/configurations/product.ts';
import { usualStudy } from '../../study/options.ts';
import type { Arguments, OptionGroup } from '../command.ts';
import { hyphenated } from './fields.ts';
import { methodNames } from './names.ts';
import { value } from './options.ts';
import { parseWorkerTimeout, workerTimeoutOption } from './runOptions.ts';
import { UsageError } from './usageError.ts';
import { atMostOne, type Given, given, list, optional, required, text, wholeNumber } from './values.ts';

// Which runs a study makes. Each axis of a study is an option that takes a list.

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The option of an axis: `batchSizes` as `batch-sizes`. */
function optionOf(name: AxisName): string {
  return hyphenated(axes[name].list);
}

/** The options of all axes */
const axisOptions: OptionGroup = Object.fromEntries(
  axisNames.map((name) => {
    const { describe, separator, choices }: Axis<unknown> = axes[name];
    const option = value('Axes', separator === undefined ? 'LIST' : 'LIST;..', describe);
    return [optionOf(name), { ...option, ...(choices && { choices }) }];
  }),
);

/** The LoRA variants, with the optimizers that a study counts among them. */
async function studyMethodNames(): Promise<string[]> {
  return [...(await methodNames()), ...optimizerMethods];
}

/** Which runs a sweep makes */
export const sweepOptions: OptionGroup = {
  study: value('Sweep', 'DIR', 'study folder; one that is there already is continued, and may grow'),
  ...axisOptions,
  methods: {
    ...value(
      'Axes',
      'LIST',
      async () => `${axes.method.describe}: ${(await studyMethodNames()).join(', ')}, or ./FILE.ts`,
    ),
    alias: 'method',
    defaultDescription: usualStudy.methods.join(),
    choices: studyMethodNames,
  },
  configurations: value(
    'Axes',
    'FILE.json',
    `instead of a product of lists: an array of objects with some of ${axisNames.join(', ')}; what one does not say is as the options say`,
  ),
  lr: value(
    'Sweep',
    'GRID',
    'learning rates: 1e-5,2e-5 or logspace(1e-5,1e-2,13) or range(...) or auto, or curvature: five about the one that curvature recommends for each configuration',
    'auto',
  ),
  seeds: value(
    'Sweep',
    'N|LIST',
    'so many seeds: --seed, --seed + 1, ...; or with commas the seeds themselves',
    String(usualStudy.seeds.length),
  ),
  'seeds-near-best': value(
    'Sweep',
    'N',
    "the further seeds run at a configuration's best rate and N on either side; all: on the whole grid",
    String(usualStudy.seedsNearBest),
  ),
  extend: {
    type: 'boolean',
    group: 'Sweep:',
    describe: 'continue the grid until the best rate has clearly worse ones on both sides',
    default: true,
  },
  refine: value('Sweep', 'N', 'halve the steps beside the best rate N times', String(usualStudy.refinements)),
  workers: value(
    'Sweep',
    'N',
    'processes that work side by side, each with a model of its own; if not given one for each core that memory allows',
  ),
  ...workerTimeoutOption('Sweep'),
  'dry-run': {
    type: 'boolean',
    group: 'Sweep:',
    describe: 'say how many runs there will be, and what hours and memory they will take; nothing is written',
  },
};

export type SweepChoices = AxisLists & {
  readonly grid: readonly number[] | 'curvature';
  readonly seeds: readonly number[];
  readonly seedsNearBest: number | null;
  /** The grid is continued to at most so many rates a configuration; 0: never. */
  readonly mostRates: number;
  readonly refinements: number;
} & Given<{
    study: string | undefined;
    configurations: readonly AxisValues[] | undefined;
    workers: number | undefined;
    workerTimeout: number | undefined;
  }>;

/**
 * Reads the grid with mathjs, which is loaded only here.
 * @throws UsageError for a setting that is given both as one value and as a list, and for lists beside --configurations; a
 * LambdamaxError that names what is wrong with that file.
 */
export async function parseSweep(args: Arguments): Promise<SweepChoices> {
  const { parseGrid } = await import('../../study/search/grid.ts');
  const rates = required(args, 'lr', (given) => given);
  const grid = rates === 'curvature' ? rates : parseGrid(rates);
  const what = { ...parseAxes(args), ...given({ configurations: await readConfigurations(args) }) };
  checkLists(what);
  return {
    ...what,
    ...given({
      study: optional(args, 'study', text),
      workers: optional(args, 'workers', wholeNumber(1, 1024)),
      workerTimeout: parseWorkerTimeout(args),
    }),
    grid: grid === 'auto' ? usualStudy.grid : grid,
    seeds: required(args, 'seeds', (given, option) => parseSeeds(given, option, args)),
    seedsNearBest: required(args, 'seeds-near-best', (given, option) =>
      given === 'all' ? null : wholeNumber(0)(given, option),
    ),
    mostRates: args.extend === false ? 0 : usualStudy.mostRates,
    refinements: required(args, 'refine', wholeNumber(0, 3)),
  };
}

/** The lists of the axes; the option of a single value, such as --rank, is a list of one. */
function parseAxes(args: Arguments): AxisLists {
  const lists: Record<string, readonly unknown[]> = {};
  for (const name of axisNames) {
    const single = hyphenated(name);
    const plural = optionOf(name);
    // yargs gives both names of the methods the same value.
    if (single !== plural && name !== 'method') atMostOne(args, single, plural);
    const option = args[plural] !== undefined ? plural : single;
    const values = optional(args, option, (given) => parseList(name, given, `--${option}`));
    if (values !== undefined) lists[axes[name].list] = values;
  }
  return lists as AxisLists;
}

function parseList(name: AxisName, given: string, option: string): unknown[] {
  const { separator = ',', value: schema, expected, choices = [] }: Axis<unknown> = axes[name];
  const values = given.split(separator).map((part) => {
    const words = part.trim();
    // A number where the axis has numbers, else the words themselves.
    for (const candidate of [decimal.test(words) ? Number(words) : Number.NaN, words]) {
      const parsed = schema.safeParse(candidate);
      if (parsed.success) return parsed.data;
    }
    throw new UsageError({ subject: option, expected, got: words === '' ? 'nothing' : words, choices });
  });
  return [...new Set(values)];
}

function parseSeeds(given: string, option: string, args: Arguments): number[] {
  if (given.includes(',')) {
    atMostOne(args, 'seed', 'seeds');
    return [...new Set(list(wholeNumber(0))(given, option))];
  }
  const first = optional(args, 'seed', wholeNumber(0)) ?? 0;
  return Array.from({ length: wholeNumber(1, 1000)(given, option) }, (_, index) => first + index);
}

async function readConfigurations(args: Arguments): Promise<readonly AxisValues[] | undefined> {
  const file = optional(args, 'configurations', text);
  if (file === undefined) return undefined;
  const { readJson } = await import('../../training/checkpoint/files.ts');
  return checkedRows(file, await readJson(file));
}
