import { between, times } from '../tasks/world/words.ts';
import type { Writer } from './writer.ts';

/** Equations and sayings about numbers from 0 to 99: the tables that everything else leans on. */
export const equations: readonly Writer[] = [
  (random) => {
    const sum = between(random, 1, 99);
    const a = between(random, 0, sum);
    return `${a}+${sum - a}=${sum}.`;
  },
  (random) => {
    const [a, b] = [between(random, 0, 9), between(random, 1, 90)];
    return random.uniform() < 0.5 ? `${a}+${b}=${a + b}.` : `${b}+${a}=${a + b}.`;
  },
  (random) => {
    const whole = between(random, 1, 99);
    const part = between(random, 0, whole);
    return `${whole}-${part}=${whole - part}.`;
  },
  (random) => {
    const [a, b] = [between(random, 2, 9), between(random, 2, 12)];
    return a * b <= 99 ? `${a}*${b}=${a * b}.` : `${b}*${a}=${a * b}.`;
  },
  (random) => {
    const [a, b] = [between(random, 2, 9), between(random, 1, 9)];
    return `${a * b}/${a}=${b}.`;
  },
  (random) => {
    const half = between(random, 1, 49);
    return random.uniform() < 0.5 ? `${2 * half}/2=${half}.` : `2*${half}=${2 * half}.`;
  },
  (random) => {
    const [factor, few] = [between(random, 2, 5), between(random, 2, 16)];
    return `${factor * few} is ${times(factor)} as many as ${few}.`;
  },
  (random) => {
    const [middle, away] = [between(random, 5, 40), between(random, 1, 5)];
    return `On average ${middle - away} and ${middle + away} is ${middle}.`;
  },
  (random) => {
    const sum = between(random, 1, 99);
    const a = between(random, 0, sum);
    return `What is ${a}+${sum - a}? The correct answer is ${sum}.`;
  },
];
