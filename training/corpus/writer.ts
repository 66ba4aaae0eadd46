import type { RandomStream } from '../../compute/random.ts';
import { choose } from '../tasks/world/words.ts';

/** What writes a piece of text. */
export type Writer = (random: RandomStream) => string;

/** `count` pieces of random writers, joined. */
export function several(random: RandomStream, writers: readonly Writer[], count: number, between = ' '): string {
  return Array.from({ length: count }, () => choose(random, writers)(random)).join(between);
}
