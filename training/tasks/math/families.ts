import type { RandomStream } from '../../../compute/random.ts';
import { people } from '../world/people.ts';
import { places, things } from '../world/things.ts';
import { between, capital, choose, chooseSome, chooseTwo, times } from '../world/words.ts';

/** A word problem with its worked answer, as a row of GSM8K, and the family that made it. */
export interface WorldProblem {
  readonly family: string;
  readonly question: string;
  /** A line for each step, with an equation `3+5=8`, then `#### ` and the final number. */
  readonly answer: string;
}

/** A family of problems: what changes between two of them is who, what, where, how many and the wording. */
export type ProblemFamily = (random: RandomStream) => Omit<WorldProblem, 'family'>;

function worked(steps: readonly string[], result: number): string {
  return [...steps, `#### ${result}`].join('\n');
}

/** `Ann has 4 books. Ben has 3 times as many, but he loses 5.` A product and a difference. */
const multipleThenLoss: ProblemFamily = (random) => {
  const [first, second] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const [factor, few] = [between(random, 2, 5), between(random, 3, 12)];
  const multiple = factor * few;
  const lost = between(random, 2, multiple - 1);
  const left = multiple - lost;
  const question = choose(random, [
    `${first.name} has ${few} ${many}. ${second.name} has ${times(factor)} as many. ${second.name} loses ${lost}. How many ${many} are left?`,
    `${first.name} has ${few} ${many}. ${second.name} had ${times(factor)} as many, but ${second.pronoun} sold ${lost} of them. How many ${many} are left?`,
  ]);
  const steps = [`${second.name} had ${factor}*${few}=${multiple} ${many}.`, `${multiple}-${lost}=${left} are left.`];
  return { question, answer: worked(steps, left) };
};

/** `Ann has 4 books. Ben has 3 times as many. How many do they have together?` A product and a sum. */
const multipleTogether: ProblemFamily = (random) => {
  const [first, second] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const [factor, few] = [between(random, 2, 5), between(random, 3, 16)];
  const multiple = factor * few;
  const question = choose(random, [
    `${first.name} has ${few} ${many}. ${second.name} has ${times(factor)} as many. How many ${many} do they have together?`,
    `${first.name} finds ${few} ${many} and ${second.name} finds ${times(factor)} as many. How many ${many} is that together?`,
  ]);
  const total = multiple + few;
  const steps = [`${second.name} has ${factor}*${few}=${multiple} ${many}.`, `${multiple}+${few}=${total} together.`];
  return { question, answer: worked(steps, total) };
};

/** `Mia buys 4 boxes of 6 eggs and gives 5 away.` A product and a difference. */
const boxesThenGive: ProblemFamily = (random) => {
  const [giver, taker] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const [boxes, each] = [between(random, 2, 9), between(random, 3, 9)];
  const inside = boxes * each;
  const given = between(random, 2, Math.min(inside - 1, 30));
  const left = inside - given;
  const question = choose(random, [
    `${giver.name} buys ${boxes} boxes of ${each} ${many} and gives ${given} to ${taker.name}. How many ${many} are left?`,
    `${giver.name} has ${boxes} boxes of ${each} ${many}. Then ${giver.pronoun} sold ${given} of them. How many ${many} are left?`,
  ]);
  const steps = [`${giver.name} has ${boxes}*${each}=${inside} ${many}.`, `${inside}-${given}=${left} are left.`];
  return { question, answer: worked(steps, left) };
};

/** `Tom has 4 cards and Eva has 8. How many is that on average?` A sum and its half. */
const average: ProblemFamily = (random) => {
  const [first, second] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const [a, middle] = [between(random, 2, 40), between(random, 2, 20)];
  // Both numbers on the same side of even, so that the mean is whole.
  const b = (a % 2) + 2 * middle;
  const sum = a + b;
  const question = choose(random, [
    `${first.name} has ${a} ${many} and ${second.name} has ${b}. How many ${many} is that on average?`,
    `${first.name} finds ${a} ${many}. ${second.name} finds ${b} ${many}. How many ${many} is that on average?`,
  ]);
  const steps = [`Together they have ${a}+${b}=${sum} ${many}.`, `${sum}/2=${sum / 2} on average.`];
  return { question, answer: worked(steps, sum / 2) };
};

