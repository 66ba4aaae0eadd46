import { UsageError } from '../errors.ts';
import type { EvaluateTaskResult } from '../training/evaluateTask.ts';
import type { Proportion } from '../training/tasks/proportion.ts';
import type { Arguments, Command } from './command.ts';
import { demandData, openAdapter, openModel, readData } from './inputs.ts';
import {
  adapterOptions,
  dataOptions,
  engineOptions,
  modelOptions,
  parseAdapter,
  parseData,
  parseEngine,
  parseModel,
  value,
} from './options.ts';
import { type Output, shortNumber } from './output.ts';
import { given, required, text, wholeNumber } from './values.ts';

/** `lambdamax evaluate`: how well a model predicts some rows, or solves the problems of a task. */
export const command: Command = {
  usage: 'evaluate',
  summary: 'Loss of a model on data, with --task also accuracy; with or without an adapter',
  options: {
    ...modelOptions,
    ...adapterOptions,
    ...dataOptions,
    task: value('Task', 'NAME|FILE.ts', 'also answer and judge: code, commonsense, instructions, math, or your own'),
    'max-new-tokens': value('Task', 'N', 'tokens of an answer, unless it ends before', '256'),
    exact: {
      type: 'boolean',
      group: 'Task:',
      describe: 'answer nothing: count the responses that greedy decoding would write word for word',
    },
    'per-row': { type: 'boolean', group: 'Output:', describe: 'the loss, and the answer, of each row (with --json)' },
    ...engineOptions,
  },
  examples: [
    ['evaluate --data test.jsonl --adapter runs/my-run/adapter', 'with a trained adapter'],
    ['evaluate --task math', "answers 128 problems of the little world, the bundled model's"],
    ['evaluate --task instructions --data ifeval.jsonl --model org/name --template chat', 'a real test'],
  ],
  async run(args, output) {
    if (args.exact === true && args.task === undefined)
      throw new UsageError({ subject: '--exact', expected: '--task beside it', got: 'none' });
    await (args.task === undefined ? evaluateRows : evaluateProblems)(args, output);
  },
};

async function evaluateRows(args: Arguments, output: Output): Promise<void> {
  const data = parseData(args);
  const files = demandData(data);
  const adapterChoice = parseAdapter(args);
  await using model = await openModel({ ...parseModel(args), ...parseEngine(args) }, output);
  const rows = await readData(model, files, data, output);
  const adapter = await openAdapter(model, adapterChoice, rows);
  const { evaluate } = await import('../training/evaluate.ts');
  const { batchSize } = data;
  const { rowLosses, ...result } = await evaluate(model, rows, { batchSize, ...(adapter ? { adapter } : {}) });
  output.result(args['per-row'] ? { ...result, rowLosses } : result, () => [
    `loss ${shortNumber(result.loss)}  perplexity ${shortNumber(result.perplexity)}  ` +
      `(${result.tokens} scored tokens in ${result.rows} rows, ${shortNumber(result.seconds, 2)} s)`,
  ]);
}

async function evaluateProblems(args: Arguments, output: Output): Promise<void> {
  const { data: files, limit, template, maxLength, batchSize, promptField, responseField } = parseData(args);
  const maxNewTokens = required(args, 'max-new-tokens', wholeNumber(1));
  if (promptField !== undefined || responseField !== undefined)
    throw new UsageError({
      subject: '--prompt-field and --response-field',
      expected: 'no --task beside them',
      got: 'both',
      remedy: 'a task knows its fields; read others with a TaskFamily of your own, --task ./FILE.ts',
    });
  const { loadTask } = await import('../training/tasks/index.ts');
  const { readProblems, taskTokenRows } = await import('../training/taskData.ts');
  const family = await loadTask(required(args, 'task', text));
  const problems = await readProblems(family, given({ files, limit }));
  const adapterChoice = parseAdapter(args);
  await using model = await openModel({ ...parseModel(args), ...parseEngine(args) }, output);
  const reading = { maxLength, ...given({ template }) };
  const rows = await taskTokenRows(model, family, problems, reading);
  const cut = rows.filter(({ isCut }) => isCut).length;
  if (cut > 0)
    output.say(`cut to --max-length ${maxLength} tokens: the responses of ${cut} of ${rows.length} problems`);
  const adapter = await openAdapter(
    model,
    adapterChoice,
    rows.flatMap(({ row }) => row ?? []),
  );
  const { evaluateTask } = await import('../training/evaluateTask.ts');
  const progress = output.progress(problems.length, 'answers');
  const result = await evaluateTask(model, family, problems, {
    ...{ ...reading, ...given({ adapter }), batchSize, maxNewTokens, exactOnly: args.exact === true },
    onProgress: (done) => progress.update(done),
  }).finally(progress.stop);
  output.result(jsonOf(result, args['per-row'] === true), () => wordsOf(result));
}

function jsonOf({ loss, accuracy, ...result }: EvaluateTaskResult, perRow: boolean) {
  const { rowLosses = null, perplexity = null, tokens = 0 } = loss ?? {};
  const { metric, metrics, correct, responses = null, seconds } = result;
  return {
    ...{ loss: loss?.loss ?? null, perplexity, tokens, rows: correct.length },
    ...{ accuracy: accuracy.value, accuracyInterval: [accuracy.low, accuracy.high], metric, metrics, seconds },
    ...(perRow ? { rowLosses, correct, responses } : {}),
  };
}

function wordsOf({ loss, accuracy, metric, metrics, correct, seconds }: EvaluateTaskResult): string[] {
  const percent = ({ value, low, high }: Proportion) =>
    `${(100 * value).toFixed(1)} % (95 %: ${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
  return [
    `${metric}: ${percent(accuracy)}`,
    ...Object.entries(metrics).map(([name, share]) => `${name}: ${percent(share)}`),
    `${loss ? `loss ${shortNumber(loss.loss)}  ` : ''}(${correct.length} problems, ${shortNumber(seconds, 2)} s)`,
  ];
}
