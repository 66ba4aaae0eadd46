import type { FinetuneOptions } from '../../training/finetune.ts';
import { type Output, shortNumber } from '../words/output.ts';
import type { TrainingOptions } from './runOptions.ts';
import { given } from './values.ts';

/** The library's settings of a run, with steps and warm-up in numbers. Warns if the warm-up never comes to its end. */
export async function finetuneSettings(
  training: TrainingOptions,
  {
    batchSize,
    seed,
    learningRate,
  }: { readonly batchSize: number; readonly seed: number; readonly learningRate: number },
  rowCount: number,
  output: Output,
): Promise<Omit<FinetuneOptions, 'validation'>> {
  const { highestRate, warmupSteps } = await import('../../training/optimizers/schedules.ts');
  const { optimizerSettings } = await import('../../training/optimizers/index.ts');
  const { loraPlusRatio } = training;
  const steps = training.steps ?? Math.max(1, Math.ceil((training.epochs! * rowCount) / batchSize));
  const warmup = training.warmupSteps ?? warmupSteps(training.warmupRatio!, steps);
  const reached = highestRate({ learningRate: 1, steps, warmupSteps: warmup });
  const inWarmup = `${steps} of ${steps} steps are warm-up, in which the learning rate rises from 0`;
  if (reached === 0) output.warn(`nothing is trained: ${inWarmup}; give --warmup-steps 0, or more --steps`);
  else if (reached < 1) output.warn(`${inWarmup}: it gets to ${shortNumber(reached, 2)} of its peak`);
  return {
    optimizer: training.optimizer,
    optimizerOptions: { ...optimizerSettings(training.optimizer, training), ...given({ loraPlusRatio }) },
    learningRate,
    schedule: training.schedule,
    steps,
    warmupSteps: warmup,
    maxGradNorm: training.maxGradNorm ?? null,
    batchSize,
    seed,
    shuffle: training.shuffle,
  };
}
