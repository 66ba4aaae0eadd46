import { adamDefaults } from '../../training/optimizers/adamw.ts';
import { groupDefaults } from '../../training/optimizers/groups.ts';
import { optimizerNames } from '../../training/optimizers/index.ts';
import { loftDefaults } from '../../training/optimizers/loft.ts';
import { loraPlusDefaults } from '../../training/optimizers/loraPlus.ts';
import { type ScheduleName, scheduleDefaults, scheduleNames } from '../../training/optimizers/schedules.ts';
import { sgdDefaults } from '../../training/optimizers/sgd.ts';
import type { Arguments, OptionGroup } from '../command.ts';
import { value } from './options.ts';
import { UsageError } from './usageError.ts';
import { atMostOne, choice, type Given, given, list, number, optional, required, text, wholeNumber } from './values.ts';

// The options of runs, one or a sweep of them; see `options.ts`.

/** The settings of optimizers */
export const optimizerOptions: OptionGroup = {
  betas: value('Training', 'B1,B2', "Adam's decay rates", adamDefaults.betas),
  eps: value(
    'Training',
    'X',
    `Adam's epsilon; ${adamDefaults.eps} if not given, of loft ${loftDefaults.eps.toExponential()}`,
  ),
  'weight-decay': value('Training', 'X', 'weight decay', groupDefaults.weightDecay),
  momentum: value('Training', 'X', 'heavy-ball momentum of sgd', sgdDefaults.momentum),
  'lora-plus-ratio': value(
    'Training',
    'X',
    `of lora+: B's learning rate as a multiple of A's; ${loraPlusDefaults.loraPlusRatio} if not given`,
  ),
};

/** How the learning rate goes, over however many steps */
export const scheduleOptions: OptionGroup = {
  schedule: value('Training', 'NAME', scheduleNames.join(', '), scheduleDefaults.schedule),
  'warmup-steps': value('Training', 'N', 'steps of linear warm-up'),
  'warmup-ratio': value(
    'Training',
    'X',
    `the same as a part of all steps (${scheduleDefaults.warmupRatio} if neither is given)`,
  ),
};

/** How a run trains, all but its learning rate */
export const trainingOptions: OptionGroup = {
  steps: value('Training', 'N', 'optimizer steps'),
  epochs: value('Training', 'X', 'passes over the data, instead of --steps (1 if neither is given)'),
  optimizer: value('Training', 'NAME', optimizerNames.join(', '), 'adamw'),
  ...optimizerOptions,
  ...scheduleOptions,
  'max-grad-norm': value('Training', 'X', 'gradients are scaled down to this norm; not if not given'),
  shuffle: { type: 'boolean', group: 'Training:', describe: 'rows in random order', default: true },
  validation: value('Training', 'FILE[,FILE]', 'data that the adapter is scored on'),
};

export type OptimizerSettings = {
  readonly betas: readonly [beta1: number, beta2: number];
  readonly weightDecay: number;
  readonly momentum: number;
} & Given<{ eps: number | undefined; loraPlusRatio: number | undefined }>;

export function parseOptimizer(args: Arguments): OptimizerSettings {
  return {
    ...given({
      eps: optional(args, 'eps', number({ above: 0 })),
      loraPlusRatio: optional(args, 'lora-plus-ratio', number({ above: 0 })),
    }),
    betas: required(args, 'betas', betas),
    weightDecay: required(args, 'weight-decay', number({ least: 0 })),
    momentum: required(args, 'momentum', number({ least: 0, below: 1 })),
  };
}

export type ScheduleSettings = {
  readonly schedule: ScheduleName;
} & Given<{
  /** Exactly one of these two. */
  warmupSteps: number | undefined;
  warmupRatio: number | undefined;
}>;

/** @throws UsageError for both --warmup-steps and --warmup-ratio. */
export function parseSchedule(args: Arguments): ScheduleSettings {
  atMostOne(args, 'warmup-steps', 'warmup-ratio');
  const warmupSteps = optional(args, 'warmup-steps', wholeNumber(0));
  const ratio = (): number =>
    optional(args, 'warmup-ratio', number({ least: 0, most: 1 })) ?? scheduleDefaults.warmupRatio;
  return {
    ...given({ warmupSteps, warmupRatio: warmupSteps === undefined ? ratio() : undefined }),
    schedule: required(args, 'schedule', choice(scheduleNames)),
  };
}

export type TrainingOptions = OptimizerSettings &
  ScheduleSettings & {
    readonly optimizer: string;
    readonly eps: number;
    readonly shuffle: boolean;
  } & Given<{
    /** Exactly one of these two. */
    steps: number | undefined;
    epochs: number | undefined;
    maxGradNorm: number | undefined;
    validation: readonly string[] | undefined;
  }>;

