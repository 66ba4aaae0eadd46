import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type RandomStream, randomStream } from '../../compute/random.ts';
import { LambdamaxError } from '../../errors.ts';
import { corpusDocuments, tokenizerDocuments } from '../../training/corpus/corpus.ts';
import { type TrainedTokenizer, trainBytePairs, writeTokenizer } from '../../training/data/tokenizer/bytePairs.ts';
import { taskFamilies } from '../../training/tasks/index.ts';

interface Model {
  readonly vocab: Record<string, number>;
  readonly merges: readonly (readonly [string, string])[];
}

const modelOf = ({ tokenizer }: TrainedTokenizer) => tokenizer.model as Model;
const readerOf = ({ tokenizer, config }: TrainedTokenizer): Tokenizer => new Tokenizer(tokenizer, config);

const fixture = (path: string) => readFileSync(new URL(`../../fixtures/${path}`, import.meta.url), 'utf8');
const bundled: TrainedTokenizer = {
  tokenizer: JSON.parse(fixture('base/tokenizer.json')),
  config: JSON.parse(fixture('base/tokenizer_config.json')),
};

// Ranges of code points, none of them surrogates: controls, ASCII, Latin, combining marks, Cyrillic, Arabic with its
// digits, CJK, private use, emoji with joiners, and the spaces, on which splitting into words is hardest.
const ranges = [
  [0, 31],
  [32, 126],
  [48, 57],
  [9, 32],
  [128, 255],
  [0x300, 0x52f],
  [0x600, 0x6ff],
  [0x2000, 0x206f],
  [0x4e00, 0x4eff],
  [0xe000, 0xffff],
  [0x1f300, 0x1f9ff],
] as const;

function randomText(random: RandomStream, length: number): string {
  return Array.from({ length }, () => {
    const [low, high] = ranges[random.integer(ranges.length)]!;
    return String.fromCodePoint(low + random.integer(high - low + 1));
  }).join('');
}

/** Words over few letters, so that pairs repeat, overlap (`aaa`) and tie. */
function fewLetters(random: RandomStream): string[] {
  const word = () => Array.from({ length: 1 + random.integer(9) }, () => 'abc'[random.integer(3)]).join('');
  return Array.from({ length: 30 }, () => `${word()} ${word()}${random.integer(100)}, ${word()}`);
}

/** The textbook algorithm, every pair counted anew for every merge. The words are those of `fewLetters` texts. */
function slowMerges(texts: readonly string[], size: number): [string, string][] {
  const words = texts.flatMap((text) =>
    Array.from(text.matchAll(/\d| ?[a-z]+| ?,| /g), ([word]) => [...word.replace(' ', 'Ġ')]),
  );
  // The order of ids: bytes by value (`Ġ`, the space, is the first of these texts), then tokens as they are made.
  const order = ['Ġ', ...Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index))];
  const merges: [string, string][] = [];
  for (let vocabulary = 258; vocabulary < size; vocabulary++) {
    const counts = new Map<string, { pair: [string, string]; count: number }>();
    for (const word of words) {
      for (let at = 1; at < word.length; at++) {
        const pair: [string, string] = [word[at - 1]!, word[at]!];
        const entry = counts.get(pair.join('|')) ?? { pair, count: 0 };
        counts.set(pair.join('|'), entry);
        entry.count++;
      }
    }
    const rank = ([left, right]: [string, string]) => order.indexOf(left) * 1e6 + order.indexOf(right);
    const [best] = [...counts.values()].sort((a, b) => b.count - a.count || rank(a.pair) - rank(b.pair));
    merges.push(best!.pair);
    const token = best!.pair.join('');
    order.push(token);
    for (const word of words) {
      for (let at = 0; at + 1 < word.length; at++) {
        if (word[at] === best!.pair[0] && word[at + 1] === best!.pair[1]) word.splice(at, 2, token);
      }
    }
  }
  return merges;
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`the merges are those of the textbook algorithm, seed ${seed}`, () => {
    const texts = fewLetters(randomStream(seed, 'few letters'));
    assert.equal(modelOf(trainBytePairs(texts, 300)).merges, slowMerges(texts, 300));
  });

  test(`any text decodes to itself, seed ${seed}`, () => {
    const random = randomStream(seed, 'round trip');
    const reader = readerOf(bundled);
    for (let length = 1; length <= 80; length++) {
      const text = randomText(random, length);
      assert.is(reader.decode(reader.encode(text).ids), text);
    }
  });

  test(`a vocabulary has exactly its size, each id once, seed ${seed}`, () => {
    for (const size of [258, 259, 290, 330]) {
      const { vocab } = modelOf(trainBytePairs(fewLetters(randomStream(seed, 'few letters')), size));
      const ids = Object.values(vocab).sort((a, b) => a - b);
      assert.equal(
        ids,
        Array.from({ length: size }, (_, id) => id),
      );
    }
  });
}

