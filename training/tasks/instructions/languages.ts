import { readData } from './data.ts';

interface Profiles {
  /** By language (ISO 639-1), then by n-gram of one to three characters: its share of all such n-grams, in millionths. */
  readonly languages: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Characters that stand for one another, the first for all. */
  readonly kanji: readonly string[];
}

interface Model {
  readonly names: readonly string[];
  /** The logarithm of each n-gram's share, smoothed, by language. */
  readonly logShares: ReadonlyMap<string, Float64Array>;
  readonly kanji: ReadonlyMap<string, string>;
}

// langdetect's ALPHA_DEFAULT / BASE_FREQ, added to every share.
const smoothing = 0.5 / 10_000;
const longestText = 10_000;

let model: Model | undefined;

/**
 * The language that a text is most likely in (ISO 639-1, `zh-cn` and `zh-tw`), of the 55 that langdetect knows; null if it
 * has no letters to tell by. Naive Bayes on n-grams as there, on all of them instead of on seven random samples: what its
 * draws come to on average, so that one text always has one language.
 * @see https://github.com/Mimino666/langdetect, after https://github.com/shuyo/language-detection (Apache 2.0)
 */
export function languageOf(text: string): string | null {
  model ??= loadModel();
  const { names, logShares, kanji } = model;
  const sums = new Float64Array(names.length);
  let found = false;
  for (const gram of gramsOf(cleaned(text), kanji)) {
    const shares = logShares.get(gram);
    if (shares === undefined) continue;
    found = true;
    for (let index = 0; index < sums.length; index++) sums[index]! += shares[index]!;
  }
  return found ? names[sums.indexOf(Math.max(...sums))]! : null;
}

function loadModel(): Model {
  const { languages, kanji } = readData<Profiles>('languages');
  const names = Object.keys(languages);
  const logShares = new Map<string, Float64Array>();
  for (const [index, profile] of Object.values(languages).entries())
    for (const [gram, millionths] of Object.entries(profile)) {
      const shares = logShares.get(gram) ?? new Float64Array(names.length).fill(Math.log(smoothing));
      shares[index] = Math.log(smoothing + millionths / 1e6);
      logShares.set(gram, shares);
    }
  return { names, logShares, kanji: new Map(kanji.flatMap((group) => Array.from(group, (each) => [each, group[0]!]))) };
}

/** Without addresses and repeated spaces, and without Latin letters where others are more than twice as many. */
function cleaned(text: string): string {
  const plain = text
    .replace(/https?:\/\/[-_.?&~;+=/#0-9A-Za-z]{1,2076}/g, ' ')
    .replace(/[-_.0-9A-Za-z]{1,64}@[-_0-9A-Za-z]{1,255}[-_.0-9A-Za-z]{1,255}/g, ' ')
    // Vietnamese letters, whose tone marks may stand apart.
    .replace(/[AEIOUYaeiouyÂÊÔâêôĂăƠơƯư][\u0300\u0301\u0303\u0309\u0323]/g, (letter) => letter.normalize('NFC'));
  const short = Array.from(plain).slice(0, longestText).join('').replace(/ +/g, ' ');
  const latin = short.match(/[A-z]/g)?.length ?? 0;
  const others = short.match(/(?![\u1e00-\u1eff])[\u0300-\u{10ffff}]/gu)?.length ?? 0;
  return latin * 2 < others ? short.replace(/[A-z]/g, '') : short;
}

/** All n-grams of one to three characters of each word, its borders as spaces; none behind two capitals in a row. */
function* gramsOf(text: string, kanji: ReadonlyMap<string, string>): Generator<string> {
  let window: string[] = [' '];
  let inCapitals = false;
  for (const original of text) {
    const character = normalised(original, kanji);
    const before = window.at(-1)!;
    if (before === ' ') {
      window = [' '];
      inCapitals = false;
      if (character === ' ') continue;
    } else if (window.length === 3) window = window.slice(1);
    window.push(character);
    const isUpper = /\p{Uppercase}/u.test(character);
    inCapitals = isUpper && (inCapitals || /\p{Uppercase}/u.test(before));
    if (inCapitals) continue;
    for (let length = 1; length <= window.length; length++) {
      const gram = window.slice(-length).join('');
      if (gram !== ' ') yield gram;
    }
  }
}

const foldings: readonly (readonly [RegExp, string])[] = [
  [/[\0-@[-`{-\x7f\u00a0\u00ab\u00b0\u00bb\u2000-\u206f]/u, ' '],
  [/\u0219/u, '\u015f'],
  [/\u021b/u, '\u0163'],
  [/\u06cc/u, '\u064a'],
  [/[\u1ea0-\u1eff]/u, '\u1ec3'],
  [/[\u3040-\u309f]/u, '\u3042'],
  [/[\u30a0-\u30ff]/u, '\u30a2'],
  [/[\u3100-\u312f\u31a0-\u31bf]/u, '\u3105'],
  [/[\uac00-\ud7af]/u, '\uac00'],
];

/** A letter, or the one that stands for all of its kind; a space for what is none. */
function normalised(character: string, kanji: ReadonlyMap<string, string>): string {
  if (/[A-Za-z]/.test(character)) return character;
  return foldings.find(([pattern]) => pattern.test(character))?.[1] ?? kanji.get(character) ?? character;
}
