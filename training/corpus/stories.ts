import { people } from '../tasks/world/people.ts';
import { activities, places, things } from '../tasks/world/things.ts';
import { between, capital, choose, chooseTwo, times } from '../tasks/world/words.ts';
import type { Writer } from './writer.ts';

/** Small stories of one or two sums, without a question. */
export const stories: readonly Writer[] = [
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
    const [first, second] = chooseTwo(random, people);
    const { many } = choose(random, things);
    const [few, more] = [between(random, 2, 60), between(random, 2, 30)];
    return `${first.name} has ${few} ${many}. ${second.name} has ${more} more than ${first.name}: ${few + more} ${many}.`;
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
  (random) => {
    const { name, pronoun } = choose(random, people);
    const { many } = choose(random, things);
    const [start, more] = [between(random, 2, 50), between(random, 2, 30)];
    const given = between(random, 2, Math.min(start + more - 1, 30));
    return `${name} has ${start} ${many} and finds ${more}: ${start + more}. Then ${pronoun} sold ${given}: ${start + more - given}.`;
  },
  (random) => {
    const { name } = choose(random, people);
    const { many } = choose(random, things);
    const half = between(random, 1, 45);
    return `${name} has ${2 * half} ${many} and gives half of them away. ${half} are left.`;
  },
];
