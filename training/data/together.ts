import { LambdamaxError } from '../../errors.ts';
import { type Conversation, demandTemplate } from './conversations.ts';
import type { ChatMessage, ChatTemplate } from './template/chat.ts';
import { alignTokens } from './tokenizer/alignment.ts';
import type { TextTokenizer } from './tokenizer/tokenizer.ts';
import { notScored, type TokenRow, type TrainOn } from './tokenRow.ts';

/** The tokens of an example. */
export interface Scored {
  readonly tokens: TokenRow;
  /** Whether the prompt's own tokens are not those that the whole begins with. */
  readonly hasParted: boolean;
}

/**
 * A prompt and a response as one text, with the tokenizer's special tokens around it and eos behind it unless it ends so already;
 * scored from where its tokens part from those of the prompt alone. So a token that reaches over the boundary is scored. A
 * prompt of null: the whole text is scored. As SFTTrainer does. `atMost` is as that of {@link TextTokenizer.encode}.
 * @see https://github.com/huggingface/trl, trl/trainer/sft_trainer.py and `common_prefix_length` in trl/data_utils.py, 1.16
 */
export function tokeniseText(
  prompt: string | null,
  response: string,
  tokenizer: TextTokenizer,
  atMost?: number,
): Scored {
  const { eosToken, eosTokenId } = tokenizer;
  const end = eosToken === null || response.endsWith(eosToken) ? '' : eosToken;
  const options = { addSpecialTokens: true, ...(atMost !== undefined && { atMost }) };
  const whole = tokenizer.encode(`${prompt ?? ''}${response}${end}`, options);
  // An eos that no text is encoded as.
  if (eosToken === null && eosTokenId !== null && whole.at(-1) !== eosTokenId) whole.push(eosTokenId);
  return scoredBehind(prompt === null ? [] : tokenizer.encode(prompt, options), whole, eosTokenId);
}

/** A text that a model continues: with the special tokens that the tokenizer puts before it. */
export function promptTokens(prompt: string, tokenizer: TextTokenizer): number[] {
  return withoutEnd(tokenizer.encode(prompt, { addSpecialTokens: true }), tokenizer.eosTokenId);
}

/**
 * The tokens before the scored ones of a prompt and its response, and the end of the prompt's text that they leave out. Without a
 * response those of the prompt alone.
 */
export function trainedPrompt(
  prompt: string,
  response: string | undefined,
  tokenizer: TextTokenizer,
): { readonly tokens: number[]; readonly rest: string } {
  const alone = promptTokens(prompt, tokenizer);
  if (response === undefined) return { tokens: alone, rest: '' };
  const { tokens, hasParted } = tokeniseText(prompt, response, tokenizer);
  const start = tokens.labels.findIndex((label) => label !== notScored);
  if (!hasParted || start < 1) return { tokens: alone, rest: '' };
  const kept = alone.slice(0, start);
  const [whole, before] = [tokenizer.decode(alone), tokenizer.decode(kept)];
  return { tokens: kept, rest: whole.startsWith(before) ? whole.slice(before.length) : '' };
}

/** Some tokenizers end every text. */
function withoutEnd(ids: number[], eosTokenId: number | null): number[] {
  return eosTokenId !== null && ids.at(-1) === eosTokenId ? ids.slice(0, -1) : ids;
}

function scoredBehind(prompt: number[], whole: readonly number[], eosTokenId: number | null): Scored {
  const start = commonPrefix(prompt, whole);
  const labels = Int32Array.from(whole, (id, index) => (index < start ? notScored : id));
  const hasParted = start < withoutEnd(prompt, eosTokenId).length;
  return { tokens: { inputIds: Int32Array.from(whole), labels }, hasParted };
}

function commonPrefix(ids: readonly number[], others: readonly number[]): number {
  let length = 0;
  while (length < ids.length && length < others.length && ids[length] === others[length]) length++;
  return length;
}

/**
 * A conversation as the model's chat template writes it, without further special tokens. `last`: scored is what its tokens have
 * behind those of the given messages with the generation prompt. `all`: every turn of the assistant, as the template marks it by
 * `{% generation %}`, else found by rendering the conversation turn by turn. Throws a LambdamaxError that names the row
 * (`subject`) for a model without a template, and where turns cannot be found.
 */
