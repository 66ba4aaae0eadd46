import type { EvaluateTaskResult } from '../../training/evaluateTask.ts';
import type { Model } from '../../training/model.ts';
import type { Task } from '../../training/taskRows.ts';
import type { ValidationScore } from '../../training/validation.ts';
import type { Arguments, Command } from '../command.ts';
import { adapterOptions, parseAdapter } from '../options/adapterOptions.ts';
import { demandData, fetchData, openAdapter, openModel, readNumberedData } from '../options/inputs.ts';
import {
  type DataOptions,
  dataOptions,
  engineOptions,
  modelOptions,
  parseData,
  parseEngine,
  parseModel,
} from '../options/options.ts';
import { type ExaminationOptions, examinationOf, examinationOptions, parseExamination } from '../options/taskInputs.ts';
import { given } from '../options/values.ts';
import { type Output, percent, shortNumber } from '../words/output.ts';

/** `lambdamax evaluate`: how well a model predicts some rows, or solves the problems of a task. */
export const command: Command = {
  usage: 'evaluate',
  summary: 'Loss of a model on data, with --task also accuracy; with or without an adapter',
  options: {
    ...modelOptions,
    ...adapterOptions,
    ...dataOptions,
    ...examinationOptions,
    'per-row': { type: 'boolean', group: 'Output:', describe: 'the loss, and the answer, of each row (with --json)' },
    ...engineOptions,
  },
  examples: [
    ['evaluate --data test.jsonl --adapter runs/my-run/adapter', 'with a trained adapter'],
    ['evaluate --task math', "answers 500 problems of the little world, the bundled model's"],
    ['evaluate --task instructions --data ifeval.jsonl --model org/name --template chat', 'a real test'],
  ],
  async run(args, output) {
    const parsed = parseData(args);
    const files = parsed.data && (await fetchData(parsed.data, parsed.split ?? 'test', output));
    const data = { ...parsed, ...given({ data: files }) };
    const examination = parseExamination(args);
    if (data.task === undefined) return evaluateRows(args, output, data);
    const { task: name, limit } = data;
    const { readTask } = await import('../../training/taskRows.ts');
    const task = await readTask(name, { split: 'test', ...given({ files, limit }) });
    return evaluateProblems(args, output, task, { ...data, ...examination });
  },
};

async function evaluateRows(args: Arguments, output: Output, data: DataOptions): Promise<void> {
  const files = demandData(data);
  const adapterChoice = parseAdapter(args);
  await using model = await openModel({ ...parseModel(args), ...parseEngine(args) }, output);
  const { rows, numbers } = await readNumberedData(model, files, data, output);
  const adapter = await openAdapter(model, adapterChoice, rows, output);
  const { evaluate } = await import('../../training/evaluate.ts');
  const { batchSize } = data;
  output.stage('compiling and evaluating');
  const progress = output.progress(rows.length, 'rows');
  const { rowLosses, ...evaluated } = await evaluate(model, rows, {
    ...{ batchSize, ...given({ adapter }) },
    onProgress: (done) => progress.update(done),
  }).finally(progress.stop);
  const result = { ...evaluated, seconds: output.elapsed() };
  await demandFiniteLosses(model, rowLosses, numbers);
  output.result(args['per-row'] ? { ...result, rowLosses, rowNumbers: numbers } : result, () => [
    `loss ${shortNumber(result.loss)}  perplexity ${shortNumber(result.perplexity)}  ` +
      `(${result.tokens} scored tokens in ${result.rows} rows, ${shortNumber(result.seconds, 2)} s)`,
  ]);
}

/** Throws unless all are finite: names the weight that is not, or the row. */
async function demandFiniteLosses(model: Model, losses: readonly number[], numbers?: readonly number[]): Promise<void> {
  const { requireFiniteLoss } = await import('../../training/finiteLoss.ts');
  for (const [index, loss] of losses.entries())
    await requireFiniteLoss(model, `loss of row ${numbers?.[index] ?? index + 1}`, loss);
}

async function evaluateProblems(
  args: Arguments,
  output: Output,
  task: Task,
  options: DataOptions & ExaminationOptions,
): Promise<void> {
  const adapterChoice = parseAdapter(args);
  await using model = await openModel({ ...parseModel(args), ...parseEngine(args) }, output);
  const { responseRows } = await import('../../training/taskRows.ts');
  const adapter = await openAdapter(model, adapterChoice, await responseRows(model, task, options, output), output);
  const { evaluateTask } = await import('../../training/evaluateTask.ts');
  const { family, problems, ...examination } = examinationOf(task, options);
  output.stage('compiling and answering');
  const progress = output.progress(problems.length, 'answers');
  const evaluated = await evaluateTask(model, family, problems, {
    ...{ ...examination, ...given({ adapter }), batchSize: options.batchSize },
    onProgress: (done) => progress.update(done),
  }).finally(progress.stop);
  const result = { ...evaluated, seconds: output.elapsed() };
  await demandFiniteLosses(model, result.loss?.rowLosses ?? []);
  if (result.notFinite > 0) {
    const { requireFiniteWeights } = await import('../../training/finiteLoss.ts');
    await requireFiniteWeights(model);
    output.warn(`${result.notFinite} answers ended where the logits are not finite, and were judged as they stood`);
  }
  const { sharesOf } = await import('../../training/validation.ts');
  output.result(jsonOf(result, sharesOf(result), args['per-row'] === true), () => wordsOf(result));
}

function jsonOf(
  { loss, ...result }: EvaluateTaskResult,
  shares: Omit<ValidationScore, 'validationLoss'>,
  perRow: boolean,
) {
  const { rowLosses = null, perplexity = null, tokens = 0 } = loss ?? {};
  const { metric, metrics, correct, responses = null, seconds } = result;
  return {
    ...{ loss: loss?.loss ?? null, perplexity, tokens, rows: correct.length },
    ...{ ...shares, metric, metrics, seconds, notFinite: result.notFinite },
    ...(perRow ? { rowLosses, correct, responses } : {}),
  };
}

function wordsOf({ loss, accuracy, exactMatch, metric, metrics, correct, seconds }: EvaluateTaskResult): string[] {
  const { exact: _, ...others } = metrics;
  return [
    ...(accuracy === null ? [] : [`accuracy, ${metric}: ${percent(accuracy)}`]),
    ...Object.entries(others).map(([name, share]) => `${name}: ${percent(share)}`),
    ...(exactMatch === null ? [] : [`exact match${accuracy === null ? `, ${metric}` : ''}: ${percent(exactMatch)}`]),
    `${loss ? `loss ${shortNumber(loss.loss)}  ` : ''}(${correct.length} problems, ${shortNumber(seconds, 2)} s)`,
  ];
}
