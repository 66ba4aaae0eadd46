import { LambdamaxError } from '../../errors.ts';
import type { TokenRow } from './examples.ts';
import type { TextTokenizer } from './tokenizer/tokenizer.ts';

/**
 * Rows of exactly `length` tokens from documents packed one after another, each followed by the end-of-text token; every
 * position but the first is scored. Ends when the documents do, without a last short row. Throws a LambdamaxError if the
 * tokenizer has no end-of-text token.
 */
export function* packTokens(
  documents: Iterator<string>,
  tokenizer: TextTokenizer,
  length: number,
): Generator<TokenRow> {
  const { eosTokenId } = tokenizer;
  if (eosTokenId === null)
    throw new LambdamaxError({ subject: 'tokenizer', expected: 'an end-of-text token to separate documents' });
  let waiting: number[] = [];
  for (let next = documents.next(); !next.done; next = documents.next()) {
    waiting = waiting.concat(tokenizer.encode(next.value), eosTokenId);
    while (waiting.length >= length) {
      const inputIds = Int32Array.from(waiting.slice(0, length));
      yield { inputIds, labels: inputIds };
      waiting = waiting.slice(length);
    }
  }
}
