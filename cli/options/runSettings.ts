import type { FinetuneOptions } from '../../training/finetune/finetune.ts';
import type { Output } from '../words/output.ts';
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
  const { stepsOfEpochs, warmupNotice, warmupSteps } = await import('../../training/optimizers/schedules.ts');
  const { optimizerSettings } = await import('../../training/optimizers/index.ts');
  const { loraPlusRatio } = training;
  const steps = training.steps ?? stepsOfEpochs(training.epochs!, rowCount, batchSize);
  const warmup = training.warmupSteps ?? warmupSteps(training.warmupRatio!, steps);
  const notice = warmupNotice({ steps, warmupSteps: warmup });
  if (notice !== null) output.warn(notice);
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
