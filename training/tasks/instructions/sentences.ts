import { readData } from './data.ts';
import { isLower, isUpper } from './letters.ts';

/** What Punkt has learned of a language. Words are in lower case, numbers are `##number##`. */
interface Parameters {
  /** Without their last period. */
  readonly abbreviations: ReadonlySet<string>;
  /** Words with a period between them that ends no sentence. */
  readonly collocations: ReadonlySet<string>;
  /** Words that often begin a sentence. */
  readonly starters: ReadonlySet<string>;
  /** Where words were seen with a capital and without, in bits. */
  readonly contexts: ReadonlyMap<string, number>;
}

// Bits of a context: with a capital anywhere and inside a sentence; without one anywhere and at the beginning of a sentence.
const [upper, upperInside, lower, lowerFirst] = [0b1110, 0b100, 0b1110000, 0b10000];

let parameters: Parameters | undefined;

/**
 * The sentences of an English text, by the Punkt algorithm and NLTK's model of it, as `nltk.sent_tokenize` divides them.
 * @see Kiss and Strunk, Unsupervised multilingual sentence boundary detection, Computational Linguistics 32 (2006)
 * @see https://github.com/nltk/nltk, nltk/tokenize/punkt.py (version 3.10)
 */
export function sentencesOf(text: string): string[] {
  parameters ??= loadParameters();
  const pieces: Span[] = [];
  let start = 0;
  for (const { end, next, context } of candidates(text)) {
    if (!breaks(tokensOf(context), parameters)) continue;
    pieces.push({ start, end });
    start = next;
  }
  pieces.push({ start, end: text.trimEnd().length });
  return realigned(text, pieces);
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function loadParameters(): Parameters {
  const data = readData<Record<'abbreviations' | 'collocations' | 'starters', string[]> & { contexts: object }>(
    'sentences',
  );
  const contexts = Object.entries(data.contexts as Record<string, string[]>);
  return {
    abbreviations: new Set(data.abbreviations),
    collocations: new Set(data.collocations),
    starters: new Set(data.starters),
    contexts: new Map(contexts.flatMap(([bits, words]) => words.map((word) => [word, Number(bits)]))),
  };
}

const nonWord = '[)";}\\]*:@\'({\\[\u2018\u2019\u201c\u201d«»?!]';
const multiple = '(?:-{2,}|\\.{2,}|(?:\\.\\s){2,}\\.)';
const candidate = new RegExp(`[.?!](?=(${nonWord}|(\\s+)\\S+))`, 'gu');
const token = new RegExp(
  `${multiple}|(?=[^("\`{\\[:;&#*@)}\\]\\-,])\\S+?(?=\\s|$|${nonWord}|${multiple}|,(?=$|\\s|${nonWord}|${multiple}))|\\S`,
  'gu',
);

interface Candidate {
  /** Behind the mark. */
  readonly end: number;
  /** Where the next sentence would begin. */
  readonly next: number;
  /** The word before the mark, the mark, and what follows. */
  readonly context: string;
}

/** The places where a sentence may end: the last of several marks in one word. */
function candidates(text: string): Candidate[] {
  const found: (Candidate & { word: Span })[] = [];
  let word = { start: 0, end: 0 };
  for (const match of text.matchAll(candidate)) {
    const [, after, space = ''] = match;
    const blank = lastBlank(text.slice(word.end, match.index));
    // NLTK takes a blank in the first place for none.
    const start = blank > 0 ? blank + word.end + 1 : word.start;
    if (found.length > 0 && word.end > start) found.pop();
    word = { start, end: match.index };
    const end = match.index + 1;
    found.push({ end, next: end + space.length, context: text.slice(start, end) + after, word });
  }
  return found;
}

function lastBlank(text: string): number {
  return Math.max(...Array.from(' \t\n\r\v\f', (blank) => text.lastIndexOf(blank)));
}

interface Token {
  readonly text: string;
  /** In lower case, or `##number##`. */
  readonly type: string;
  ends: boolean;
  isAbbreviation: boolean;
  readonly isEllipsis: boolean;
}

function tokensOf(text: string): Token[] {
  const words = text.split('\n').flatMap((line) => line.match(token) ?? []);
  return words.map((word) => ({
    text: word,
    type: word.toLowerCase().replace(/^-?[.,]?\p{Nd}[\p{Nd},.-]*\.?$/u, '##number##'),
    ends: false,
    isAbbreviation: false,
    isEllipsis: /^\.\.+$/.test(word),
  }));
}

/** Whether a sentence ends before the last of some tokens. */
function breaks(tokens: readonly Token[], known: Parameters): boolean {
  for (const each of tokens) judgeAlone(each, known);
  for (const [index, each] of tokens.slice(0, -1).entries()) {
    judgeBefore(each, tokens[index + 1]!, known);
    if (each.ends) return true;
  }
  return false;
}

/** The first pass: a mark ends a sentence, unless it belongs to an abbreviation. */
function judgeAlone(each: Token, { abbreviations }: Parameters): void {
  const { text } = each;
  if ('.?!'.includes(text)) each.ends = true;
  else if (!each.isEllipsis && text.endsWith('.') && !text.endsWith('..')) {
    const word = text.slice(0, -1).toLowerCase();
    if (abbreviations.has(word) || abbreviations.has(word.split('-').at(-1)!)) each.isAbbreviation = true;
    else each.ends = true;
  }
}

/** The second pass: abbreviations may end a sentence, initials and numbers may not, by the word that follows. */
function judgeBefore(each: Token, next: Token, { collocations, starters, contexts }: Parameters): void {
  if (!each.text.endsWith('.')) return;
  const type = withoutPeriod(each.type);
  const nextType = next.ends ? withoutPeriod(next.type) : next.type;
  const context = contexts.get(nextType) ?? 0;
  const isInitial = /^[\p{L}\p{Nl}\p{No}_]\.$/u.test(each.text);
  const startsWithCapital = isUpper(firstOf(next.text));
  const starts = beginsSentence(next.text, context);
  if (collocations.has(`${type} ${nextType}`)) {
    each.ends = false;
    each.isAbbreviation = true;
    return;
  }
  if ((each.isAbbreviation || each.isEllipsis) && !isInitial)
    if (starts === true || (startsWithCapital && starters.has(nextType))) {
      each.ends = true;
      return;
    }
  if (!isInitial && type !== '##number##') return;
  const isName = starts === null && isInitial && startsWithCapital && !(context & lower);
  if (starts === false || isName) {
    each.ends = false;
    each.isAbbreviation = true;
  }
}

/** Whether a word begins a sentence, by its first letter and where it was seen so; null if that does not tell. */
function beginsSentence(word: string, context: number): boolean | null {
  if (';:,.!?'.includes(word)) return false;
  const first = firstOf(word);
  if (isUpper(first) && context & lower && !(context & upperInside)) return true;
  if (isLower(first) && (context & upper || !(context & lowerFirst))) return false;
  return null;
}

function withoutPeriod(type: string): string {
  return type.length > 1 && type.endsWith('.') ? type.slice(0, -1) : type;
}

function firstOf(text: string): string {
  return String.fromCodePoint(text.codePointAt(0)!);
}

const closing = /["')\]}\u2018\u2019\u201c\u201d«»]+?(?:\s+|(?=--)|(?![^\n]))/uy;

/** Closing quotes and brackets go to the sentence before them. */
function realigned(text: string, pieces: readonly Span[]): string[] {
  const sentences: string[] = [];
  let moved = 0;
  for (const [index, { start, end }] of pieces.entries()) {
    const following = pieces[index + 1];
    closing.lastIndex = 0;
    const match = following && closing.exec(text.slice(following.start, following.end));
    if (match) sentences.push(text.slice(start + moved, following.start + match[0].trimEnd().length));
    else if (start + moved < end) sentences.push(text.slice(start + moved, end));
    moved = match?.[0].length ?? 0;
  }
  return sentences;
}
