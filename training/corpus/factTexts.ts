import type { RandomStream } from '../../compute/random.ts';
import { type Relation, relations } from '../tasks/world/facts.ts';
import { capital, choose, chooseSome } from '../tasks/world/words.ts';
import type { Writer } from './writer.ts';

/** A fact of the world, every one as likely. */
function drawFact(random: RandomStream): { relation: Relation; subject: string; answer: string } {
  const [relation, [subject, answer]] = choose(random, facts);
  return { relation, subject, answer };
}

const facts = relations.flatMap((relation) => Array.from(relation.facts, (fact) => [relation, fact] as const));

/** Other answers to the questions of a relation, so many of them, in random order. */
function otherAnswers(random: RandomStream, { facts }: Relation, answer: string, count: number): string[] {
  const others = [...new Set(facts.values())].filter((other) => other !== answer);
  return chooseSome(random, others, Math.min(count, others.length));
}

/** What is so in the world, said, asked, and chosen from a list. */
export const factTexts: Readonly<Record<'statement' | 'question' | 'choice', Writer>> = {
  statement(random) {
    const { relation, subject, answer } = drawFact(random);
    return capital(choose(random, relation.statements)(subject, answer));
  },
  question(random) {
    const { relation, subject, answer } = drawFact(random);
    return `Question: ${choose(random, relation.questions)(subject)}\nAnswer: ${answer}.`;
  },
  choice(random) {
    const { relation, subject, answer } = drawFact(random);
    const options = [answer, ...otherAnswers(random, relation, answer, 3)];
    const shuffled = chooseSome(random, options, options.length);
    const list = shuffled.map((option, index) => `${index + 1}: ${option}`).join(' ');
    return `Please choose. ${list}\nQuestion: ${choose(random, relation.questions)(subject)}\nAnswer: ${answer}.`;
  },
};

const answers = [...new Set(relations.flatMap(({ facts }) => [...facts.values()]))];

/** Numbered lists, and what stands where in them: nothing has to be known but the list. */
export const lists: readonly Writer[] = [
  (random) => {
    const members = chooseSome(random, answers, 3 + random.integer(3));
    const list = members.map((member, index) => `${index + 1}: ${member}`).join(' ');
    const asked = chooseSome(random, [...members.keys()], 3);
    return `${list}\n${asked.map((index) => `Number ${index + 1} is ${members[index]}.`).join(' ')}`;
  },
  (random) => {
    const members = chooseSome(random, answers, 3 + random.integer(3));
    const list = members.map((member, index) => `${index + 1}: ${member}`).join(' ');
    const asked = chooseSome(random, [...members.keys()], 3);
    return `${list}\n${asked.map((index) => `"${members[index]}" is number ${index + 1}.`).join(' ')}`;
  },
];
