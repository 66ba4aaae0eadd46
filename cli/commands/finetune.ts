import { join } from 'node:path';
import { sharpnessDefaults } from '../../analysis/curvature/defaults.ts';
import type { TokenRow } from '../../training/data/examples.ts';
import type { FinetuneOptions } from '../../training/finetune/finetune.ts';
import type { StepMetrics } from '../../training/finetune/metrics.ts';
import type { RunFolderOptions } from '../../training/finetune/runFolder.ts';
import type { Model } from '../../training/model.ts';
import type { OptimizerGroup } from '../../training/optimizers/groups.ts';
import type { ValidationScore } from '../../training/validation.ts';
import type { Arguments, Command } from '../command.ts';
import { adapterOptions, parseAdapter } from '../options/adapterOptions.ts';
import { demandAdapter, openModel } from '../options/inputs.ts';
import {
  dataOptions,
  engineOptions,
  modelOptions,
  outOption,
  overwriteOption,
  parseData,
  parseEngine,
  parseModel,
  parseOut,
  parseOverwrite,
  value,
} from '../options/options.ts';
import { learningRateOption, parseLearningRate, parseTraining, trainingOptions } from '../options/runOptions.ts';
import { finetuneSettings } from '../options/runSettings.ts';
import { examinationOptions, parseExamination, readTrainingRows, readValidation } from '../options/taskInputs.ts';
import { UsageError } from '../options/usageError.ts';
import { given, list, named, number, optional, required, wholeNumber } from '../options/values.ts';
import { runCost, sayCost } from '../words/cost.ts';
import { percent, shortNumber } from '../words/output.ts';

/** `lambdamax finetune`: one run. */
export const command: Command = {
  usage: 'finetune',
  summary: 'Fine-tune one LoRA variant; leaves a PEFT adapter',
  options: {
    ...modelOptions,
    ...adapterOptions,
    ...dataOptions,
    ...examinationOptions,
    'micro-batch': value('Data', 'N', 'rows computed at once; gradients are added up over a step'),
    ...learningRateOption,
    ...trainingOptions,
    'rate-factors': value('Training', 'NAME=X,..', 'other learning rates, times --lr, of tensors with such a name'),
    decays: value('Training', 'NAME=X,..', 'other weight decay of tensors with such a name'),
    'validate-every': value('Training', 'N', 'score --validation after every N steps, too'),
    'sharpness-every': value(
      'Training',
      'N',
      'measure lambda_max after every N steps, for metrics.jsonl and report --run',
    ),
    'sharpness-tokens': value(
      'Training',
      'N',
      'scored tokens behind it: whole rows, from the first',
      sharpnessDefaults.tokens,
    ),
    'max-loss': value('Training', 'X', 'a loss above it ends the run as diverged; if not given twice the first one'),
    ...outOption,
    'save-every': value('Training', 'N', 'write checkpoint.safetensors after every N steps'),
    resume: { type: 'boolean', group: 'Training:', describe: 'go on from the checkpoint in --out, if there is one' },
    ...overwriteOption,
    ...engineOptions,
  },
  examples: [
    ['finetune --data train.jsonl --method pissa --lr 2e-3 --steps 200 --out runs/pissa', 'the bundled model'],
    ['finetune --data train.jsonl --method lora --lr 1e-3 --out runs/lora --save-every 50 --resume', 'may be killed'],
  ],
  async run(args, output) {
    const data = parseData(args);
    const examination = parseExamination(args);
    const adapterChoice = parseAdapter(args);
    const training = parseTraining(args);
    const learningRate = parseLearningRate(args);
    const microBatch = optional(args, 'micro-batch', wholeNumber(1));
    const maxLoss = optional(args, 'max-loss', number({ above: 0 }));
    const validateEvery = optional(args, 'validate-every', wholeNumber(1));
    const isValidated = training.validation !== undefined || (data.task !== undefined && data.data === undefined);
    if (validateEvery !== undefined && !isValidated)
      throw new UsageError({ subject: '--validate-every', expected: '--validation FILE', got: 'no --validation' });
    const groups = parseGroups(args);
    const out = parseOut(args);
    const saving = parseSaving(args, out);
    const sharpness = parseSharpness(args, out);
    const { finetuneInFolder, requireRunFolder } = await import('../../training/finetune/runFolder.ts');
    if (out !== undefined) await requireRunFolder(out, saving);
    await using model = await openModel({ ...parseModel(args), ...parseEngine(args) }, output);
    const rows = await readTrainingRows(model, data, output);
    const adapter = await demandAdapter(model, adapterChoice, rows, output);
    const replaced = adapter.layout.replaced?.weights.map(({ name }) => name) ?? [];
    if (replaced.length > 0) output.say(`kept as the adapter's file has them, not trained: ${replaced.join(', ')}`);
    const { validation: validationFiles } = training;
    const reading = { ...data, ...given({ validation: validationFiles }) };
    const validation = await readValidation(model, reading, examination, output);
    const plain = await finetuneSettings(training, { ...data, learningRate }, rows.length, output);
    const settings = { ...plain, optimizerOptions: { ...plain.optimizerOptions, groups } };

    const rowsAtOnce = microBatch ?? data.batchSize;
    output.stage('compiling');
    sayCost(await runCost(model, { ...adapter, rows, batchSize: rowsAtOnce, option: '--micro-batch' }), output);
    const progress = output.progress(settings.steps, adapter.method.name);
    const began = performance.now();
    let tokens = 0;
    const run = {
      ...settings,
      secondsBefore: output.elapsed(),
      ...given({ microBatch, maxLoss, validation, validateEvery }),
      ...(sharpness && (await measuring(model, rows, sharpness, rowsAtOnce))),
      onStep: ({ step, loss, learningRate: rate, ...metrics }: StepMetrics) => {
        tokens += metrics.tokens;
        const speed = Math.round((1000 * tokens) / (performance.now() - began));
        progress.update(step, `loss ${loss.toFixed(3)}  rate ${shortNumber(rate, 2)}  ${speed} tokens/s`);
      },
    };
    output.keep(
      saving.saveEvery === undefined
        ? 'nothing of the run is kept; with --save-every N and --out DIR, a run goes on by --resume'
        : `the last checkpoint is kept in ${out}, and the same command with --resume goes on from it`,
    );
    const onResume = (steps: number): void => {
      output.say(`goes on from step ${steps} of ${settings.steps}`);
      progress.update(steps);
    };
    const { folder, ...result } = await finetuneInFolder(model, adapter, rows, run, out, {
      ...saving,
      onResume,
    }).finally(() => progress.stop());
    output.result(result, () => [
      `${result.status} after ${result.steps} steps: loss ${shortNumber(result.initialLoss)} -> ` +
        `${result.finalLoss === null ? result.reason : shortNumber(result.finalLoss)}` +
        `${result.validationLoss === null ? '' : `, validation ${shortNumber(result.validationLoss)}`}`,
      ...(result.trained ? [] : ['nothing was trained: no tensor had a learning rate above 0 in any step']),
      ...shareLines(result),
      ...(result.adapter === null ? [] : [result.adapter]),
      ...(folder === null ? [] : [join(folder, 'metrics.jsonl')]),
      ...(folder === out || out === undefined ? [] : [`${out} keeps what it had, since this run diverged`]),
    ]);
  },
};

