import { LambdamaxError } from '../errors.ts';
import { toChatPrompt } from './data/chat.ts';
import { chatTemplateName, promptTokens, type TokenRow, toTokenRows } from './data/examples.ts';
import { toTextExample } from './data/prompts.ts';
import { readRows } from './data/rows.ts';
import type { Model } from './model.ts';
import type { TaskFamily, TaskProblem, TaskSplit } from './tasks/task.ts';

/** Which problems of a family are read. */
export interface ReadProblemsOptions {
  /** .jsonl and .json files in a format that the family knows; default: problems of the little world. */
  readonly files?: readonly string[];
  /** Of the little world; default `test`. */
  readonly split?: TaskSplit;
  /** Only the first so many; of the little world default 128. */
  readonly limit?: number;
  /** Of the little world; default 1, that of the stored splits. */
  readonly seed?: number;
}

/**
 * Problems of a family, from files or from its own generator. Throws a LambdamaxError that names the file, line or row that
 * is wrong, and if there are no files for a family without a generator.
 */
export async function readProblems(
  family: TaskFamily,
  { files, split = 'test', limit, seed = 1 }: ReadProblemsOptions = {},
): Promise<TaskProblem[]> {
  if (files === undefined) {
    if (family.generate === undefined) {
      const [subject, expected] = [`task ${family.name}`, 'files with its problems (--data)'];
      throw new LambdamaxError({ subject, expected, got: 'none, and it has no problems of its own' });
    }
    const rows = family.generate({ split, count: limit ?? 128, seed });
    return rows.map((row, index) => family.read(row, `problem ${index + 1}`));
  }
  const problems: TaskProblem[] = [];
  for (const file of files) {
    const left = limit === undefined ? undefined : limit - problems.length;
    if (left === 0) break;
    const rows = await readRows([file], left === undefined ? {} : { limit: left });
    for (const [index, row] of rows.entries()) problems.push(family.read(row, `row ${index + 1} of ${file}`));
  }
  return problems;
}

/** How problems become tokens. */
export interface TaskTokenOptions {
  /** The text that the model continues, with `{prompt}` in it, `chat` or `alpaca`; default: the family's own. */
  readonly template?: string;
  /** Tokens of a prompt and its response; the rest is cut. Default 512. */
  readonly maxLength?: number;
}

/** Where a problem has its texts, for the functions that read rows. */
const fields = { promptField: 'prompt', responseField: 'response' };

/** A problem's response as a model would be trained on it. */
export interface TaskTokenRow {
  /** Undefined where the problem has no response, or none within `maxLength`. */
  readonly row: TokenRow | undefined;
  /** Whether it was longer than `maxLength`. */
  readonly isCut: boolean;
}

/** The prompts and responses of problems as rows to train or to be scored on, the i-th of the i-th problem. */
export async function taskTokenRows(
  model: Model,
  family: TaskFamily,
  problems: readonly TaskProblem[],
  { template = family.template, maxLength = 512 }: TaskTokenOptions = {},
): Promise<TaskTokenRow[]> {
  const tokenizer = await model.tokenizer();
  const { vocabSize } = model.config;
  return problems.map(({ prompt, response }, index) => {
    if (response === undefined) return { row: undefined, isCut: false };
    const source = `problem ${index + 1} of ${family.name}`;
    // Whole first: a row that is cut to nothing is no fault here.
    const options = { template, ...fields, tokenizer, vocabSize, source, maxLength: Number.MAX_SAFE_INTEGER };
    const whole = toTokenRows([{ prompt, response }], options).rows[0]!;
    if (whole.inputIds.length <= maxLength) return { row: whole, isCut: false };
    const row = { inputIds: whole.inputIds.slice(0, maxLength), labels: whole.labels.slice(0, maxLength) };
    return { row: row.labels.some((label) => label >= 0) ? row : undefined, isCut: true };
  });
}

/** The tokens behind which a model answers, the i-th of the i-th problem. */
export async function taskPrompts(
  model: Model,
  family: TaskFamily,
  problems: readonly TaskProblem[],
  { template = family.template }: TaskTokenOptions = {},
): Promise<number[][]> {
  const tokenizer = await model.tokenizer();
  return problems.map(({ prompt }, index) => {
    const subject = `problem ${index + 1} of ${family.name}`;
    if (template === chatTemplateName)
      return tokenizer.encode(toChatPrompt([{ role: 'user', content: prompt }], subject, tokenizer.chat));
    const example = toTextExample({ prompt, response: '' }, subject, { template, ...fields });
    return promptTokens(example.prompt, tokenizer);
  });
}