export function tokeniseConversation(
  conversation: Conversation,
  tokenizer: TextTokenizer,
  trainOn: TrainOn,
  subject: string,
  atMost?: number,
): Scored {
  const { messages, given, options, isSplit } = conversation;
  const template = demandTemplate(tokenizer.chat, subject);
  const answer = (most: { readonly atMost?: number }): Scored => {
    const prompt = toPromptTokens(messages.slice(0, given), conversation, template, tokenizer, most);
    return scoredBehind(prompt, tokenizer.encode(template.render(messages, options), most), null);
  };
  // Turns are found in whole texts alone.
  if (trainOn === 'last') return answer(atMost === undefined ? {} : { atMost });
  const { tokens } = template.marksGenerations(options)
    ? markedTurns(conversation, tokenizer, template, subject)
    : renderedTurns(conversation, tokenizer, template, subject);
  if (!isSplit) return { tokens, hasParted: false };
  // Of a completion the turns in it alone.
  const { tokens: behind, hasParted } = answer({});
  const labels = tokens.labels.map((label, index) => (behind.labels[index] === notScored ? notScored : label));
  return { tokens: { ...tokens, labels }, hasParted };
}

function toPromptTokens(
  messages: readonly ChatMessage[],
  { options }: Pick<Conversation, 'options'>,
  template: ChatTemplate,
  tokenizer: TextTokenizer,
  most: { readonly atMost?: number } = {},
): number[] {
  return tokenizer.encode(template.render(messages, { ...options, addGenerationPrompt: true }), most);
}

/** A question as a model's chat template puts it. Throws a LambdamaxError that names it (`subject`) for a model without one. */
export function chatPromptTokens(prompt: string, tokenizer: TextTokenizer, subject: string): number[] {
  const template = demandTemplate(tokenizer.chat, subject);
  return toPromptTokens([{ role: 'user', content: prompt }], { options: {} }, template, tokenizer);
}

/** The tokens from that of a turn's first character to that of its last. */
function markedTurns(
  { messages, options }: Conversation,
  tokenizer: TextTokenizer,
  template: ChatTemplate,
  subject: string,
): Pick<Scored, 'tokens'> {
  const { text, generations } = template.renderMarked(messages, options);
  const { ids, pieces } = tokenizer.pieces(text);
  const tokenAt = alignTokens(text, pieces, subject);
  const labels = new Int32Array(ids.length).fill(notScored);
  for (const [start, end] of generations) {
    if (start === end || start === text.length) continue;
    for (let index = tokenAt[start]!; index <= tokenAt[end - 1]!; index++) labels[index] = ids[index]!;
  }
  return { tokens: { inputIds: Int32Array.from(ids), labels } };
}

/** The tokens from where those of the messages before a turn part from the whole's, to where those of the messages up to it do. */
function renderedTurns(
  { messages, options }: Conversation,
  tokenizer: TextTokenizer,
  template: ChatTemplate,
  subject: string,
): Pick<Scored, 'tokens'> {
  const whole = tokenizer.encode(template.render(messages, options));
  const labels = new Int32Array(whole.length).fill(notScored);
  // Where the first `count` messages end; what a template puts behind the last of them alone is no text.
  const endOf = (count: number): number => {
    if (count === 0) return 0;
    if (count === messages.length) return whole.length;
    const part = tokenizer.encode(template.render(messages.slice(0, count), options));
    const end = commonPrefix(part, whole);
    const rest = tokenizer.decode(part.slice(end)).trim();
    if (rest === '') return end;
    const expected = `a chat template that writes message ${count} alike with others behind it, or {% generation %} in it`;
    throw new LambdamaxError({ subject, expected, got: JSON.stringify(rest.slice(0, 60)) });
  };
  for (const [index, { role }] of messages.entries()) {
    if (role !== 'assistant') continue;
    const prompt = toPromptTokens(messages.slice(0, index), { options }, template, tokenizer);
    const start = Math.max(commonPrefix(prompt, whole), endOf(index));
    labels.set(whole.slice(start, endOf(index + 1)), start);
  }
  return { tokens: { inputIds: Int32Array.from(whole), labels } };
}