/** Both shares of an examination by their names. */
function shareLines({ accuracy, accuracyInterval, exactMatch, exactMatchInterval }: ValidationScore): string[] {
  const line = (name: string, value: number | null, interval: ValidationScore['accuracyInterval']): string[] =>
    value === null ? [] : [`${name} ${percent({ value, low: interval![0], high: interval![1] })}`];
  return [...line('accuracy', accuracy, accuracyInterval), ...line('exact match', exactMatch, exactMatchInterval)];
}

/** `--save-every` and `--resume`, which need a folder. */
function parseSaving(args: Arguments, out: string | undefined): RunFolderOptions {
  const saveEvery = optional(args, 'save-every', wholeNumber(1));
  const resume = args.resume === true;
  const option = saveEvery !== undefined ? '--save-every' : resume ? '--resume' : undefined;
  if (option !== undefined && out === undefined)
    throw new UsageError({ subject: option, expected: '--out DIR, where checkpoints lie', got: 'no --out' });
  return { resume, overwrite: parseOverwrite(args), ...given({ saveEvery }) };
}

/** `--sharpness-every` and `--sharpness-tokens`; undefined if nothing is to be measured. */
function parseSharpness(args: Arguments, out: string | undefined): Sharpness | undefined {
  const every = optional(args, 'sharpness-every', wholeNumber(1));
  const tokens = required(args, 'sharpness-tokens', wholeNumber(1));
  if (every !== undefined && out === undefined)
    throw new UsageError({
      subject: '--sharpness-every',
      expected: '--out DIR, for its metrics.jsonl',
      got: 'no --out',
    });
  return every === undefined ? undefined : { every, tokens };
}

interface Sharpness {
  readonly every: number;
  readonly tokens: number;
}

async function measuring(
  model: Model,
  rows: readonly TokenRow[],
  { every, tokens }: Sharpness,
  batchSize: number,
): Promise<Pick<FinetuneOptions, 'sharpnessEvery' | 'measureSharpness'>> {
  const { sharpnessAlongTraining } = await import('../../analysis/curvature/sharpnessAlongTraining.ts');
  return { sharpnessEvery: every, measureSharpness: sharpnessAlongTraining(model, rows, { tokens, batchSize }) };
}

/** `--rate-factors` and `--decays` */
function parseGroups(args: Arguments): OptimizerGroup[] {
  const factors = optional(args, 'rate-factors', list(namedNumber)) ?? [];
  const decays = optional(args, 'decays', list(namedNumber)) ?? [];
  return [
    ...factors.map(([tensors, rateFactor]) => ({ tensors, rateFactor })),
    ...decays.map(([tensors, weightDecay]) => ({ tensors, weightDecay })),
  ];
}

/** `lora_B=16`: a part of tensors' names, and a number from 0 on. */
const namedNumber = named(number({ least: 0 }), 'lora_B=16');
