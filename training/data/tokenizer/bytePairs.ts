import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { LambdamaxError } from '../../../errors.ts';
import { makeFolder, writeJson } from '../../checkpoint/files.ts';
import { byteCharacters } from './tokenizerFile.ts';

/** The special tokens, each at the id of its place: padding, and the end of a document. */
export const specialTokens = ['<|pad|>', '<|eos|>'] as const;

/** The vocabulary before the first merge. */
const startingTokens: readonly string[] = [...specialTokens, ...byteCharacters()];

/** A trained tokenizer as the two files that Hugging Face libraries read. */
export interface TrainedTokenizer {
  /** tokenizer.json */
  readonly tokenizer: Record<string, unknown>;
  /** tokenizer_config.json */
  readonly config: Record<string, unknown>;
}

const preTokenizers = [
  // Digits one by one: the model then sees the tens and the ones of every number, and no number is a word of its own.
  { type: 'Digits', individual_digits: true },
  { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
];

/**
 * Trains a byte-level byte-pair encoding (Sennrich et al., arXiv 1508.07909; GPT-2's splitting into words, digits apart)
 * of exactly `vocabularySize` tokens: {@link specialTokens}, the 256 bytes, then the merges. Each merge is the pair of
 * neighbours that is most frequent inside words, of equals the one with the lowest ids: the same text gives the same
 * tokenizer everywhere. Every text of whole Unicode characters can be encoded, and decodes to itself.
 * @throws LambdamaxError when the size has no room for the bytes, or the text has too few pairs to fill it.
 */
export function trainBytePairs(texts: Iterable<string>, vocabularySize: number): TrainedTokenizer {
  const smallest = startingTokens.length;
  if (!(Number.isInteger(vocabularySize) && vocabularySize >= smallest)) {
    throw new LambdamaxError({
      subject: 'vocabulary size',
      expected: `a whole number, ${smallest} or more (the 256 bytes and ${specialTokens.length} special tokens)`,
      got: vocabularySize,
    });
  }
  const tokens = [...startingTokens];
  const merges = learnMerges(countWords(texts), tokens, vocabularySize);
  if (tokens.length < vocabularySize) {
    throw new LambdamaxError({
      subject: 'vocabulary size',
      expected: `no more than the text fills, ${tokens.length} tokens`,
      got: vocabularySize,
      remedy: 'train on more text, or ask for a smaller vocabulary',
    });
  }
  return { tokenizer: tokenizerFile(tokens, merges), config: configFile() };
}

/** Writes tokenizer.json and tokenizer_config.json into a folder, which is made if need be. */
export async function writeTokenizer(folder: string, { tokenizer, config }: TrainedTokenizer): Promise<void> {
  await makeFolder(folder);
  await writeJson(join(folder, 'tokenizer.json'), tokenizer);
  await writeJson(join(folder, 'tokenizer_config.json'), config);
}

/** How often each word occurs, each byte written as its character. */
function countWords(texts: Iterable<string>): Map<string, number> {
  // The library's own splitting, out of a tokenizer without merges: what is trained on is what will be encoded.
  const splitter: { pre_tokenize(text: string): string[] } = new Tokenizer(
    tokenizerFile(startingTokens, []),
    configFile(),
  ).pre_tokenizer;
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of splitter.pre_tokenize(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** A word while it is being merged: the ids of its parts, and how often the word occurs. */
interface Word {
  ids: number[];
  readonly count: number;
}

/** Learns merges until `tokens`, which it extends, has `size` entries or no pair is left. */
function learnMerges(counts: Map<string, number>, tokens: string[], size: number): [string, string][] {
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const words: Word[] = Array.from(counts, ([word, count]) => ({
    ids: Array.from(word, (character) => idOf.get(character)!),
    count,
  }));
  const pairs = new PairTable(words);
  const merges: [string, string][] = [];
  for (let best = pairs.best(); tokens.length < size && best; best = pairs.best()) {
    const [left, right] = best;
    merges.push([tokens[left]!, tokens[right]!]);
    // Always a new token: wherever its text stands between the same two ends, every merge so far has split it alike.
    tokens.push(tokens[left]! + tokens[right]!);
    pairs.merge(left, right, tokens.length - 1);
  }
  return merges;
}

// A pair of ids as one number; exact, since 2^26 ids a side are far more than a vocabulary has.
const pairBase = 2 ** 26;

/** How often each pair of neighbours occurs, and where; kept up to date while words are merged. */
class PairTable {
  private readonly counts = new Map<number, number>();
  /** Words that hold the pair, or once held it. */
  private readonly holders = new Map<number, Set<Word>>();

  constructor(words: Word[]) {
    for (const word of words) this.add(word, 1);
  }

  /** The most frequent pair, of equals the lowest ids; undefined when there is none. */
  best(): [left: number, right: number] | undefined {
    let best = -1;
    let most = 0;
    for (const [pair, count] of this.counts) {
      if (count > most || (count === most && pair < best)) [best, most] = [pair, count];
    }
    return most > 0 ? [Math.floor(best / pairBase), best % pairBase] : undefined;
  }

  /** Joins the pair, wherever it occurs, to the token `id`. */
  merge(left: number, right: number, id: number): void {
    const pair = left * pairBase + right;
    for (const word of this.holders.get(pair) ?? []) {
      this.add(word, -1);
      word.ids = joined(word.ids, left, right, id);
      this.add(word, 1);
    }
    this.holders.delete(pair);
  }

  /** Counts the pairs of a word in (sign 1) or out (sign -1). */
  private add(word: Word, sign: 1 | -1): void {
    for (let at = 1; at < word.ids.length; at++) {
      const pair = word.ids[at - 1]! * pairBase + word.ids[at]!;
      const count = (this.counts.get(pair) ?? 0) + sign * word.count;
      if (count > 0) this.counts.set(pair, count);
      else this.counts.delete(pair);
      if (sign === 1) this.holdersOf(pair).add(word);
    }
  }

  private holdersOf(pair: number): Set<Word> {
    const holders = this.holders.get(pair) ?? new Set();
    this.holders.set(pair, holders);
    return holders;
  }
}

/** `ids` with each occurrence of the pair, from the left, replaced by `id`. */
function joined(ids: readonly number[], left: number, right: number, id: number): number[] {
  const result: number[] = [];
  for (let at = 0; at < ids.length; at++) {
    if (ids[at] === left && ids[at + 1] === right) {
      result.push(id);
      at++;
    } else {
      result.push(ids[at]!);
    }
  }
  return result;
}

/** The content of tokenizer.json. */
function tokenizerFile(tokens: readonly string[], merges: readonly [string, string][]): Record<string, unknown> {
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({ id, content, ...added })),
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: preTokenizers },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/** The content of tokenizer_config.json: no token is put before a text, and decoding leaves spaces as they are. */
function configFile(): Record<string, unknown> {
  const [pad, eos] = specialTokens;
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    pad_token: pad,
    eos_token: eos,
    bos_token: null,
    unk_token: null,
    add_bos_token: false,
    add_eos_token: false,
    clean_up_tokenization_spaces: false,
  };
}
