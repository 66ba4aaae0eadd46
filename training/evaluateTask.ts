import { LambdamaxError } from '../errors.ts';
import type { Adapter } from './adapters/create.ts';
import type { TokenRow } from './data/examples.ts';
import { rowDefaults } from './data/tokenRow.ts';
import { type EvaluateResult, evaluate } from './evaluate.ts';
import { generateTexts } from './generate/generateTexts.ts';
import { generationDefaults } from './generate/sampling.ts';
import type { Model } from './model.ts';
import { type TaskTokenOptions, taskPrompts, taskTokenRows } from './taskData.ts';
import { type Proportion, shareOf } from './tasks/proportion.ts';
import { scoreResponses } from './tasks/score.ts';
import type { TaskFamily, TaskProblem } from './tasks/task.ts';

/** How a model is examined. */
export interface EvaluateTaskOptions extends TaskTokenOptions {
  readonly adapter?: Adapter;
  /** Rows at a time where losses are computed; default 8, of {@link rowDefaults}. */
  readonly batchSize?: number;
  /** The most tokens of a response; default 256. */
  readonly maxNewTokens?: number;
  /** Nothing is generated: a problem counts as solved if greedy decoding would write its response, token by token. */
  readonly exactOnly?: boolean;
  /** Is told how many responses are complete. */
  onProgress?(done: number): void;
}

/** How well a model solves the problems of a task. */
export interface EvaluateTaskResult {
  /** The share of problems solved, by the family's metric; null with `exactOnly`, where nothing is generated to be judged. */
  readonly accuracy: Proportion | null;
  /** The share of responses that greedy decoding would write word for word; null if a problem has no response. */
  readonly exactMatch: Proportion | null;
  /** The family's other metrics, and `exactMatch` once more as `exact`, under which name it was first known. */
  readonly metrics: Readonly<Record<string, Proportion>>;
  /** What the share of is taken, in words: of `accuracy`, or with `exactOnly` of `exactMatch`. */
  readonly metric: string;
  /** Loss on the problems' own responses; undefined if they have none. */
  readonly loss: Omit<EvaluateResult, 'seconds'> | undefined;
  /** Whether each problem's response is right, in their order. */
  readonly correct: readonly boolean[];
  /** What the model wrote, up to the first of the family's stop texts or its own end; undefined with `exactOnly`. */
  readonly responses: readonly string[] | undefined;
  /** Responses that ended where the logits are not finite: what they count as says nothing of the model's answers. */
  readonly notFinite: number;
  readonly seconds: number;
}

/**
 * Lets a model answer problems greedily and judges what it writes, beside the loss of the right responses. Throws a
 * LambdamaxError for a problem that the model or the family cannot take, and with `exactOnly` for one without a response.
 */
export async function evaluateTask(
  model: Model,
  family: TaskFamily,
  problems: readonly TaskProblem[],
  {
    exactOnly = false,
    maxNewTokens = generationDefaults.maxNewTokens,
    batchSize = rowDefaults.batchSize,
    adapter,
    onProgress,
    ...reading
  }: EvaluateTaskOptions = {},
): Promise<EvaluateTaskResult> {
  const started = performance.now();
  if (exactOnly) requireResponses(family, problems);
  const adapted = adapter === undefined ? {} : { adapter };
  const tokenRows = await taskTokenRows(model, family, problems, reading);
  const rows = tokenRows.flatMap(({ row }) => row ?? []);
  const scored = rows.length === 0 ? undefined : await evaluate(model, rows, { ...adapted, batchSize, exact: true });
  const exactRows = new Map<TokenRow, boolean>(rows.map((row, index) => [row, scored!.exactRows![index]!]));
  const isExact = tokenRows.map(({ row, isCut }) => row !== undefined && !isCut && exactRows.get(row)!);
  const hasResponses = problems.every(({ response }) => response !== undefined);
  const exactMatch = hasResponses ? shareOf(isExact) : null;
  const finish = (rest: Omit<EvaluateTaskResult, 'exactMatch' | 'loss' | 'seconds'>): EvaluateTaskResult => ({
    ...rest,
    exactMatch,
    loss: scored,
    seconds: (performance.now() - started) / 1000,
  });
  if (exactOnly) {
    const metric = 'responses that greedy decoding would write word for word';
    return finish({ accuracy: null, metrics: {}, metric, correct: isExact, responses: undefined, notFinite: 0 });
  }
  const prompts = await taskPrompts(model, family, problems, reading);
  const tokens = prompts.map((prompt) => prompt.tokens);
  const generations = await generateTexts(model, tokens, {
    ...{ ...adapted, maxNewTokens },
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  const responses = generations.map(({ text }, index) => behind(prompts[index]!.rest, text));
  const { accuracy, metrics, verdicts } = await scoreResponses(family, problems, responses);
  return finish({
    ...{ accuracy, metric: family.metric, responses },
    metrics: exactMatch === null ? metrics : { ...metrics, exact: exactMatch },
    correct: verdicts.map(({ correct }) => correct),
    notFinite: generations.filter(({ end }) => end === 'notFinite').length,
  });
}

/** What a model wrote behind the end of a prompt that it was left to write too. */
function behind(rest: string, text: string): string {
  return text.startsWith(rest) ? text.slice(rest.length) : text;
}

/** Throws a LambdamaxError that names the first problem without a response: there is nothing to compare with word for word. */
export function requireResponses(family: TaskFamily, problems: readonly TaskProblem[]): void {
  const missing = problems.findIndex(({ response }) => response === undefined);
  if (missing < 0) return;
  const subject = `problem ${missing + 1} of ${family.name}`;
  throw new LambdamaxError({ subject, expected: 'a response to compare with', got: 'none' });
}
