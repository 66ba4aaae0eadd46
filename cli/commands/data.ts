import type { Command } from '../command.ts';
import { value } from '../options/options.ts';
import { UsageError } from '../options/usageError.ts';
import { choice, optional, required, text, wholeNumber } from '../options/values.ts';

/** `lambdamax data`: problems of a task, as rows of a data file. */
export const command: Command = {
  usage: 'data',
  summary: "Write a task's problems",
  options: {
    task: value('Data', 'NAME|FILE.ts', 'code, commonsense, instructions, math, or your own', 'math'),
    split: value('Data', 'NAME', 'train, validation, test; disjoint whatever the seed', 'train'),
    count: {
      ...value('Data', 'N', 'rows (if not given 1000 to train on, 200 to validate, 500 to test with)'),
      alias: 'limit',
    },
    seed: value('Data', 'N', 'seed', '1'),
    out: value('Data', 'FILE', '.jsonl file; standard output if not given'),
  },
  examples: [['data --task math --split validation --count 256 --out validation.jsonl', 'writes 256 rows']],
  async run(args, output) {
    const split = required(args, 'split', choice(['train', 'validation', 'test']));
    const count = optional(args, 'count', wholeNumber(1));
    const seed = required(args, 'seed', wholeNumber(0));
    const out = optional(args, 'out', text);
    if (out === undefined && output.json) {
      throw new UsageError({ subject: '--json', expected: '--out FILE beside it', got: 'none' });
    }
    const { loadTask } = await import('../../training/tasks/index.ts');
    const { defaultSplits, generatedRows } = await import('../../training/tasks/splits.ts');
    const family = await loadTask(required(args, 'task', text));
    const rows = generatedRows(family, { split, count: count ?? defaultSplits[split].count, seed });
    const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    if (out !== undefined) {
      const { writeFileWhole } = await import('../../training/checkpoint/files.ts');
      await writeFileWhole(out, lines);
    }
    output.result({ rows: rows.length, out }, () => [
      out === undefined ? lines.trimEnd() : `${rows.length} rows in ${out}`,
    ]);
  },
};
