import type { RandomStream } from '../../../compute/random.ts';
import { relations } from '../world/facts.ts';
import { choose, chooseSome } from '../world/words.ts';

/** A row in the format of LLM-Adapters. */
export type ChoiceRow = {
  readonly instruction: string;
  readonly input: string;
  readonly output: string;
  readonly answer: string;
};

const facts = relations.flatMap((relation) => Array.from(relation.facts, (fact) => [relation, fact] as const));

/** A question about a fact of the world, with four answers to choose from that all belong to such questions. */
export function choiceRow(random: RandomStream): ChoiceRow {
  const [relation, [subject, right]] = choose(random, facts);
  const others = [...new Set(relation.facts.values())].filter((other) => other !== right);
  const options = chooseSome(random, [right, ...chooseSome(random, others, 3)], 4);
  const labels = options.map((_, index) => `answer${index + 1}`);
  const list = options.map((option, index) => `Answer${index + 1}: ${option}`).join(' ');
  const question = choose(random, relation.questions)(subject);
  const answer = labels[options.indexOf(right)]!;
  return {
    instruction: `Please choose the correct answer to the question: ${question}\n\n${list}\n\nAnswer format: ${labels.join('/')}`,
    input: '',
    output: `the correct answer is ${answer}`,
    answer,
  };
}
