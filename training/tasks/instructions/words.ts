import { sentencesOf } from './sentences.ts';

/** How many words a text has: runs of letters, digits and underscores, Python's `\w+`. */
export function countWords(text: string): number {
  return text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0;
}

const word = '[\\p{L}\\p{N}_]';
const boundary = `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`;

/** What each step of NLTKWordTokenizer sets apart, in its order. */
const steps: readonly (readonly [RegExp, string])[] = [
  // Opening quotes.
  [/([«“‘„]|`+)/gu, ' $1 '],
  [/^"/gu, '``'],
  [/(``)/gu, ' $1 '],
  [/([ ([{<])("|'{2})/gu, '$1 `` '],
  [new RegExp(`(?<!${word})(')(?!(?:re|ve|ll|m|t|s|d|n)${boundary})(?=${word})`, 'giu'), '$1 '],
  // Punctuation.
  [/([^.])(\.)([\])}>"'»”’ ]*)\s*$/gu, '$1 $2 $3 '],
  [/([:,])([^\p{Nd}])/gu, ' $1 $2'],
  [/([:,])$/gu, ' $1 '],
  [/\.{2,}/gu, ' $& '],
  [/[;@#$%&]/gu, ' $& '],
  [/[\u2012-\u2015]/gu, ' $& '],
  [/([^.])(\.)([\])}>"']*)\s*$/gu, '$1 $2$3 '],
  [/[?!]/gu, ' $& '],
  [/([^'])' /gu, "$1 ' "],
  [/\*/gu, ' $& '],
  [/[\][(){}<>]/gu, ' $& '],
  [/--/gu, ' -- '],
  [/^|$/gu, ' '],
  // Closing quotes.
  [/([»”’])/gu, ' $1 '],
  [/''/gu, " '' "],
  [/"/gu, " '' "],
  [/\s+/gu, ' '],
  [/([^' ])('[sS]|'[mM]|'[dD]|') /gu, '$1 $2 '],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /gu, '$1 $2 '],
  // Contractions.
  ...[`(can)(not)${boundary}`, `(d)('ye)${boundary}`, `(gim)(me)${boundary}`, `(gon)(na)${boundary}`].map(contraction),
  ...[`(got)(ta)${boundary}`, `(lem)(me)${boundary}`, `(more)('n)${boundary}`, '(wan)(na)(?=\\s)'].map(contraction),
  [new RegExp(` ('t)(is)${boundary}`, 'giu'), ' $1 $2 '],
  [new RegExp(` ('t)(was)${boundary}`, 'giu'), ' $1 $2 '],
];

function contraction(pattern: string): readonly [RegExp, string] {
  return [new RegExp(`${boundary}${pattern}`, 'giu'), ' $1 $2 '];
}

/**
 * The words and marks of an English text, as `nltk.word_tokenize` divides it.
 * @see https://github.com/nltk/nltk, nltk/tokenize/destructive.py (version 3.10)
 */
export function tokensOf(text: string): string[] {
  return sentencesOf(text).flatMap((sentence) => {
    const divided = steps.reduce((changed, [pattern, apart]) => changed.replace(pattern, apart), sentence);
    return divided.split(/\s+/u).filter((token) => token !== '');
  });
}
