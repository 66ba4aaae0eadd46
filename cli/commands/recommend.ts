import { recommendDefaults } from '../../analysis/recommend/defaults.ts';
import type { Recommendation } from '../../analysis/recommend/recommend.ts';
import type { Arguments, Command } from '../command.ts';
import { adapterOptions, parseAdapter } from '../options/adapterOptions.ts';
import { demandAdapter, openModel } from '../options/inputs.ts';
import {
  dataOptions,
  engineOptions,
  modelOptions,
  parseData,
  parseEngine,
  parseModel,
  parseWarmup,
  value,
} from '../options/options.ts';
import { parseTraining, trainingOptions } from '../options/runOptions.ts';
import { finetuneSettings } from '../options/runSettings.ts';
import { readTrainingRows } from '../options/taskInputs.ts';
import { choice, given, number, optional, required } from '../options/values.ts';
import { runCost, sayCost } from '../words/cost.ts';
import { type Output, shortNumber } from '../words/output.ts';

/** `lambdamax recommend`: a learning rate. */
export const command: Command = {
  usage: 'recommend',
  summary: 'A learning rate for one LoRA variant, from short probe runs or from curvature alone',
  options: {
    ...modelOptions,
    ...adapterOptions,
    ...dataOptions,
    ...trainingOptions,
    by: value(
      'Recommendation',
      'WAY',
      "probes: short runs; curvature: a line search along Adam's step, no run",
      recommendDefaults.by,
    ),
    budget: value(
      'Recommendation',
      'X',
      "what probes may cost, as a part of the run's own gradient evaluations",
      recommendDefaults.budget,
    ),
    start: value('Recommendation', 'RATE', 'of the first probe; if not given that of --by curvature'),
    prior: {
      type: 'boolean',
      group: 'Recommendation:',
      describe: 'the published rule of thumb for LoRA counts too, as a rough estimate',
      default: recommendDefaults.prior,
    },
    warmup: value('Recommendation', 'N', 'steps of Adam before the line search', recommendDefaults.warmup.steps),
    'warmup-lr': value(
      'Recommendation',
      'RATE',
      'their learning rate, far below the one that is sought',
      recommendDefaults.warmup.learningRate,
    ),
    ...engineOptions,
  },
  examples: [
    ['recommend --method pissa --steps 1000', 'the bundled model and its word problems'],
    ['recommend --data train.jsonl --method pissa --steps 1000', 'by probes at a tenth of the price of the run'],
    ['recommend --data train.jsonl --method pissa --steps 1000 --by curvature', 'at the price of some thirty steps'],
  ],
  async run(args, output) {
    const data = parseData(args);
    const adapterChoice = parseAdapter(args);
    const training = parseTraining(args);
    const search = parseSearch(args);
    await using model = await openModel({ ...parseModel(args), ...parseEngine(args) }, output);
    const rows = await readTrainingRows(model, data, output);
    const adapter = await demandAdapter(model, adapterChoice, rows, output);
    const { limit: _limit, ...whole } = data;
    const files = training.validation;
    const validation = files && (await readTrainingRows(model, { ...whole, data: files, split: 'validation' }, output));
    const { learningRate: _, ...settings } = await finetuneSettings(
      training,
      { ...data, learningRate: 0 },
      rows.length,
      output,
    );
    const run = { ...settings, ...given({ validation }) };
    output.stage('compiling');
    sayCost(await runCost(model, { ...adapter, rows, batchSize: run.batchSize, option: '--batch-size' }), output);

    const { recommend } = await import('../../analysis/recommend/recommend.ts');
    const progress = output.progress(Math.ceil(search.budget * run.steps), 'gradients');
    const found = await recommend(model, adapter, rows, {
      ...run,
      ...search,
      onProgress: ({ gradientEvaluations, words }) => progress.update(Math.round(gradientEvaluations), words),
    }).finally(() => progress.stop());
    const result = { ...found, seconds: output.elapsed() };
    output.result(result, () => lines(result, adapter.method.name, output));
  },
};

function parseSearch(args: Arguments) {
  return {
    by: required(args, 'by', choice(['probes', 'curvature'])),
    budget: required(args, 'budget', number({ above: 0 })),
    prior: args.prior !== false,
    warmup: parseWarmup(args),
    ...given({ start: optional(args, 'start', number({ above: 0 })) }),
  };
}

function lines(result: Recommendation, method: string, output: Output): string[] {
  const { learningRate, low, high, basis, steps, probes, gradientEvaluations, seconds } = result;
  const part = (100 * gradientEvaluations) / steps;
  return [
    `learning rate ${shortNumber(learningRate, 3)} for ${steps} steps of ${method} (95 % interval ${shortNumber(low, 2)} to ${shortNumber(high, 2)})`,
    basis,
    `It took ${shortNumber(gradientEvaluations)} gradients of a batch, ${shortNumber(part, 2)} % of the run's, and ${shortNumber(seconds, 2)} s.`,
    ...(probes.length === 0 ? [] : ['', ...probeTable(result, output)]),
  ];
}

function probeTable({ probes }: Recommendation, output: Output): string[] {
  const sorted = probes.toSorted((a, b) => a.steps - b.steps || a.learningRate - b.learningRate);
  return output.table(
    ['steps', 'rate', 'loss'],
    sorted.map(({ steps, learningRate, score }) => [steps, learningRate, score ?? 'diverged']),
  );
}
