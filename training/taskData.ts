import { chatTemplateName, type TokenRow, toTokenRows } from './data/examples.ts';
import { readRows, rowAt } from './data/files/rows.ts';
import { toTextExample } from './data/prompts.ts';
import { chatPromptTokens, trainedPrompt } from './data/together.ts';
import { rowDefaults } from './data/tokenRow.ts';
import type { Model } from './model.ts';
import { defaultSplits, generatedRows } from './tasks/splits.ts';
import type { TaskFamily, TaskProblem, TaskRow, TaskSplit } from './tasks/task.ts';

/** Which problems of a family are read. */
export interface ReadProblemsOptions {
  /** .jsonl and .json files in a format that the family knows; default: problems of its own. */
  readonly files?: readonly string[];
  /** Split of the family's own problems; default `test`. */
  readonly split?: TaskSplit;
  /** Only the first so many; of its own default that of `defaultSplits`. */
  readonly limit?: number;
  /** Seed of the family's own problems; default 1, that of the stored splits. */
  readonly seed?: number;
}

/** A row that holds a problem. */
export interface ProblemRow {
  readonly row: TaskRow;
  /** Where it is from, for errors to name. */
  readonly subject: string;
}

/**
 * The rows of a family's problems, from files or from its own generator. Throws a LambdamaxError that names the file or line
 * that is wrong, and if there are no files for a family without a generator.
 */
export async function readProblemRows(
  family: TaskFamily,
  { files, split = 'test', limit, seed = defaultSplits[split].seed }: ReadProblemsOptions = {},
): Promise<ProblemRow[]> {
  if (files === undefined) {
    const count = limit ?? defaultSplits[split].count;
    return generatedRows(family, { split, count, seed }).map((row, index) => ({
      row,
      subject: `problem ${index + 1} of ${family.name}`,
    }));
  }
  const found: ProblemRow[] = [];
  for (const file of files) {
    const left = limit === undefined ? undefined : limit - found.length;
    if (left === 0) break;
    const rows = await readRows(file, left === undefined ? {} : { limit: left });
    for (const [index, { row, line }] of rows.entries())
      found.push({ row, subject: `${rowAt(index + 1, line)} of ${file}` });
  }
  return found;
}

/**
 * Problems of a family, from files or of its own. Throws a LambdamaxError that names the file or the row that cannot be read, or that
 * is no problem.
 */
export async function readProblems(family: TaskFamily, options: ReadProblemsOptions = {}): Promise<TaskProblem[]> {
  return (await readProblemRows(family, options)).map(({ row, subject }) => family.read(row, subject));
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
  { template = family.template, maxLength = rowDefaults.maxLength }: TaskTokenOptions = {},
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

/** What a model answers behind. */
export interface TaskPrompt {
  readonly tokens: readonly number[];
  /** The end of the prompt's text that is not in them, since its last token goes on into the response; mostly empty. */
  readonly rest: string;
}

/**
 * The tokens behind which a model answers, the i-th of the i-th problem: those that stand before the scored ones where it is
 * trained on the problem. So where a token reaches over into the response the model writes it whole, as it was taught. A chat
 * template's generation prompt is what it is.
 */
export async function taskPrompts(
  model: Model,
  family: TaskFamily,
  problems: readonly TaskProblem[],
  { template = family.template }: TaskTokenOptions = {},
): Promise<TaskPrompt[]> {
  const tokenizer = await model.tokenizer();
  return problems.map(({ prompt, response }, index) => {
    const subject = `problem ${index + 1} of ${family.name}`;
    if (template === chatTemplateName) return { tokens: chatPromptTokens(prompt, tokenizer, subject), rest: '' };
    const example = toTextExample({ prompt, response: response ?? '' }, subject, { template, ...fields });
    return trainedPrompt(example.prompt ?? '', response === undefined ? undefined : example.response, tokenizer);
  });
}
