import { ArgumentError } from '../../errors.ts';
import { checkArgument, checkLearningRate } from './optimizer.ts';

/** The rate as a fraction of the peak, `elapsed` steps after the warm-up, of `length` steps without it. */
const decays = {
  constant: () => 1,
  cosine: (elapsed: number, length: number) =>
    Math.max(0, 0.5 * (1 + Math.cos((Math.PI * elapsed) / Math.max(1, length)))),
  linear: (elapsed: number, length: number) => Math.max(0, (length - elapsed) / Math.max(1, length)),
} as const satisfies Record<string, (elapsed: number, length: number) => number>;

/** The name of a schedule. */
export type ScheduleName = keyof typeof decays;

/** The names of all schedules, sorted. */
export const scheduleNames = Object.keys(decays) as [ScheduleName, ...ScheduleName[]];

/** How the rate of a run goes where nothing else is said, as in the paper: the warm-up's share is of all steps. */
export const scheduleDefaults = { schedule: 'cosine', warmupRatio: 0.03 } as const;

/** A learning rate over time. */
export interface Schedule {
  readonly schedule: ScheduleName;
  /** The peak, reached at the end of the warm-up. */
  readonly learningRate: number;
  /** Steps in all, the warm-up among them. */
  readonly steps: number;
  /** Steps over which the rate rises in a straight line from 0; see {@link warmupSteps}. */
  readonly warmupSteps: number;
}

/**
 * The learning rate of step 0, 1, ..., as transformers' `get_constant_, get_linear_ and get_cosine_schedule_with_warmup`:
 * learningRate step / warmupSteps in the warm-up, so that the first rate of a run with one is 0; from there constant, or
 * down to 0 at `steps` in a straight line or in half a cosine wave.
 *
 * @throws ArgumentError that names the field for settings out of range.
 */
export function learningRateAt(step: number, schedule: Schedule): number {
  checkSchedule(schedule);
  const { learningRate, steps, warmupSteps } = schedule;
  if (step < warmupSteps) return learningRate * (step / warmupSteps);
  return learningRate * decays[schedule.schedule](step - warmupSteps, steps - warmupSteps);
}

/** The largest rate of a run's steps: the peak, unless the run ends within its warm-up. */
export function highestRate({ learningRate, steps, warmupSteps }: Omit<Schedule, 'schedule'>): number {
  return steps > warmupSteps ? learningRate : learningRate * ((steps - 1) / warmupSteps);
}

/** The steps of so many passes over rows: rounded up, and at least one. */
export function stepsOfEpochs(epochs: number, rows: number, batchSize: number): number {
  return Math.max(1, Math.ceil((epochs * rows) / batchSize));
}

/** What there is to know of a run that ends within its warm-up; null for any other. */
export function warmupNotice({ steps, warmupSteps }: Pick<Schedule, 'steps' | 'warmupSteps'>): string | null {
  const reached = highestRate({ learningRate: 1, steps, warmupSteps });
  const inWarmup = `${steps} of ${steps} steps are warm-up, in which the learning rate rises from 0`;
  if (reached === 0) return `nothing is trained: ${inWarmup}; lower the warm-up to 0 steps, or give more steps`;
  return reached < 1 ? `${inWarmup}: it gets to ${Number(reached.toPrecision(2))} of its peak` : null;
}

/**
 * Refuses a run of which no step has a rate above 0, and which therefore would train nothing: with a warm-up the first step
 * has the rate 0, as in transformers, and it may be the only one.
 *
 * @throws ArgumentError that names the field.
 */
export function requireTraining(schedule: Omit<Schedule, 'schedule'>): void {
  if (highestRate(schedule) > 0) return;
  const { learningRate, steps, warmupSteps } = schedule;
  const only = steps === 1 ? 'in the only step' : `in all ${steps} steps`;
  if (learningRate === 0)
    throw new ArgumentError({ subject: 'learningRate', expected: 'a rate above 0', got: `0 ${only}` });
  throw new ArgumentError({
    subject: `\`warmupSteps: ${warmupSteps}\``,
    expected: 'a step with a learning rate above 0',
    got: `0 ${only}, so that nothing would be trained`,
    remedy: 'set `warmupSteps: 0`, or raise `steps`',
  });
}

/**
 * The steps of a warm-up that takes this part of all steps, rounded up as by transformers' Trainer: 1 for 0.03 of 20.
 *
 * @throws ArgumentError unless the ratio lies in [0, 1].
 */
export function warmupSteps(ratio: number, steps: number): number {
  checkArgument('warmupRatio', ratio, 'a number from 0 to 1', (value) => value >= 0 && value <= 1);
  return Math.ceil(ratio * steps);
}

function checkSchedule({ schedule, learningRate, steps, warmupSteps }: Schedule): void {
  if (!Object.hasOwn(decays, schedule)) {
    const known = Object.keys(decays).join(', ');
    throw new ArgumentError({ subject: 'schedule', expected: `one of ${known}`, got: schedule });
  }
  checkLearningRate(learningRate);
  checkArgument('steps', steps, 'a whole number of at least 1', (value) => Number.isInteger(value) && value >= 1);
  checkArgument(
    'warmupSteps',
    warmupSteps,
    'a whole number of at least 0',
    (value) => Number.isInteger(value) && value >= 0,
  );
}
