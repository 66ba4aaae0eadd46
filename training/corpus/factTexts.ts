import { facts } from '../tasks/world/facts.ts';
import { capital, choose } from '../tasks/world/words.ts';
import type { Writer } from './writer.ts';

/** What is so in the world, said, and asked; every fact as likely. */
export const factTexts: Readonly<Record<'statement' | 'question', Writer>> = {
  statement(random) {
    const [relation, [subject, answer]] = choose(random, facts);
    return capital(choose(random, relation.statements)(subject, answer));
  },
  question(random) {
    const [relation, [subject, answer]] = choose(random, facts);
    return `Question: ${choose(random, relation.questions)(subject)}\nAnswer: ${answer}.`;
  },
};
