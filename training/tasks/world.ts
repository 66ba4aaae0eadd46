import type { RandomStream } from '../../compute/random.ts';

/** Somebody in the world, and the word that stands for them in a second sentence. */
export interface Person {
  readonly name: string;
  readonly pronoun: 'he' | 'she';
}

/** Something that can be counted, owned, bought and given away. */
export interface Thing {
  readonly one: string;
  readonly many: string;
}

// The lists are short, and their words too: a vocabulary of 512 tokens has 254 left beside the 256 bytes, and a model
// of a million parameters should spend its training on the sums, not on the spelling.

/** Everybody. */
export const people: readonly Person[] = [
  { name: 'Ann', pronoun: 'she' },
  { name: 'Ben', pronoun: 'he' },
  { name: 'Eva', pronoun: 'she' },
  { name: 'Ivy', pronoun: 'she' },
  { name: 'Leo', pronoun: 'he' },
  { name: 'Max', pronoun: 'he' },
  { name: 'Mia', pronoun: 'she' },
  { name: 'Sam', pronoun: 'he' },
  { name: 'Tom', pronoun: 'he' },
  { name: 'Zoe', pronoun: 'she' },
];

/** Everything that is counted. */
export const things: readonly Thing[] = [
  { one: 'apple', many: 'apples' },
  { one: 'book', many: 'books' },
  { one: 'card', many: 'cards' },
  { one: 'cup', many: 'cups' },
  { one: 'egg', many: 'eggs' },
  { one: 'hat', many: 'hats' },
  { one: 'pen', many: 'pens' },
  { one: 'ring', many: 'rings' },
  { one: 'shell', many: 'shells' },
  { one: 'toy', many: 'toys' },
];

/** Everywhere, with the words that lead there. */
export const places: readonly string[] = ['at home', 'at school', 'at the park', 'at the shop'];

/** What is done by the hour: somebody makes or finds so many of a thing. */
export const activities: readonly string[] = ['finds', 'makes', 'sells'];

/** One member of a list, each as likely. */
export function choose<T>(random: RandomStream, list: readonly T[]): T {
  return list[random.integer(list.length)]!;
}

/** Two different members of a list, in random order. */
export function chooseTwo<T>(random: RandomStream, list: readonly T[]): [T, T] {
  const first = random.integer(list.length);
  const second = (first + 1 + random.integer(list.length - 1)) % list.length;
  return [list[first]!, list[second]!];
}

/** A whole number from `low` to `high`, both inclusive. */
export function between(random: RandomStream, low: number, high: number): number {
  return low + random.integer(high - low + 1);
}

/** The word with a capital, for the beginning of a sentence. */
export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** `twice`, `3 times`: the words for a factor. */
export function times(factor: number): string {
  return factor === 2 ? 'twice' : `${factor} times`;
}
