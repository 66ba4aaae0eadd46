import type { AddedToken } from './addedTokens.ts';
import { knownSplit, type SplitStep } from './tokenizerFile.ts';
import { digit, digits } from './words.ts';

/** A part of a tokenizer.json. */
type Definition = Readonly<Record<string, unknown>>;

/** Texts up to here, in UTF-16 units, are tokenised whole, whatever becomes of their tokens. */
const shortText = 100_000;
/** More than a token usually stands for, in UTF-16 units. */
const lettersPerToken = 32;

/**
 * The first `count` tokens of a text. Of one that is far longer no more is looked at than they take, up to a space between two
 * ASCII letters: for a tokenizer with {@link keepsWordsApart}, its beginning has the same tokens alone. `encode` puts at most
 * `added` special tokens behind a text. Without such a space, and of shorter texts, all tokens.
 */
export function firstTokens(text: string, count: number, added: number, encode: (text: string) => number[]): number[] {
  for (let length = Math.max(shortText, lettersPerToken * count); 2 * length < text.length; length *= 4) {
    const end = wordEnd(text, length);
    if (end === undefined) continue;
    const ids = encode(text.slice(0, end));
    // The last one may stand for more in the whole text, if it is unknown.
    if (ids.length - added - 1 >= count) return ids.slice(0, count);
  }
  return encode(text);
}

/** The last end of a word in the second half of the first `length` letters. */
function wordEnd(text: string, length: number): number | undefined {
  for (let end = length; end > length / 2; end--)
    if (text[end] === ' ' && /^[a-z] [a-z]$/i.test(text.slice(end - 1, end + 2))) return end;
  return undefined;
}

/**
 * Whether a text's tokens up to a space between two ASCII letters are the same whatever follows, by a tokenizer as the library
 * is given it. True is said only where all steps are known to look no further, and where one of them always splits there or no
 * token of the vocabulary reaches over the place, so that neither merges nor a best path of unigrams do.
 */
export function keepsWordsApart({ normalizer, pre_tokenizer, model, added_tokens }: Definition): boolean {
  const added: readonly AddedToken[] = Array.isArray(added_tokens) ? added_tokens : [];
  if (added.some(joinsWords) || !isLocalNormalizer(normalizer)) return false;
  const steps = stepsOf(pre_tokenizer, 'pretokenizers');
  if (!steps.every((step, index) => isLocalSplit(step, index === steps.length - 1))) return false;
  const { type, vocab, dropout, ignore_merges, continuing_subword_prefix, end_of_word_suffix } = (model ??
    {}) as Definition;
  if (type === 'BPE') {
    if (dropout || continuing_subword_prefix || end_of_word_suffix) return false;
  } else if (type !== 'Unigram') return false;
  if (steps.some(splitsWords)) return true;
  // A part that is a token is not put together by merges, so it would have to be the same part here and there.
  if (ignore_merges) return false;
  const tokens = Array.isArray(vocab) ? vocab.map((entry) => String(entry?.[0])) : Object.keys((vocab ?? {}) as object);
  // What is split off first, no merges make.
  const splitOff = new Set(type === 'BPE' ? added.map(({ content }) => content) : []);
  return !tokens.some((token) => /[a-z][ ▁Ġ]/i.test(token) && !splitOff.has(token));
}

/** Whether a token that is split off from every text, before or after it is normalised, reaches from a letter to a space. */
function joinsWords({ content, special, normalized = !special }: AddedToken): boolean {
  return (normalized ? /[a-z][ ▁]/i : /[a-z] /i).test(content);
}

function stepsOf(step: unknown, parts: string): Definition[] {
  if (step === null || step === undefined) return [];
  const { type, [parts]: steps } = step as Definition;
  return type === 'Sequence' && Array.isArray(steps)
    ? steps.flatMap((one) => stepsOf(one, parts))
    : [step as Definition];
}

const normalForms = ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Strip', 'Prepend'];

function isLocalNormalizer(normalizer: unknown): boolean {
  return stepsOf(normalizer, 'normalizers').every(({ type, pattern, content }) => {
    if (type !== 'Replace') return normalForms.includes(String(type));
    const { String: text, Regex } = pattern as { readonly String?: string; readonly Regex?: string };
    if (Regex !== undefined) return Regex === ' {2,}' && content === ' ';
    return text === ' ' ? content === '▁' : text !== undefined && text !== '' && !/[a-z ▁]/i.test(text);
  });
}

/** Alternatives of the expressions by which GPT-2, Llama 3, Qwen 2 and their like find words. None goes on from a letter to a space. */
const wordPatterns: readonly string[] = [
  ...["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "(?i:'s|'t|'re|'ve|'m|'ll|'d)"],
  ...['[^\\r\\n\\p{L}\\p{N}]?\\p{L}+', ' ?\\p{L}+', ' ?\\p{N}+', '\\p{N}', '\\p{N}{1,3}', ' ?[^\\s\\p{L}\\p{N}]+'],
  ...[' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*', '\\s*[\\r\\n]+', '\\s+(?!\\S)', '\\s+'],
];

function isLocalSplit(step: Definition, isLast: boolean): boolean {
  switch (step.type) {
    case 'ByteLevel':
      // It writes a space as a letter, which no further step knows for one.
      return isLast;
    case 'Digits':
    case 'Metaspace':
      return true;
    case 'Split':
      return splitsWords(step, 0, []) || splitsAtSpaces(step) || splitsAtDigits(step);
    default:
      return false;
  }
}

/** Whether a step always ends a part before a space that follows a letter. */
function splitsWords(step: Definition, index: number, steps: readonly Definition[]): boolean {
  const { type, use_regex, pattern, behavior } = step;
  if (type === 'ByteLevel') return use_regex !== false;
  const { Regex } = (pattern ?? {}) as { readonly Regex?: string };
  if (steps[index - 1]?.type === 'Metaspace' && formOf(step) === beforeMarks) return true;
  if (type !== 'Split' || behavior !== 'Isolated' || Regex === undefined || splitsAtDigits(step)) return false;
  // The longest first: `'s` is part of another.
  const rest = wordPatterns
    .toSorted((one, other) => other.length - one.length)
    .reduce((left, known) => `|${left}|`.replace(`|${known}|`, '|').slice(1, -1), Regex);
  return rest === '';
}

const literalSplit = (literal: string, behavior: string): string =>
  formOf(knownSplit({ type: 'Split', pattern: { String: literal }, behavior }, 'a tokenizer.json'));
/** What `split` of Metaspace is put as. */
const beforeMarks = literalSplit('▁', 'MergedWithNext');
const literals = [' ', '▁'].flatMap((literal) =>
  ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'].map((behavior) =>
    literalSplit(literal, behavior),
  ),
);

/** Whether a step splits at spaces in one of the ways that tokenizer.json has for it. */
function splitsAtSpaces(step: Definition): boolean {
  return literals.includes(formOf(step));
}

/** Whether a step splits at digits, as `Digits` does, and at nothing else. */
function splitsAtDigits({ pattern, behavior }: Definition): boolean {
  const { Regex } = (pattern ?? {}) as { readonly Regex?: string };
  return behavior === 'Isolated' && (Regex === digit || Regex === digits);
}

function formOf({ pattern, behavior, invert }: Omit<SplitStep, 'type'>): string {
  return JSON.stringify({ pattern, behavior, invert: invert === true });
}
