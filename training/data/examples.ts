import { ArgumentError, LambdamaxError } from '../../errors.ts';
import { type Conversation, isChat, readConversation } from './conversations.ts';
import { type DataRow, rowAt } from './files/rows.ts';
import { type PromptOptions, promptOf, responseOf, toTextExample } from './prompts.ts';
import { firstSequences, isGiven } from './sequences.ts';
import { type Scored, tokeniseConversation, tokeniseText } from './together.ts';
import { readTokens, tokenFields } from './tokenised.ts';
import type { TextTokenizer } from './tokenizer/tokenizer.ts';
import { notScored, rowDefaults, type TokenRow, type TrainOn, trainOnChoices } from './tokenRow.ts';

export { notScored, type TokenRow, type TrainOn, trainOnChoices };

/** How rows become tokens. */
export interface ExampleOptions extends PromptOptions {
  /** Needed for rows of text. */
  readonly tokenizer?: TextTokenizer;
  /** Tokens a row; longer rows are cut on the right. */
  readonly maxLength: number;
  /** Which turns of a conversation are scored; default `last`. */
  readonly trainOn?: TrainOn;
  /** Where given, ids from here on are refused: the model has no embedding for them. */
  readonly vocabSize?: number;
  /** Where given, positions from here on are refused: the model has learned none. */
  readonly learnedPositions?: number;
  /** Whether the model adds an embedding for each of `token_type_ids`, zeros too. Default: it does not look at them. */
  readonly addsTokenTypes?: boolean;
  /** Where the rows come from, for errors to name. */
  readonly source?: string;
  /** The line of each row in `source`; default: that of its number. */
  readonly lines?: readonly number[];
}

/** The template `chat`, under which a prompt and a response become a conversation in the model's own form. */
export const chatTemplateName = 'chat';

/** The tokenised rows, and what became of the others. */
export interface TokenRows {
  readonly rows: TokenRow[];
  /** The number of each of them among all rows that were read, counted from 1. */
  readonly numbers: number[];
  /** Rows left out because nothing in them is scored, after cutting. */
  readonly dropped: number;
  /** Rows that were longer than `maxLength`, dropped ones among them. */
  readonly cut: number;
  /** Rows whose prompt has other tokens alone than with its response behind it; they are scored from where the two part. */
  readonly parted: number;
  /** Fields that hold something and that nothing was read from, in the order in which they were met. */
  readonly unused: readonly string[];
}

/**
 * Tokenises rows of data. A row with `input_ids` is taken as it is: scored by `labels`, else where the masks say so, else
 * whole (padding at the end is cut off). Any other is a prompt and a response, tokenised together as
 * TRL does: {@link tokeniseText}, {@link tokeniseConversation}. Throws a LambdamaxError that names the row if it is malformed,
 * and if nothing is left to score.
 */
export function toTokenRows(rows: readonly DataRow[], options: ExampleOptions): TokenRows {
  const { maxLength, source, lines } = options;
  if (!(Number.isInteger(maxLength) && maxLength >= 2)) {
    throw new ArgumentError({ subject: 'maxLength', expected: 'a whole number of at least 2', got: maxLength });
  }
  const kept: TokenRow[] = [];
  const numbers: number[] = [];
  const unused = new Set<string>();
  let [cut, parted] = [0, 0];
  for (const [index, row] of rows.entries()) {
    const subject =
      source === undefined ? `data row ${index + 1}` : `${rowAt(index + 1, lines?.[index] ?? index + 1)} of ${source}`;
    const { tokens, hasParted, fields } = isTokenised(row)
      ? { tokens: readTokens(row, subject, options), hasParted: false, fields: tokenFields }
      : tokenise(row, subject, options);
    for (const field of Object.keys(row)) if (!fields.includes(field) && isGiven(row, field)) unused.add(field);
    if (hasParted) parted++;
    requireVocabulary(tokens, subject, options.vocabSize);
    const whole = withoutPadding(tokens, tokens.inputIds.length);
    if (whole.inputIds.length > maxLength) cut++;
    const fitting = whole.inputIds.length > maxLength ? withoutPadding(tokens, maxLength) : whole;
    requirePositions(fitting, subject, options.learnedPositions);
    if (scoredPositions(fitting) === 0) continue;
    kept.push(fitting);
    numbers.push(index + 1);
  }
  if (kept.length === 0) {
    const got =
      rows.length === 0 ? 'no rows' : `none in ${rows.length} rows, ${cut} of them cut to \`maxLength: ${maxLength}\``;
    throw new LambdamaxError({ subject: source ?? 'the data', expected: 'a position to score', got });
  }
  return { rows: kept, numbers, dropped: rows.length - kept.length, cut, parted, unused: [...unused] };
}

