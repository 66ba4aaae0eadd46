import { optimizerNames, optimizerSettings, usualSettings } from '../../training/optimizers/index.ts';
import { loraPlusDefaults } from '../../training/optimizers/loraPlus.ts';
import type { OptimizerSettings as LibrarySettings } from '../../training/optimizers/optimizer.ts';
import { type ScheduleName, scheduleDefaults, scheduleNames } from '../../training/optimizers/schedules.ts';
import type { Arguments, OptionGroup } from '../command.ts';
import { value } from './options.ts';
import { UsageError } from './usageError.ts';
import { atMostOne, choice, type Given, given, list, number, optional, required, text, wholeNumber } from './values.ts';

// The options of runs, one or a sweep of them; see `options.ts`.

/** What a setting is if it is not given: that of most optimizers, and of each that has another. */
function ownSettings(name: keyof LibrarySettings): string {
  const usual = String(usualSettings[name]);
  const others = optimizerNames.flatMap((optimizer) => {
    const own = String(optimizerSettings(optimizer)[name]);
    return own === usual ? [] : [`, of ${optimizer} ${own}`];
  });
  return `${usual} if not given${others.join('')}`;
}

/** The settings of optimizers */
export const optimizerOptions: OptionGroup = {
  betas: value('Training', 'B1,B2', `decay rates of the running means; ${ownSettings('betas')}`),
  eps: value('Training', 'X', `epsilon; ${ownSettings('eps')}`),
  'weight-decay': value('Training', 'X', `weight decay; ${ownSettings('weightDecay')}`),
  momentum: value('Training', 'X', `heavy-ball momentum of sgd; ${ownSettings('momentum')}`),
  'lora-plus-ratio': value(
    'Training',
    'X',
    `of lora+: B's learning rate as a multiple of A's; ${loraPlusDefaults.loraPlusRatio} if not given`,
  ),
};

/** How the learning rate goes, over however many steps */
export const scheduleOptions: OptionGroup = {
  schedule: {
    ...value('Training', 'NAME', scheduleNames.join(', '), scheduleDefaults.schedule),
    choices: scheduleNames,
  },
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
  optimizer: { ...value('Training', 'NAME', optimizerNames.join(', '), 'adamw'), choices: optimizerNames },
  ...optimizerOptions,
  ...scheduleOptions,
  'max-grad-norm': value('Training', 'X', 'gradients are scaled down to this norm; not if not given'),
  shuffle: { type: 'boolean', group: 'Training:', describe: 'rows in random order', default: true },
  validation: value('Training', 'FILE[,FILE]', 'data that the adapter is scored on'),
};

/** What was asked of an optimizer; what was not is its own. */
export type OptimizerChoices = Given<
  { [Name in keyof LibrarySettings]: LibrarySettings[Name] | undefined } & { loraPlusRatio: number | undefined }
>;

export function parseOptimizer(args: Arguments): OptimizerChoices {
  return given({
    betas: optional(args, 'betas', betas),
    eps: optional(args, 'eps', number({ above: 0 })),
    weightDecay: optional(args, 'weight-decay', number({ least: 0 })),
    momentum: optional(args, 'momentum', number({ least: 0, below: 1 })),
    loraPlusRatio: optional(args, 'lora-plus-ratio', number({ above: 0 })),
  });
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

export type TrainingOptions = OptimizerChoices &
  ScheduleSettings & {
    readonly optimizer: string;
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
  return {
    ...parseOptimizer(args),
    ...parseSchedule(args),
    ...given({
      steps,
      epochs: steps === undefined ? (optional(args, 'epochs', number({ above: 0 })) ?? 1) : undefined,
      maxGradNorm: optional(args, 'max-grad-norm', number({ above: 0 })),
      validation: optional(args, 'validation', list(text)),
    }),
    optimizer,
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

function betas(given: string, option: string): [number, number] {
  const values = list(number({ least: 0, below: 1 }))(given, option);
  if (values.length !== 2) throw new UsageError({ subject: option, expected: 'two numbers, b1,b2', got: given });
  return [values[0]!, values[1]!];
}
