import { type RandomStream, randomStream } from '../../compute/random.ts';
import { between } from '../tasks/world/words.ts';
import { equations } from './equations.ts';
import { factTexts } from './factTexts.ts';
import { notes } from './notes.ts';
import { programs } from './programs.ts';
import { stories } from './stories.ts';
import { wordProblems } from './wordProblems.ts';
import { several, type Writer } from './writer.ts';

/** A kind of document and its part of the corpus. */
const kinds: readonly (readonly [share: number, write: Writer])[] = [
  [0.28, (random) => several(random, wordProblems, between(random, 1, 2), '\n')],
  [0.08, (random) => several(random, stories, between(random, 1, 3))],
  [0.18, (random) => several(random, equations, between(random, 6, 10))],
  [0.12, (random) => several(random, [factTexts.statement], between(random, 4, 8))],
  [0.12, (random) => several(random, [factTexts.question], between(random, 3, 5), '\n')],
  [0.14, (random) => several(random, programs, between(random, 1, 3), '\n')],
  [0.08, (random) => several(random, notes, 1)],
];

/** One of several things, each with its part of all. */
function chooseWeighted<T>(random: RandomStream, things: readonly (readonly [share: number, thing: T])[]): T {
  const place = random.uniform();
  let before = 0;
  const found = things.find(([share]) => {
    before += share;
    return place < before;
  });
  return (found ?? things.at(-1)!)[1];
}

/** How many documents, from the first, the tokenizer of a base model is trained on. */
export const tokenizerDocuments = 20_000;

/**
 * Document number `index` of the pre-training corpus: word problems, stories, equations, facts, functions, notes. It
 * depends on seed and index only, so that a corpus can be read in any order, from any place, without end.
 */
export function corpusDocument(seed: number, index: number): string {
  const random = randomStream(seed, `corpus document ${index}`);
  return chooseWeighted(random, kinds)(random);
}

/** The first `count` documents of the corpus, one after the other. */
export function* corpusDocuments(seed: number, count: number): Generator<string> {
  for (let index = 0; index < count; index++) yield corpusDocument(seed, index);
}