test('the order of texts does not matter, nor how often all of them are given', () => {
  const texts = fewLetters(randomStream(9, 'few letters'));
  const once = trainBytePairs(texts, 320);
  assert.equal(trainBytePairs(texts.toReversed(), 320), once);
  assert.equal(trainBytePairs([...texts, ...texts], 320), once);
});

test('every one of the 256 bytes is a token, also for a text that never saw it', () => {
  const reader = readerOf(trainBytePairs([], 258));
  const text = Array.from({ length: 0x800 }, (_, code) => String.fromCharCode(code)).join('');
  assert.is(reader.decode(reader.encode(text).ids), text);
  assert.is(reader.encode(text).ids.length, Buffer.byteLength(text));
  assert.is(reader.encode('A').ids[0], 2 + 0x41);
});

test('padding is id 0, the end of a text id 1, and neither is put into a text', () => {
  const reader = readerOf(bundled);
  assert.is(reader.token_to_id('<|pad|>'), 0);
  assert.is(reader.token_to_id('<|eos|>'), 1);
  assert.is(bundled.config.pad_token, '<|pad|>');
  assert.is(bundled.config.eos_token, '<|eos|>');
  assert.ok(reader.encode('Ann has 12 apples.').ids.every((id: number) => id > 1));
  assert.equal(reader.encode('12<|eos|>').ids, [2 + 0x31, 2 + 0x32, 1]);
});

test('digits stand alone, and no merge crosses from one word into the next', () => {
  const reader = readerOf(bundled);
  assert.equal(reader.encode('3+12=15').tokens, ['3', '+', '1', '2', '=', '1', '5']);
  for (const [left, right] of modelOf(bundled).merges) {
    const text = (left + right).replaceAll('Ġ', ' ').replaceAll('Ċ', '\n');
    assert.not.match(text, /\d/);
    // What GPT-2 takes for a word: letters or signs, with a space before them or none, or nothing but white space.
    assert.match(text, /^(?: ?[a-z]+|'[a-z]+| ?[^\sa-z]+|\s+)$/i, `${left} ${right}`);
  }
});

test('the vocabulary of the bundled tokenizer has 1024 tokens', () => {
  assert.is(Object.keys(modelOf(bundled).vocab).length, 1024);
});

test('the bundled tokenizer is what training on the corpus of seed 0 makes today, file for file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenizer-'));
  try {
    await writeTokenizer(join(folder, 'base'), trainBytePairs(corpusDocuments(0, tokenizerDocuments), 1024));
    assert.equal(readdirSync(join(folder, 'base')).sort(), ['tokenizer.json', 'tokenizer_config.json']);
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      assert.is(readFileSync(join(folder, 'base', name), 'utf8'), fixture(`base/${name}`), name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const family of taskFamilies)
  test(`99 % of the problems of ${family.name} take at most 128 tokens`, () => {
    const reader = readerOf(bundled);
    const problems = family.generate!({ split: 'train', count: 300, seed: 1 }).map((row) => family.read(row, 'a row'));
    const lengths = problems.map(({ prompt, response }) => reader.encode(`${prompt} ${response}`).ids.length);
    const short = lengths.filter((length) => length <= 128).length;
    assert.ok(short >= 0.99 * lengths.length, `${short} of ${lengths.length}`);
  });

for (const size of [257, 300.5, Number.NaN, -1]) {
  test(`a vocabulary of ${size} is refused`, () => {
    assert.throws(
      () => trainBytePairs(['some text'], size),
      (error: unknown) =>
        error instanceof LambdamaxError &&
        error.message.includes('258 or more') &&
        error.message.endsWith(`got ${size}`),
    );
  });
}

test('a text too short for the vocabulary is refused, with the size that it does fill', () => {
  assert.throws(
    () => trainBytePairs(['abc'], 300),
    (error: unknown) => error instanceof LambdamaxError && error.message.includes('260 tokens, got 300'),
  );
  assert.is(Object.keys(modelOf(trainBytePairs(['abc'], 260)).vocab).length, 260);
});

test.run();
