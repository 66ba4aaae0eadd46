import { people } from '../tasks/world/people.ts';
import { places, things } from '../tasks/world/things.ts';
import { between, capital, choose, chooseSome, chooseTwo } from '../tasks/world/words.ts';
import type { Writer } from './writer.ts';

/** What people write and say: letters, lists, titles, quotes, with the marks that go with them. */
export const notes: readonly Writer[] = [
  (random) => {
    const [from, to] = chooseTwo(random, people);
    const { many } = choose(random, things);
    const [a, b] = [between(random, 2, 99), between(random, 2, 99)];
    return `A letter.\nDear ${to.name}, I have ${a} ${many}. Good night, ${from.name}\nP.S. ${capital(choose(random, places))} are ${b} more.`;
  },
  (random) => {
    const { name } = choose(random, people);
    const kinds = chooseSome(random, things, between(random, 2, 4));
    return `The list of ${name} has ${kinds.length} points:\n${kinds.map(({ many }) => `* ${between(random, 2, 99)} ${many}`).join('\n')}`;
  },
  (random) => {
    const { name, pronoun } = choose(random, people);
    const { many } = choose(random, things);
    const more = between(random, 2, 99);
    return `The title:\n<<${name} and the ${many}>>\n${name} is ${choose(random, places)}. There ${pronoun} finds ${more} ${many}. The end.`;
  },
  (random) => {
    const [first, second] = chooseTwo(random, people);
    const { many } = choose(random, things);
    return `${first.name} says: "I have ${between(random, 2, 99)} ${many}." ${second.name} says: "That is ${choose(random, ['good', 'bad', 'all'])}."`;
  },
  (random) => {
    const { name } = choose(random, people);
    const { one, many } = choose(random, things);
    return `Two parts with *** between them:\n${name} has a ${one}.\n***\nNow ${name} has ${between(random, 2, 99)} ${many}.`;
  },
  (random) => {
    const { one } = choose(random, things);
    return `Put the words in the place of [name] and [thing]: [name] has a [thing]. ${choose(random, people).name} has a ${one}.`;
  },
  (random) => {
    const { name } = choose(random, people);
    const { many } = choose(random, things);
    return `The words with stars are *${name}* and *${many}*: *${name}* likes *${many}*.`;
  },
  (random) => {
    const { name, pronoun } = choose(random, people);
    const { many } = choose(random, things);
    const where = choose(random, places);
    return `Write about ${name}. ${name} is ${where}. ${capital(pronoun)} has ${between(random, 2, 99)} ${many} ${choose(random, ['and a boat', 'near the moon', 'under a tree', 'in the rain', 'by the river'])}.`;
  },
];