/** `Sam makes 4 toys each hour for 5 hours and sells each for 2 coins.` Hours' product, then what is spent. */
const earnThenSpend: ProblemFamily = (random) => {
  const { name, pronoun } = choose(random, people);
  const { one } = choose(random, things);
  const [each, hours] = [between(random, 2, 9), between(random, 2, 9)];
  const coins = each * hours;
  const cost = between(random, 1, Math.min(coins - 1, 30));
  const left = coins - cost;
  const question = choose(random, [
    `${name} gets ${each} coins each hour for ${hours} hours and buys a ${one} for ${cost} coins. How many coins are left?`,
    `For ${hours} hours ${name} gets ${each} coins each hour. Then ${pronoun} pays ${cost} coins for a ${one}. How many coins are left?`,
  ]);
  const steps = [`${name} gets ${hours}*${each}=${coins} coins.`, `${coins}-${cost}=${left} are left.`];
  return { question, answer: worked(steps, left) };
};

/** `Leo has 7 eggs and finds 5 more. He shares them with 3 people.` A sum and a quotient. */
const gainThenShare: ProblemFamily = (random) => {
  const { name, pronoun } = choose(random, people);
  const { many } = choose(random, things);
  const [groups, each] = [between(random, 2, 9), between(random, 2, 9)];
  const total = groups * each;
  const start = between(random, 1, total - 1);
  const more = total - start;
  const question = choose(random, [
    `${name} has ${start} ${many} and finds ${more} more. Then ${pronoun} puts them in ${groups} boxes. How many ${many} are in each box?`,
    `${capital(choose(random, places))} ${name} buys ${start} ${many} and then ${more} more for ${groups} people. How many ${many} does each get?`,
  ]);
  const steps = [`${name} has ${start}+${more}=${total} ${many}.`, `Each gets ${total}/${groups}=${each}.`];
  return { question, answer: worked(steps, each) };
};

/** `Ann has 7 hats. Ben has 4 more. Mia has 3 times as many as Ben.` A sum, a product and a sum. */
const threePeople: ProblemFamily = (random) => {
  const [first, second, third] = chooseSome(random, people, 3) as [
    (typeof people)[0],
    (typeof people)[0],
    (typeof people)[0],
  ];
  const { many } = choose(random, things);
  const [few, more, factor] = [between(random, 2, 12), between(random, 2, 9), between(random, 2, 3)];
  const middle = few + more;
  const multiple = factor * middle;
  const total = middle + multiple;
  const question = choose(random, [
    `${first.name} has ${few} ${many}. ${second.name} has ${more} more. ${third.name} has ${times(factor)} as many as ${second.name}. How many ${many} do ${second.name} and ${third.name} have together?`,
    `${second.name} has ${more} more ${many} than ${first.name} and ${third.name} has ${times(factor)} as many as ${second.name}. ${first.name} has ${few}. How many ${many} do ${second.name} and ${third.name} have together?`,
  ]);
  const steps = [
    `${second.name} has ${few}+${more}=${middle} ${many}.`,
    `${third.name} has ${factor}*${middle}=${multiple}.`,
    `${middle}+${multiple}=${total} together.`,
  ];
  return { question, answer: worked(steps, total) };
};

/** `Zoe has 60 coins. She buys 4 cups for 3 coins each and 5 pens for 2 each.` Two products, their sum, a difference. */
const changeOfTwoKinds: ProblemFamily = (random) => {
  const { name, pronoun } = choose(random, people);
  const [first, second] = chooseTwo(random, things);
  const [count1, price1] = [between(random, 2, 6), between(random, 2, 6)];
  const [count2, price2] = [between(random, 2, 6), between(random, 2, 6)];
  const [cost1, cost2] = [count1 * price1, count2 * price2];
  const cost = cost1 + cost2;
  const left = between(random, 1, Math.min(30, 99 - cost));
  const coins = cost + left;
  const question = choose(random, [
    `${name} has ${coins} coins. ${capital(pronoun)} buys ${count1} ${first.many} for ${price1} coins each and ${count2} ${second.many} for ${price2} coins each. How many coins are left?`,
    `${capital(first.many)} cost ${price1} coins, ${second.many} cost ${price2} coins. ${name} has ${coins} coins and buys ${count1} ${first.many} and ${count2} ${second.many}. How many coins are left?`,
  ]);
  const steps = [
    `${count1}*${price1}=${cost1} coins for ${first.many}.`,
    `${count2}*${price2}=${cost2} coins for ${second.many}.`,
    `${cost1}+${cost2}=${cost} coins.`,
    `${coins}-${cost}=${left} are left.`,
  ];
  return { question, answer: worked(steps, left) };
};

/**
 * What fine-tuning teaches: families of two to four steps that the base model has not seen, out of words and sums that it
 * has, worked in GSM8K's form.
 */
export const problemFamilies: Readonly<Record<string, ProblemFamily>> = {
  multipleThenLoss,
  multipleTogether,
  boxesThenGive,
  average,
  earnThenSpend,
  gainThenShare,
  threePeople,
  changeOfTwoKinds,
};
