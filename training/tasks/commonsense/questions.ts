import type { RandomStream } from '../../../compute/random.ts';
import { facts } from '../world/facts.ts';
import { choose, chooseSome } from '../world/words.ts';

/** A row in the format of LLM-Adapters. */
export type ChoiceRow = {
  readonly instruction: string;
  readonly input: string;
  readonly output: string;
  readonly answer: string;
};

/**
 * A question about a fact of the world, with four answers to choose from that all belong to such questions. The answers are
 * words, as BoolQ's `true/false` are in LLM-Adapters: a model of a million parameters knows facts, but has not learned to
 * look up which label stands before a word.
 */
export function choiceRow(random: RandomStream): ChoiceRow {
  const [relation, [subject, answer]] = choose(random, facts);
  const others = [...new Set(relation.facts.values())].filter((other) => other !== answer);
  const options = chooseSome(random, [answer, ...chooseSome(random, others, 3)], 4);
  const question = choose(random, relation.questions)(subject);
  return {
    instruction: `Please choose the correct answer to the question: ${question}\n\nAnswer format: ${options.join('/')}`,
    input: '',
    output: `the correct answer is ${answer}`,
    answer,
  };
}
