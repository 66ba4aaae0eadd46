import { between, capital, choose, chooseTwo, people, things, times } from '../world.ts';
import type { ProblemFamily } from './problem.ts';

/** Two equations in the form that pre-training never shows, the second beginning with what the first came to. */
function chain(first: string, x: number, second: string, y: number): string {
  return `x=${first}=${x}; y=${second}=${y}; #### ${y}`;
}

/** `Ann has 4 books. Ben has 3 times as many, but he loses 5.` A product and a difference. */
const multipleThenLoss: ProblemFamily = (random) => {
  const [first, second] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const [factor, few] = [between(random, 2, 5), between(random, 3, 12)];
  const multiple = factor * few;
  const lost = between(random, 2, multiple - 1);
  const question = choose(random, [
    `${first.name} has ${few} ${many}. ${second.name} has ${times(factor)} as many. ${second.name} loses ${lost}. How many are left?`,
    `${second.name} had ${times(factor)} as many ${many} as ${first.name}, then ${second.pronoun} sold ${lost}. ${first.name} has ${few}. How many are left?`,
    `${first.name} has ${few} ${many}. ${second.name} had ${times(factor)} as many, but ${second.pronoun} sold ${lost} of them. How many are left?`,
  ]);
  return { question, answer: chain(`${factor}*${few}`, multiple, `${multiple}-${lost}`, multiple - lost) };
};

/** `Ann has 4 books. Ben has 3 times as many. How many do they have together?` A product and a sum. */
const multipleTogether: ProblemFamily = (random) => {
  const [first, second] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const [factor, few] = [between(random, 2, 5), between(random, 3, 16)];
  const multiple = factor * few;
  const question = choose(random, [
    `${first.name} has ${few} ${many}. ${second.name} has ${times(factor)} as many. How many ${many} do they have together?`,
    `${second.name} has ${times(factor)} as many ${many} as ${first.name}. ${first.name} has ${few}. How many is that together?`,
  ]);
  return { question, answer: chain(`${factor}*${few}`, multiple, `${multiple}+${few}`, multiple + few) };
};

/** `Mia has 17 eggs and puts 5 in each box.` The boxes' product, and the rest. */
const leftOver: ProblemFamily = (random) => {
  const { name, pronoun } = choose(random, people);
  const { many } = choose(random, things);
  const [boxes, each] = [between(random, 2, 9), between(random, 3, 9)];
  const rest = between(random, 1, each - 1);
  const inside = boxes * each;
  const question = choose(random, [
    `${name} has ${inside + rest} ${many}. ${capital(pronoun)} puts ${each} in each box. How many ${many} are left over?`,
    `${name} puts ${inside + rest} ${many} in boxes of ${each}. How many ${many} are left over?`,
    `In each box are ${each} ${many}. ${name} has ${inside + rest} ${many}. How many are left over?`,
  ]);
  return { question, answer: chain(`${boxes}*${each}`, inside, `${inside + rest}-${inside}`, rest) };
};

/** `Tom has 4 cards and Eva has 8. How many is that on average?` A sum and its half. */
const average: ProblemFamily = (random) => {
  const [first, second] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const [a, middle] = [between(random, 2, 40), between(random, 3, 40)];
  // Both numbers on the same side of even, so that the mean is whole.
  const b = a % 2 === 0 ? 2 * Math.ceil(middle / 2) : 2 * Math.ceil(middle / 2) - 1;
  const sum = a + b;
  const question = choose(random, [
    `${first.name} has ${a} ${many} and ${second.name} has ${b}. How many ${many} is that on average?`,
    `${first.name} finds ${a} ${many}. ${second.name} finds ${b} ${many}. How many is that on average?`,
  ]);
  return { question, answer: chain(`${a}+${b}`, sum, `${sum}/2`, sum / 2) };
};

/**
 * What fine-tuning teaches: four families that the base model has not seen, of two steps each, out of words and sums
 * that it has. The steps are a chain of named equations, `x=3*4=12; y=12-5=7; #### 7`, instead of sentences.
 */
export const finetuningFamilies = {
  multipleThenLoss,
  multipleTogether,
  leftOver,
  average,
} satisfies Record<string, ProblemFamily>;
