import { defaultSplits } from '../../training/tasks/splits.ts';
import type { TaskSplit } from '../../training/tasks/task.ts';
import type { Command } from '../command.ts';
import { taskNames } from '../options/names.ts';
import { value } from '../options/options.ts';
import { UsageError } from '../options/usageError.ts';
import { choice, optional, required, text, wholeNumber } from '../options/values.ts';

const splits = Object.keys(defaultSplits) as TaskSplit[];

/** `lambdamax data`: problems of a task, as rows of a data file. */
export const command: Command = {
  usage: 'data',
  summary: "Write a task's problems",
  options: {
    task: {
      ...value('Data', 'NAME|FILE.ts', async () => `${(await taskNames()).join(', ')}, or your own`, 'math'),
      choices: taskNames,
    },
    split: { ...value('Data', 'NAME', `${splits.join(', ')}; disjoint whatever the seed`, 'train'), choices: splits },
    count: {
      ...value(
        'Data',
        'N',
        `rows (if not given ${splits.map((split) => `${defaultSplits[split].count} for ${split}`).join(', ')})`,
      ),
      alias: 'limit',
    },
    seed: value('Data', 'N', 'seed', defaultSplits.train.seed),
    out: value('Data', 'FILE', '.jsonl file; standard output if not given'),
  },
  examples: [['data --task math --split validation --count 256 --out validation.jsonl', 'writes 256 rows']],
  async run(args, output) {
    const split = required(args, 'split', choice(splits));
    const count = optional(args, 'count', wholeNumber(1));
    const seed = required(args, 'seed', wholeNumber(0));
    const out = optional(args, 'out', text);
    if (out === undefined && output.json) {
      throw new UsageError({ subject: '--json', expected: '--out FILE beside it', got: 'none' });
    }
    const { loadTask } = await import('../../training/tasks/index.ts');
    const { generatedRows } = await import('../../training/tasks/splits.ts');
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
