import { LambdamaxError } from '../../errors.ts';
import { isChat, readMessages, toChatExample } from './chat.ts';
import { readIntegers } from './integers.ts';
import { type PromptOptions, promptOf, responseOf, type TextExample, toTextExample } from './prompts.ts';
import { type DataRow, rowAt } from './rows.ts';
import { firstSequences, isGiven, type RowSequences, readSequences } from './sequences.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** The label of a position that is not scored. */
export const notScored = -100;

/** One tokenised row. Labels are aligned with the tokens as in transformers: position t predicts `labels[t + 1]`. */
export interface TokenRow extends RowSequences {
  readonly inputIds: Int32Array;
  /** Token ids, or -100 where a token is not scored. */
  readonly labels: Int32Array;
  /** 1 where a token may be attended to, 0 where not; absent if all may. */
  readonly attentionMask?: Uint8Array;
}

/** How rows become tokens. */
export interface ExampleOptions extends PromptOptions {
  /** Needed for rows of text. */
  readonly tokenizer?: TextTokenizer;
  /** Tokens a row; longer rows are cut on the right. */
  readonly maxLength: number;
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

/** The template (`--template`) under which a prompt and a response become a conversation in the model's own form. */
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
}

/**
 * Tokenises rows of data. A row with `input_ids` and `labels` is taken as it is (`attention_mask` and what
 * {@link readSequences} reads optional; padding at the end is cut off); any other is a prompt, with the tokenizer's special tokens and not scored, and a response with the eos
 * token, scored. Throws a LambdamaxError that names the row if it is malformed, and if nothing is left to score.
 */
export function toTokenRows(rows: readonly DataRow[], options: ExampleOptions): TokenRows {
  const { maxLength, source, lines } = options;
  if (!(Number.isInteger(maxLength) && maxLength >= 2)) {
    throw new LambdamaxError({ subject: '--max-length', expected: 'a whole number of at least 2', got: maxLength });
  }
  const kept: TokenRow[] = [];
  const numbers: number[] = [];
  let cut = 0;
  for (const [index, row] of rows.entries()) {
    const subject =
      source === undefined ? `data row ${index + 1}` : `${rowAt(index + 1, lines?.[index] ?? index + 1)} of ${source}`;
    const tokens = isTokenised(row) ? readTokens(row, subject, options) : tokenise(row, subject, options);
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
      rows.length === 0 ? 'no rows' : `none in ${rows.length} rows, ${cut} of them cut to --max-length ${maxLength}`;
    throw new LambdamaxError({ subject: source ?? 'the data', expected: 'a position to score', got });
  }
  return { rows: kept, numbers, dropped: rows.length - kept.length, cut };
}

/** The number of positions of a row that are scored. The first label never is: nothing comes before it. */
export function scoredPositions(row: TokenRow): number {
  return row.labels.reduce((count, label, index) => count + (index > 0 && label !== notScored ? 1 : 0), 0);
}

/** Whether a row is tokens already. */
export function isTokenised(row: DataRow): boolean {
  return Object.hasOwn(row, 'input_ids') && Object.hasOwn(row, 'labels');
}

function readTokens(row: DataRow, subject: string, { addsTokenTypes = false }: ExampleOptions): TokenRow {
  refuseInputs(row, subject, addsTokenTypes);
  const inputIds = readIntegers(row, 'input_ids', subject, { lowest: 0 });
  const { length } = inputIds;
  const labels = readIntegers(row, 'labels', subject, { length, lowest: 0, or: notScored });
  const mask = isGiven(row, 'attention_mask')
    ? { attentionMask: Uint8Array.from(readIntegers(row, 'attention_mask', subject, { length, ...maskLimits })) }
    : {};
  const sequences = readSequences(row, { labels, ...mask }, subject);
  const { places } = sequences;
  // TRL scores no first token of the sequences that it packs.
  const scored =
    places !== undefined && isGiven(row, 'seq_lengths')
      ? labels.map((label, index) => (places[index] === 0 ? notScored : label))
      : labels;
  return { inputIds, labels: scored, ...mask, ...sequences };
}

/** Inputs of transformers' models that would change what is computed, and that are not computed here. */
const otherInputs = ['inputs_embeds', 'decoder_input_ids', 'pixel_values', 'shift_labels'];

function refuseInputs(row: DataRow, subject: string, addsTokenTypes: boolean): void {
  const refused = [...otherInputs, ...(addsTokenTypes ? ['token_type_ids'] : [])];
  const other = refused.find((field) => isGiven(row, field));
  if (other !== undefined) {
    const remedy = 'leave this field out, if it is not what the model is to be given';
    throw new LambdamaxError({ subject, expected: `no field ${other}, which is not computed`, got: 'one', remedy });
  }
  if (isGiven(row, 'token_type_ids')) readIntegers(row, 'token_type_ids', subject, { lowest: 0, highest: 0 });
}

const maskLimits = {
  lowest: 0,
  highest: 1,
  remedy: 'where it tells the sequences of a row apart, give position_ids that start again with each of them',
};

function tokenise(row: DataRow, subject: string, options: ExampleOptions): TokenRow {
  const { tokenizer } = options;
  const { template } = options;
  const isConversation = template === chatTemplateName || (isChat(row) && template === undefined);
  const { prompt, response } = isConversation
    ? chatExample(row, subject, options)
    : toTextExample(row, subject, options);
  if (tokenizer === undefined) {
    throw new LambdamaxError({
      subject,
      expected: 'input_ids and labels, since there is no tokenizer',
      got: `text in fields ${Object.keys(row).join(', ')}`,
      remedy: "put tokenizer.json into the model's folder",
    });
  }
  // A chat template writes the special tokens itself, where a text begins and where an answer ends.
  const eos = tokenizer.eosTokenId === null || isConversation ? [] : [tokenizer.eosTokenId];
  const promptIds = isConversation ? tokenizer.encode(prompt) : promptTokens(prompt, tokenizer);
  const responseIds = [...tokenizer.encode(response), ...eos];
  return {
    inputIds: Int32Array.from([...promptIds, ...responseIds]),
    labels: Int32Array.from([...promptIds.map(() => notScored), ...responseIds]),
  };
}

/** A text that goes on, with the special tokens that the tokenizer puts before it. */
export function promptTokens(prompt: string, tokenizer: TextTokenizer): number[] {
  const ids = tokenizer.encode(prompt, { addSpecialTokens: true });
  // Some tokenizers end every text.
  if (ids.at(-1) === tokenizer.eosTokenId) ids.pop();
  return ids;
}

/** A conversation, or a prompt and a response as one of two messages, as the model's chat template writes it. */
function chatExample(row: DataRow, subject: string, options: ExampleOptions): TextExample {
  const messages = isChat(row)
    ? readMessages(row, subject)
    : [
        { role: 'user', content: promptOf(row, subject, options) },
        { role: 'assistant', content: responseOf(row, subject, options) },
      ];
  return toChatExample(messages, subject, options.tokenizer?.chat);
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
  throw new LambdamaxError({ subject, expected, got: largest, remedy: 'lower --max-length, or shorten the sequences' });
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