/** @throws UsageError for both --steps and --epochs, or both --warmup-steps and --warmup-ratio. */
export function parseTraining(args: Arguments): TrainingOptions {
  atMostOne(args, 'steps', 'epochs');
  const optimizer = required(args, 'optimizer', choice(optimizerNames));
  const steps = optional(args, 'steps', wholeNumber(1));
  const { eps = (optimizer === 'loft' ? loftDefaults : adamDefaults).eps, ...settings } = parseOptimizer(args);
  return {
    ...settings,
    ...parseSchedule(args),
    ...given({
      steps,
      epochs: steps === undefined ? (optional(args, 'epochs', number({ above: 0 })) ?? 1) : undefined,
      maxGradNorm: optional(args, 'max-grad-norm', number({ above: 0 })),
      validation: optional(args, 'validation', list(text)),
    }),
    optimizer,
    eps,
    shuffle: args.shuffle !== false,
  };
}

/** `--lr` of a single run */
export const learningRateOption: OptionGroup = {
  lr: value('Training', 'RATE', 'peak learning rate, such as 2e-4'),
};

/** @throws UsageError if it was not given. */
export function parseLearningRate(args: Arguments): number {
  return required(args, 'lr', number({ above: 0 }));
}

/** `--worker-timeout` in a group of the help */
export function workerTimeoutOption(group: string): OptionGroup {
  const what =
    'end a worker that gives no sign (a step, a product, a result) for so long; if not given it is only named';
  return { 'worker-timeout': value(group, 'SECONDS', what) };
}

/** @throws UsageError for anything but a number of seconds. */
export function parseWorkerTimeout(args: Arguments): number | undefined {
  return optional(args, 'worker-timeout', number({ above: 0 }));
}

/** Which runs a sweep makes */
export const sweepOptions: OptionGroup = {
  study: value('Sweep', 'DIR', 'study folder; one that is there already is continued'),
  methods: value('Sweep', 'NAMES', 'LoRA variants', 'lora,init-ab,milora,pissa,olora'),
  lr: value('Sweep', 'GRID', 'learning rates: 1e-5,2e-5 or logspace(1e-5,1e-2,13) or range(...) or auto', 'auto'),
  seeds: value('Sweep', 'N', 'seeds --seed, --seed + 1, ...', '2'),
  'seeds-near-best': value(
    'Sweep',
    'N',
    "the further seeds run at a method's best rate and N on either side; all: on the whole grid",
    '1',
  ),
  extend: {
    type: 'boolean',
    group: 'Sweep:',
    describe: 'continue the grid until the best rate has clearly worse ones on both sides',
    default: true,
  },
  refine: value('Sweep', 'N', 'halve the steps beside the best rate N times', '1'),
  workers: value(
    'Sweep',
    'N',
    'processes that work side by side, each with a model of its own; if not given one for each core that memory allows',
  ),
  ...workerTimeoutOption('Sweep'),
};

export type SweepOptions = {
  readonly methods: readonly string[];
  readonly grid: readonly number[];
  readonly seeds: readonly number[];
  readonly seedsNearBest: number | null;
  /** The grid is continued to at most so many rates a method; 0: never. */
  readonly mostRates: number;
  readonly refinements: number;
} & Given<{ study: string | undefined; workers: number | undefined; workerTimeout: number | undefined }>;

/** Reads the grid with mathjs, which is loaded only here. */
export async function parseSweep(args: Arguments): Promise<SweepOptions> {
  const { loadMethod } = await import('../../training/adapters/methodFile.ts');
  const { automaticGrid, parseGrid } = await import('../../study/grid.ts');
  const { usualLimits } = await import('../../study/extend.ts');
  const grid = parseGrid(required(args, 'lr', (given) => given));
  const firstSeed = optional(args, 'seed', wholeNumber(0)) ?? 0;
  const count = required(args, 'seeds', wholeNumber(1, 1000));
  const methods = [...new Set(required(args, 'methods', list(text)))];
  // Of files what they hold is not known before they are loaded.
  for (const method of methods) await loadMethod(method, 'methods');
  return {
    ...given({
      study: optional(args, 'study', text),
      workers: optional(args, 'workers', wholeNumber(1, 1024)),
      workerTimeout: parseWorkerTimeout(args),
    }),
    methods,
    grid: grid === 'auto' ? automaticGrid : grid,
    seeds: Array.from({ length: count }, (_, index) => firstSeed + index),
    seedsNearBest: required(args, 'seeds-near-best', (given, option) =>
      given === 'all' ? null : wholeNumber(0)(given, option),
    ),
    mostRates: args.extend === false ? 0 : usualLimits.mostRates,
    refinements: required(args, 'refine', wholeNumber(0, 3)),
  };
}

function betas(given: string, option: string): [number, number] {
  const values = list(number({ least: 0, below: 1 }))(given, option);
  if (values.length !== 2) throw new UsageError({ subject: option, expected: 'two numbers, b1,b2', got: given });
  return [values[0]!, values[1]!];
}
