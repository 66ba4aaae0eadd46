import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { LambdamaxError } from '../../../errors.ts';
import { readJson } from '../../checkpoint/files.ts';
import { type ChatTemplate, loadChatTemplate } from '../template/chat.ts';
import { refuseAbsent } from './addedTokens.ts';
import type { TokenPiece } from './alignment.ts';
import { firstTokens, keepsWordsApart } from './longText.ts';
import { pieceReader, transformersForm } from './tokenizerFile.ts';

/** Text to token ids and back. */
export interface TextTokenizer {
  /**
   * `addSpecialTokens` (default false): with the tokens that the tokenizer puts around a text, such as Llama's bos. As in
   * Hugging Face's, what no token stands for becomes the unknown token, or is left out if there is none. `atMost`: no more than
   * the first so many tokens are of use; where the text is far longer and its tokenizer allows it, no others come back. Throws
   * a LambdamaxError for a text with a special token that has no id.
   */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean; readonly atMost?: number }): number[];
  /** The text of the tokens; `skipSpecialTokens` (default true) leaves out bos, eos and their like. */
  decode(ids: ArrayLike<number>, options?: { readonly skipSpecialTokens?: boolean }): string;
  /** The tokens of a text, without special ones around it, and what each stands for. */
  pieces(text: string): { readonly ids: number[]; readonly pieces: readonly TokenPiece[] };
  /** The token that ends a text; null if the files name none. */
  readonly eosTokenId: number | null;
  /** A text that is encoded as the eos token; null if none is known. */
  readonly eosToken: string | null;
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** How the model wants conversations written; null if it does not say. */
  readonly chat: ChatTemplate | null;
}

/**
 * The tokenizer of a Hugging Face folder: `tokenizer.json`, and `tokenizer_config.json`, `special_tokens_map.json`,
 * `added_tokens.json` and `config.json` where they are there. Throws a LambdamaxError that names the file if it is missing or is not a tokenizer.
 */
export async function loadTokenizer(directory: string): Promise<TextTokenizer> {
  const file = join(directory, 'tokenizer.json');
  const settings = await readSettings(directory);
  const config = await readIfThere(join(directory, 'config.json'));
  const legacy = await readIfThere(join(directory, 'added_tokens.json'));
  const { definition, absent } = transformersForm(await readObject(file), settings, config, legacy, file);
  const tokenizer = build(file, definition, settings);
  const pieceOf = pieceReader(definition);
  const isLocal = keepsWordsApart(definition);
  const vocabSize = largestId(file, tokenizer) + 1;
  const eosTokenId = await findEos(directory, tokenizer, settings);
  const chat = await loadChatTemplate(directory, settings);
  return {
    chat,
    eosTokenId,
    eosToken: eosTextOf(tokenizer, eosTokenId),
    vocabSize,
    pieces: (text) => {
      refuseAbsent(text, absent, file);
      const { ids, tokens } = attempt(file, () => tokenizer.encode(text, { add_special_tokens: false }));
      return { ids, pieces: tokens.map(pieceOf) };
    },
    encode: (text, { addSpecialTokens = false, atMost } = {}) => {
      refuseAbsent(text, absent, file);
      const encode = (part: string): number[] =>
        attempt(file, () => tokenizer.encode(part, { add_special_tokens: addSpecialTokens }).ids);
      const ids = atMost !== undefined && isLocal ? firstTokens(text, atMost, encode('').length, encode) : encode(text);
      const unknown = ids.findIndex((id) => !Number.isInteger(id));
      if (unknown < 0) return ids;
      const got = `${JSON.stringify(text.slice(0, 60))}, token ${unknown}`;
      throw new LambdamaxError({ subject: file, expected: 'an id for every token of a text', got });
    },
    decode: (ids, { skipSpecialTokens = true } = {}) =>
      // The library refuses an empty list.
      ids.length === 0
        ? ''
        : attempt(file, () => tokenizer.decode(Array.from(ids), { skip_special_tokens: skipSpecialTokens })),
  };
}

function build(file: string, definition: object, settings: Readonly<Record<string, unknown>>): Tokenizer {
  // As transformers since version 5: by default a decoded text keeps the spaces before its punctuation.
  return attempt(file, () => new Tokenizer(definition, { clean_up_tokenization_spaces: false, ...settings }));
}

function largestId(file: string, tokenizer: Tokenizer): number {
  let largest = -1;
  for (const id of tokenizer.get_vocab(true).values()) {
    if (!(Number.isInteger(id) && id >= 0)) {
      throw new LambdamaxError({ subject: file, expected: 'whole numbers as token ids', got: id });
    }
    largest = Math.max(largest, id);
  }
  if (largest < 0) throw new LambdamaxError({ subject: file, expected: 'a vocabulary', got: 'no tokens' });
  return largest;
}

/** The eos token that tokenizer_config.json names, else the id in the model's config.json. */
async function findEos(
  directory: string,
  tokenizer: Tokenizer,
  settings: Readonly<Record<string, unknown>>,
): Promise<number | null> {
  const named = settings.eos_token as { readonly content?: unknown } | string | null | undefined;
  const token = typeof named === 'string' ? named : named?.content;
  if (typeof token === 'string') {
    const id = tokenizer.token_to_id(token);
    if (id !== undefined) return id;
    const subject = `eos_token in ${join(directory, 'tokenizer_config.json')}`;
    throw new LambdamaxError({ subject, expected: 'a token of tokenizer.json', got: token });
  }
  const { eos_token_id: ids } = await readIfThere(join(directory, 'config.json'));
  const id: unknown = Array.isArray(ids) ? ids[0] : ids;
  return typeof id === 'number' ? id : null;
}

/** The text of a token that is split off from every text. */
function eosTextOf(tokenizer: Tokenizer, id: number | null): string | null {
  return id === null ? null : (tokenizer.get_added_tokens_decoder().get(id)?.content ?? null);
}

/**
 * The fields of tokenizer_config.json. Before it listed its added tokens, special_tokens_map.json said which token is which, and
 * has the last word; as in transformers.
 */
async function readSettings(directory: string): Promise<Record<string, unknown>> {
  const settings = await readIfThere(join(directory, 'tokenizer_config.json'));
  if (Object.hasOwn(settings, 'added_tokens_decoder')) return settings;
  return { ...settings, ...(await readIfThere(join(directory, 'special_tokens_map.json'))) };
}

async function readIfThere(file: string): Promise<Record<string, unknown>> {
  return existsSync(file) ? readObject(file) : {};
}

async function readObject(file: string): Promise<Record<string, unknown>> {
  const value = await readJson(file);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new LambdamaxError({ subject: file, expected: 'a JSON object', got: value });
}

/** What the library throws, as an error that names the file. */
function attempt<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new LambdamaxError({ subject: file, expected: 'a valid tokenizer', got: (cause as Error).message, cause });
  }
}
