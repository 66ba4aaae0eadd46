import { type RandomStream, randomStream } from '../../../compute/random.ts';
import { activities, between, capital, choose, chooseTwo, people, places, things, times } from '../world.ts';
import { textOf } from './problem.ts';
import { drawProblem } from './problems.ts';

type Writer = (random: RandomStream) => string;

/** Equations and sayings about numbers, the table of sums that everything else leans on. */
const numberFacts: readonly Writer[] = [
  (random) => {
    const [a, b] = [between(random, 0, 60), between(random, 0, 39)];
    return `${a}+${b}=${a + b}.`;
  },
  (random) => {
    const [a, b] = [between(random, 0, 60), between(random, 0, 39)];
    return `${a + b}-${b}=${a}.`;
  },
  (random) => {
    const [a, b] = [between(random, 2, 9), between(random, 2, 16)];
    return a * b <= 99 ? `${a}*${b}=${a * b}.` : `${a}+${b}=${a + b}.`;
  },
  (random) => {
    const [a, b] = [between(random, 2, 9), between(random, 1, 9)];
    return `${a * b}/${a}=${b}.`;
  },
  (random) => {
    const half = between(random, 1, 45);
    return `${2 * half}/2=${half}.`;
  },
  (random) => {
    const [factor, few] = [between(random, 2, 5), between(random, 2, 16)];
    return `${factor * few} is ${times(factor)} as many as ${few}.`;
  },
  (random) => {
    const [middle, away] = [between(random, 5, 40), between(random, 1, 5)];
    return `On average ${middle - away} and ${middle + away} is ${middle}.`;
  },
];

/** Small stories without a question. */
const stories: readonly Writer[] = [
  (random) => {
    const [first, second] = chooseTwo(random, people);
    const { many } = choose(random, things);
    const [a, b] = [between(random, 2, 50), between(random, 2, 49)];
    return `${first.name} has ${a} ${many}. ${second.name} has ${b} ${many}. Together they have ${a + b} ${many}.`;
  },
  (random) => {
    const { name, pronoun } = choose(random, people);
    const { many } = choose(random, things);
    const [start, more] = [between(random, 2, 60), between(random, 2, 35)];
    const where = choose(random, places);
    return `${name} is ${where}. ${capital(pronoun)} had ${start} ${many} and got ${more} more. Now ${pronoun} has ${start + more}.`;
  },
  (random) => {
    const { name, pronoun } = choose(random, people);
    const { many } = choose(random, things);
    const start = between(random, 4, 95);
    const lost = between(random, 2, Math.min(start - 1, 40));
    return `${name} had ${start} ${many}, but ${pronoun} loses ${lost}. Now ${pronoun} has ${start - lost} ${many}.`;
  },
  (random) => {
    const [first, second] = chooseTwo(random, people);
    const { many } = choose(random, things);
    const [factor, few] = [between(random, 2, 5), between(random, 2, 16)];
    return `${first.name} has ${few} ${many}. ${second.name} has ${times(factor)} as many: ${factor * few} ${many}.`;
  },
  (random) => {
    const { many } = choose(random, things);
    const [boxes, each] = [between(random, 2, 9), between(random, 3, 9)];
    const rest = between(random, 1, each - 1);
    return `${boxes * each + rest} ${many} are ${boxes} boxes of ${each}, and ${rest} left over.`;
  },
  (random) => {
    const { name } = choose(random, people);
    const { one, many } = choose(random, things);
    const [count, price] = [between(random, 2, 9), between(random, 2, 9)];
    return `Each ${one} costs ${price} coins. For ${count} ${many} ${name} pays ${count * price} coins.`;
  },
  (random) => {
    const { name } = choose(random, people);
    const { many } = choose(random, things);
    const [each, hours] = [between(random, 2, 9), between(random, 2, 9)];
    return `${name} ${choose(random, activities)} ${each} ${many} each hour. In ${hours} hours that is ${each * hours}.`;
  },
];

/** How many documents, from the first, the tokenizer of a base model is trained on: 2.3 MB of text. */
export const tokenizerDocuments = 20_000;

/** `count` pieces of random writers, a space between them. */
function several(random: RandomStream, writers: readonly Writer[], count: number): string {
  return Array.from({ length: count }, () => choose(random, writers)(random)).join(' ');
}

/**
 * Document number `index` of the pre-training corpus: 70 % a problem of the pre-training families (of their split
 * `train` alone), 15 % a story or two, 15 % a row of number facts. It depends on seed and index only, so that a corpus
 * can be read in any order, from any place, without end.
 */
export function corpusDocument(seed: number, index: number): string {
  const random = randomStream(seed, `corpus document ${index}`);
  const kind = random.uniform();
  if (kind < 0.7) return textOf(drawProblem(random, 'pretraining', 'train'));
  if (kind < 0.85) return several(random, stories, between(random, 1, 2));
  return several(random, numberFacts, between(random, 4, 7));
}

/** The first `count` documents of the corpus, one after the other. */
export function* corpusDocuments(seed: number, count: number): Generator<string> {
  for (let index = 0; index < count; index++) yield corpusDocument(seed, index);
}
