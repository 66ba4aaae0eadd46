import { languageOf } from './languages.ts';
import { isLower, isUpper } from './letters.ts';
import type { Parameters } from './parameters.ts';
import { sentencesOf } from './sentences.ts';
import { countWords, tokensOf } from './words.ts';

/** Whether a response follows an instruction. */
export type Check = (response: string) => boolean;

/**
 * The instructions of IFEval, each from its parameters to its check, judged as the original does. Its one accident that is
 * not followed: a `letter` that is none of the alphabet (`#`, `!`) is counted as it is, where the original draws another at
 * random.
 * @see Zhou et al., Instruction-following evaluation for large language models, arXiv 2311.07911; the code in
 *   https://github.com/google-research/google-research/tree/master/instruction_following_eval
 */
export const checks: Readonly<Record<string, (parameters: Parameters) => Check>> = {
  'change_case:capital_word_frequency': (parameters) => {
    const enough = parameters.comparison('capital_relation', 'capital_frequency');
    return (response) => enough(tokensOf(response).filter(isUpper).length);
  },
  'change_case:english_capital': () => (response) => isUpper(response) && isEnglish(response),
  'change_case:english_lowercase': () => (response) => isLower(response) && isEnglish(response),
  'combination:repeat_prompt': (parameters) => {
    const start = parameters.text('prompt_to_repeat').trim().toLowerCase();
    return (response) => response.trim().toLowerCase().startsWith(start);
  },
  'combination:two_responses': () => (response) => {
    const parts = response.split('******').map((part) => part.trim());
    const given = parts.filter((part) => part !== '');
    return given.length === 2 && given[0] !== given[1] && !parts.slice(1, -1).includes('');
  },
  'detectable_content:number_placeholders': (parameters) => {
    const least = parameters.count('num_placeholders');
    return (response) => occurrences(/\[[^\n]*?\]/gu, response) >= least;
  },
  'detectable_content:postscript': (parameters) => {
    const marker = parameters.text('postscript_marker').trim();
    const known: Readonly<Record<string, RegExp>> = { 'P.S.': /p\.\s?s\./u, 'P.P.S': /p\.\s?p\.\s?s/u };
    const pattern = known[marker] ?? new RegExp(literal(marker.toLowerCase()), 'u');
    return (response) => pattern.test(response.toLowerCase());
  },
  'detectable_format:constrained_response': () => (response) =>
    ['My answer is yes.', 'My answer is no.', 'My answer is maybe.'].some((option) => response.includes(option)),
  'detectable_format:json_format': () => (response) => {
    const unfenced = ['```json', '```Json', '```JSON', '```'].reduce(withoutPrefix, response.trim());
    return isJson(unfenced.replace(/```$/, '').trim());
  },
  'detectable_format:multiple_sections': (parameters) => {
    const mark = new RegExp(`${literal(parameters.text('section_spliter').trim())}\\s?\\p{Nd}+`, 'gu');
    const least = parameters.count('num_sections');
    return (response) => occurrences(mark, response) >= least;
  },
  'detectable_format:number_bullet_lists': (parameters) => {
    const wanted = parameters.count('num_bullets');
    return (response) =>
      occurrences(/(?<![^\n])\s*\*[^*][^\n]*/gu, response) + occurrences(/(?<![^\n])\s*-/gu, response) === wanted;
  },
  'detectable_format:number_highlighted_sections': (parameters) => {
    const least = parameters.count('num_highlights');
    const filled = (pattern: RegExp) => (response: string) =>
      (response.match(pattern) ?? []).filter((part) => part.replace(/^\*+|\*+$/g, '').trim() !== '').length;
    const [single, double] = [filled(/\*[^\n*]*\*/gu), filled(/\*\*[^\n*]*\*\*/gu)];
    return (response) => single(response) + double(response) >= least;
  },
  'detectable_format:title': () => (response) =>
    (response.match(/<<[^\n]+>>/gu) ?? []).some((title) => title.replace(/^<+|>+$/g, '').trim() !== ''),
  'keywords:existence': (parameters) => {
    const keywords = parameters.texts('keywords').map((keyword) => new RegExp(literal(keyword), 'iu'));
    return (response) => keywords.every((keyword) => keyword.test(response));
  },
  'keywords:forbidden_words': (parameters) => {
    const words = parameters.texts('forbidden_words').map(wholeWord);
    return (response) => !words.some((word) => word.test(response));
  },
  'keywords:frequency': (parameters) => {
    const keyword = new RegExp(literal(parameters.text('keyword').trim()), 'giu');
    const enough = parameters.comparison('relation', 'frequency');
    return (response) => enough(occurrences(keyword, response));
  },
  'keywords:letter_frequency': (parameters) => {
    const letter = parameters.text('letter').trim().toLowerCase();
    const enough = parameters.comparison('let_relation', 'let_frequency');
    return (response) => enough(response.toLowerCase().split(letter).length - 1);
  },
  'language:response_language': (parameters) => {
    const language = parameters.text('language');
    return (response) => (languageOf(response) ?? language) === language;
  },
  'length_constraints:nth_paragraph_first_word': (parameters) => {
    const [wanted, place] = [parameters.count('num_paragraphs', 1), parameters.count('nth_paragraph', 1)];
    const first = parameters.text('first_word').toLowerCase();
    return (response) => {
      const paragraphs = response.split('\n\n').map((paragraph) => paragraph.trim());
      const count = paragraphs.filter((paragraph) => paragraph !== '').length;
      // Empty paragraphs are not counted, and yet have their places.
      return place <= count && count === wanted && firstWord(paragraphs[place - 1]!) === first;
    };
  },
  'length_constraints:number_paragraphs': (parameters) => {
    const wanted = parameters.count('num_paragraphs');
    return (response) => {
      const paragraphs = response.split(/\s?\*\*\*\s?/u).map((paragraph) => paragraph.trim());
      const count = paragraphs.filter((paragraph) => paragraph !== '').length;
      return count === wanted && !paragraphs.slice(1, -1).includes('');
    };
  },
  'length_constraints:number_sentences': (parameters) => {
    const enough = parameters.comparison('relation', 'num_sentences');
    return (response) => enough(sentencesOf(response).length);
  },
  'length_constraints:number_words': (parameters) => {
    const enough = parameters.comparison('relation', 'num_words');
    return (response) => enough(countWords(response));
  },
  'punctuation:no_comma': () => (response) => !response.includes(','),
  'startend:end_checker': (parameters) => {
    const end = parameters.text('end_phrase').trim().toLowerCase();
    return (response) =>
      response
        .trim()
        .replace(/^"+|"+$/g, '')
        .toLowerCase()
        .endsWith(end);
  },
  'startend:quotation': () => (response) => /^"[\s\S]*"$/u.test(response.trim()),
};

/** Text that has no letters to tell its language by counts as English, as an exception does in the original. */
function isEnglish(response: string): boolean {
  return (languageOf(response) ?? 'en') === 'en';
}

function occurrences(pattern: RegExp, text: string): number {
  return text.match(pattern)?.length ?? 0;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** A word with Python's `\b` at both ends: where letters, digits or underscores begin or end. */
function wholeWord(text: string): RegExp {
  const isWord = (character: string | undefined) => /[\p{L}\p{N}_]/u.test(character ?? '');
  const [first, last] = [Array.from(text).at(0), Array.from(text).at(-1)];
  const before = `(?<${isWord(first) ? '!' : '='}[\\p{L}\\p{N}_])`;
  const after = `(?${isWord(last) ? '!' : '='}[\\p{L}\\p{N}_])`;
  return new RegExp(`${before}${literal(text)}${after}`, 'iu');
}

/** The first word of a paragraph in lower case, without quotes before it and up to a mark. */
function firstWord(paragraph: string): string {
  const [word = ''] = paragraph.split(/\s/u);
  return word
    .replace(/^'+/, '')
    .replace(/^"+/, '')
    .split(/[.,?!'"]/)[0]!
    .toLowerCase();
}

function withoutPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

/** Whether Python would read the text as JSON: NaN and infinities are numbers to it. */
function isJson(text: string): boolean {
  try {
    JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (part) => (part.startsWith('"') ? part : '0')),
    );
    return true;
  } catch {
    return false;
  }
}
