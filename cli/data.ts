import { UsageError } from '../errors.ts';
import type { Command } from './command.ts';
import { value } from './options.ts';
import { choice, optional, required, text, wholeNumber } from './values.ts';

/** `lambdamax data`: problems of a task, as rows of a data file. */
export const command: Command = {
  usage: 'data',
  summary: "Write a task's problems",
  options: {
    task: value('Data', 'NAME', 'math: word problems of a small world with worked answers', 'math'),
    families: value('Data', 'NAME', 'finetuning, or pretraining: those that the bundled model has seen', 'finetuning'),
    split: value('Data', 'NAME', 'train, validation, test; disjoint whatever the seed', 'train'),
    limit: value('Data', 'N', 'rows', '1000'),
    seed: value('Data', 'N', 'seed', '0'),
    out: value('Data', 'FILE', '.jsonl file; standard output if not given'),
  },
  examples: [['data --split validation --limit 256 --out validation.jsonl', 'writes 256 rows']],
  async run(args, output) {
    required(args, 'task', choice(['math'], ' (no other is built in this version)'));
    const request = {
      families: required(args, 'families', choice(['finetuning', 'pretraining'])),
      split: required(args, 'split', choice(['train', 'validation', 'test'])),
      count: required(args, 'limit', wholeNumber(1)),
      seed: required(args, 'seed', wholeNumber(0)),
    } as const;
    const out = optional(args, 'out', text);
    if (out === undefined && output.json) {
      throw new UsageError({ subject: '--json', expected: '--out FILE beside it', got: 'none' });
    }
    const { problemLines, problems } = await import('../training/tasks/math/problems.ts');
    const rows = problems(request);
    const lines = problemLines(rows);
    if (out !== undefined) {
      const { writeText } = await import('./writeText.ts');
      await writeText(out, lines);
    }
    output.result({ rows: rows.length, out }, () => [
      out === undefined ? lines.trimEnd() : `${rows.length} rows in ${out}`,
    ]);
  },
};
