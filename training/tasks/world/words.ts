import type { RandomStream } from '../../../compute/random.ts';

/** One member of a list, each as likely. */
export function choose<T>(random: RandomStream, list: readonly T[]): T {
  return list[random.integer(list.length)]!;
}

/** Two different members of a list, in random order. */
export function chooseTwo<T>(random: RandomStream, list: readonly T[]): [T, T] {
  return chooseSome(random, list, 2) as [T, T];
}

/** So many different members of a list, in random order. */
export function chooseSome<T>(random: RandomStream, list: readonly T[], count: number): T[] {
  const left = [...list];
  return Array.from({ length: count }, () => left.splice(random.integer(left.length), 1)[0]!);
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

/** `an owl`, `a fox`. */
export function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}
