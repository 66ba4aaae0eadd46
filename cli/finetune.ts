import { join } from 'node:path';
import type { FinetuneOptions } from '../training/finetune.ts';
import type { StepMetrics } from '../training/metrics.ts';
import type { Command } from './command.ts';
import { costLine } from './cost.ts';
import { demandAdapter, demandData, openModel, readData } from './inputs.ts';
import {
  adapterOptions,
  dataOptions,
  engineOptions,
  learningRateOption,
  modelOptions,
  outOption,
  parseAdapter,
  parseData,
  parseEngine,
  parseLearningRate,
  parseModel,
  parseOut,
  parseTraining,
  type TrainingOptions,
  trainingOptions,
  value,
} from './options.ts';
import { shortNumber } from './output.ts';
import { given, optional, wholeNumber } from './values.ts';

/** `lambdamax finetune`: one run. */
export const command: Command = {
  usage: 'finetune',
  summary: 'Fine-tune one LoRA variant; leaves a PEFT adapter',
  options: {
    ...modelOptions,
    ...adapterOptions,
    ...dataOptions,
    'micro-batch': value('Data', 'N', 'rows computed at once; gradients are added up over a step'),
    ...learningRateOption,
    ...trainingOptions,
    ...outOption,
    ...engineOptions,
  },
  examples: [
    ['finetune --data train.jsonl --method pissa --lr 2e-3 --steps 200 --out runs/pissa', 'the bundled model'],
  ],
  async run(args, output) {
    const data = parseData(args);
    const files = demandData(data);
    const adapterChoice = parseAdapter(args);
    const training = parseTraining(args);
    const learningRate = parseLearningRate(args);
    const microBatch = optional(args, 'micro-batch', wholeNumber(1));
    const out = parseOut(args);
    await using model = await openModel({ ...parseModel(args), ...parseEngine(args) });
    const adapter = await demandAdapter(model, adapterChoice);
    const rows = await readData(model, files, data, output);
    const validation = training.validation && (await readData(model, training.validation, data, output));
    const settings = await finetuneSettings(training, { ...data, learningRate }, rows.length);

    const { finetuneInFolder } = await import('../training/runFolder.ts');
    const rowsAtOnce = microBatch ?? data.batchSize;
    output.say(await costLine(model, adapter.layout, rows, { batchSize: rowsAtOnce, what: 'gradient' }));
    const progress = output.progress(settings.steps, adapter.method.name);
    let tokens = 0;
    const run = {
      ...settings,
      ...given({ microBatch, validation }),
      onStep: ({ step, loss, learningRate: rate, ...metrics }: StepMetrics) => {
        tokens += metrics.tokens;
        const speed = Math.round(tokens / metrics.seconds);
        progress.update(step, `loss ${loss.toFixed(3)}  rate ${shortNumber(rate, 2)}  ${speed} tokens/s`);
      },
    };
    const result = await finetuneInFolder(model, adapter, rows, run, out).finally(() => progress.stop());
    output.result(result, () => [
      `${result.status} after ${result.steps} steps: loss ${shortNumber(result.initialLoss)} -> ` +
        `${result.finalLoss === null ? result.reason : shortNumber(result.finalLoss)}` +
        `${result.validationLoss === null ? '' : `, validation ${shortNumber(result.validationLoss)}`}`,
      ...(result.adapter === null ? [] : [result.adapter]),
      ...(out === undefined ? [] : [join(out, 'metrics.jsonl')]),
    ]);
  },
};

/** The library's settings of a run, with steps and warm-up in numbers. */
export async function finetuneSettings(
  training: TrainingOptions,
  {
    batchSize,
    seed,
    learningRate,
  }: { readonly batchSize: number; readonly seed: number; readonly learningRate: number },
  rowCount: number,
): Promise<FinetuneOptions> {
  const { warmupSteps } = await import('../training/optimizers/schedules.ts');
  const { betas, eps, weightDecay, momentum } = training;
  const steps = training.steps ?? Math.max(1, Math.ceil((training.epochs! * rowCount) / batchSize));
  return {
    optimizer: training.optimizer,
    optimizerOptions: { betas, eps, weightDecay, momentum },
    learningRate,
    schedule: training.schedule,
    steps,
    warmupSteps: training.warmupSteps ?? warmupSteps(training.warmupRatio!, steps),
    maxGradNorm: training.maxGradNorm ?? null,
    batchSize,
    seed,
    shuffle: training.shuffle,
  };
}