/** The number of positions of a row that are scored. The first label never is: nothing comes before it. */
export function scoredPositions(row: TokenRow): number {
  return row.labels.reduce((count, label, index) => count + (index > 0 && label !== notScored ? 1 : 0), 0);
}

/** Whether a row is tokens already. */
export function isTokenised(row: DataRow): boolean {
  return isGiven(row, 'input_ids');
}

/** A row of text as tokens, and the fields that it was read from. */
interface TokenisedText extends Scored {
  readonly fields: readonly string[];
}

function tokenise(row: DataRow, subject: string, options: ExampleOptions): TokenisedText {
  const { tokenizer, trainOn = rowDefaults.trainOn, maxLength } = options;
  // Read first: what is wrong with a row is said before a tokenizer is missed.
  const conversation = conversationOf(row, subject, options);
  const example = conversation === undefined ? toTextExample(row, subject, options) : undefined;
  if (tokenizer === undefined) {
    throw new LambdamaxError({
      subject,
      expected: 'input_ids and labels, since there is no tokenizer',
      got: `text in fields ${Object.keys(row).join(', ')}`,
      remedy: "put tokenizer.json into the model's folder",
    });
  }
  // One more, by which it is seen that the row is cut.
  const atMost = maxLength + 1;
  const scored = example
    ? tokeniseText(example.prompt, example.response, tokenizer, atMost)
    : tokeniseConversation(conversation!, tokenizer, trainOn, subject, atMost);
  return { ...scored, fields: (example ?? conversation!).fields };
}

/** The conversation that a row is, or under the template `chat` its prompt and response as one of two messages. */
function conversationOf(row: DataRow, subject: string, options: ExampleOptions): Conversation | undefined {
  const { template, promptField, responseField, trainOn = rowDefaults.trainOn } = options;
  const namesFields = promptField !== undefined || responseField !== undefined;
  if (isChat(row) && !namesFields && (template === undefined || template === chatTemplateName))
    return readConversation(row, subject, trainOn === 'last');
  if (template !== chatTemplateName) return undefined;
  const [prompt, response] = [promptOf(row, subject, options), responseOf(row, subject, options)];
  const messages = [
    { role: 'user', content: prompt.text },
    { role: 'assistant', content: response.text },
  ];
  return { messages, given: 1, options: {}, isSplit: false, fields: [...prompt.fields, ...response.fields] };
}

function requireVocabulary(
  { inputIds, labels }: TokenRow,
  subject: string,
  vocabSize = Number.POSITIVE_INFINITY,
): void {
  for (const values of [inputIds, labels]) {
    const largest = values.find((value) => value >= vocabSize);
    if (largest === undefined) continue;
    const remedy = 'tokenise the data with the tokenizer of this model';
    throw new LambdamaxError({ subject, expected: `token ids below ${vocabSize}`, got: largest, remedy });
  }
}

function requirePositions(row: TokenRow, subject: string, learned = Number.POSITIVE_INFINITY): void {
  const { inputIds, positions, places } = row;
  const largest = (positions ?? places)?.reduce((most, position) => Math.max(most, position)) ?? inputIds.length - 1;
  if (largest < learned) return;
  const expected = `positions below ${learned}, the model's learned positions`;
  throw new LambdamaxError({ subject, expected, got: largest, remedy: 'lower `maxLength`, or shorten the sequences' });
}

/**
 * The first `length` positions without the padding at their end, and without a mask where it is all ones. A position that
 * is masked and yet scored is no padding: transformers counts it in the loss.
 */
function withoutPadding(row: TokenRow, length: number): TokenRow {
  const { inputIds, labels, attentionMask } = row;
  let end = length;
  while (end > 0 && attentionMask?.[end - 1] === 0 && labels[end - 1] === notScored) end--;
  const mask = attentionMask?.slice(0, end);
  return {
    ...{ inputIds: inputIds.slice(0, end), labels: labels.slice(0, end) },
    ...(mask?.includes(0) ? { attentionMask: mask } : {}),
    ...firstSequences(row, end),
  };
}
