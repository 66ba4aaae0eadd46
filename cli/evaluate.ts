import type { Command } from './command.ts';
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
} from './options.ts';
import { shortNumber } from './output.ts';

/** `lambdamax evaluate`: how well a model predicts some rows. */
export const command: Command = {
  usage: 'evaluate',
  summary: 'Loss of a model on data, with or without an adapter',
  options: {
    ...modelOptions,
    ...adapterOptions,
    ...dataOptions,
    'per-row': { type: 'boolean', group: 'Output:', describe: 'the loss of each row besides (with --json)' },
    ...engineOptions,
  },
  examples: [['evaluate --data test.jsonl --adapter runs/my-run/adapter', 'with a trained adapter']],
  async run(args, output) {
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
  },
};
