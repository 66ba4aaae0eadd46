import type { RandomStream } from '../../compute/random.ts';
import { people } from '../tasks/world/people.ts';
import { activities, places, things } from '../tasks/world/things.ts';
import { between, capital, choose, chooseTwo } from '../tasks/world/words.ts';
import type { Writer } from './writer.ts';

type WordProblem = (random: RandomStream) => { readonly question: string; readonly answer: string };

/** `Ann has 3 apples. She finds 5 more.` One step, a sum. */
const gain: WordProblem = (random) => {
  const { name, pronoun } = choose(random, people);
  const { many } = choose(random, things);
  const [start, more] = [between(random, 2, 60), between(random, 2, 35)];
  const where = choose(random, places);
  const question = choose(random, [
    `${name} has ${start} ${many}. ${capital(pronoun)} finds ${more} more. How many ${many} does ${name} have now?`,
    `${name} had ${start} ${many} and got ${more} more ${where}. How many ${many} does ${name} have now?`,
    `${capital(where)} ${name} buys ${more} ${many}. Before, ${pronoun} had ${start}. How many does ${name} have now?`,
  ]);
  return { question, answer: `${name} has ${start}+${more}=${start + more} ${many}.` };
};

/** `Ben has 9 pens. He gives 4 to Mia.` One step, a difference. */
const giveAway: WordProblem = (random) => {
  const [giver, taker] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const start = between(random, 4, 95);
  const given = between(random, 2, Math.min(start - 1, 40));
  const question = choose(random, [
    `${giver.name} has ${start} ${many}. ${capital(giver.pronoun)} gives ${given} to ${taker.name}. How many ${many} are left?`,
    `${giver.name} had ${start} ${many} and sold ${given} of them. How many ${many} are left?`,
    `${giver.name} gives ${given} of ${start} ${many} to ${taker.name}. How many ${many} does ${giver.name} have now?`,
  ]);
  const left = start - given;
  return { question, answer: `${giver.name} has ${start}-${given}=${left} ${many} left.` };
};

/** `Each cup costs 3 coins. Sam buys 4 cups.` One step, a product. */
const buy: WordProblem = (random) => {
  const { name } = choose(random, people);
  const { one, many } = choose(random, things);
  const [count, price] = [between(random, 2, 9), between(random, 2, 9)];
  const question = choose(random, [
    `Each ${one} costs ${price} coins. ${name} buys ${count} ${many}. How many coins does ${name} pay?`,
    `${name} buys ${count} ${many}. Each costs ${price} coins. How many coins is that?`,
    `How many coins does ${name} pay for ${count} ${many} if each ${one} costs ${price} coins?`,
  ]);
  return { question, answer: `${name} pays ${count}*${price}=${count * price} coins.` };
};

/** `Sam has 30 coins and buys 4 cups for 3 coins each.` Two steps, a product and a difference. */
const change: WordProblem = (random) => {
  const { name } = choose(random, people);
  const { many } = choose(random, things);
  const [count, price] = [between(random, 2, 9), between(random, 2, 9)];
  const cost = count * price;
  const coins = between(random, cost + 1, Math.min(cost + 30, 99));
  const question = choose(random, [
    `${name} has ${coins} coins and buys ${count} ${many} for ${price} coins each. How many coins are left?`,
    `${name} buys ${count} ${many} for ${price} coins each. Before, ${name} had ${coins} coins. How many are left?`,
  ]);
  const left = coins - cost;
  return {
    question,
    answer: `${name} pays ${count}*${price}=${cost} coins. ${coins}-${cost}=${left} coins are left.`,
  };
};

/** `Each pen costs 2 coins and each cup 3. Eva buys 4 pens and 2 cups.` Three steps, two products and their sum. */
const buyTwoKinds: WordProblem = (random) => {
  const { name } = choose(random, people);
  const [first, second] = chooseTwo(random, things);
  const [count1, price1] = [between(random, 2, 6), between(random, 2, 6)];
  const [count2, price2] = [between(random, 2, 6), between(random, 2, 6)];
  const [cost1, cost2] = [count1 * price1, count2 * price2];
  const question = choose(random, [
    `${name} buys ${count1} ${first.many} for ${price1} coins each and ${count2} ${second.many} for ${price2} coins each. How many coins does ${name} pay?`,
    `${capital(first.many)} cost ${price1} coins, ${second.many} cost ${price2} coins. How many coins does ${name} pay for ${count1} ${first.many} and ${count2} ${second.many}?`,
  ]);
  const steps = `${count1}*${price1}=${cost1} coins for ${first.many}. ${count2}*${price2}=${cost2} coins for ${second.many}.`;
  return { question, answer: `${steps} ${cost1}+${cost2}=${cost1 + cost2} coins.` };
};

/** `Leo has 12 eggs for 3 boxes.` One step, a division without rest. */
const share: WordProblem = (random) => {
  const { name } = choose(random, people);
  const { many } = choose(random, things);
  const [groups, each] = [between(random, 2, 9), between(random, 2, 9)];
  const total = groups * each;
  const question = choose(random, [
    `${name} puts ${total} ${many} in ${groups} boxes. How many ${many} are in each box?`,
    `${name} shares ${total} ${many} with ${groups} people. How many ${many} does each get?`,
    `${name} has ${total} ${many} for ${groups} boxes. How many ${many} are in each box?`,
  ]);
  return { question, answer: `Each gets ${total}/${groups}=${each} ${many}.` };
};

/** `Ann has 9 hats. Tom has 4 hats. How many more hats does Ann have?` One step, a difference. */
const compare: WordProblem = (random) => {
  const [rich, poor] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const less = between(random, 2, 60);
  const more = between(random, 2, 35);
  const great = less + more;
  const question = choose(random, [
    `${rich.name} has ${great} ${many}. ${poor.name} has ${less}. How many more ${many} does ${rich.name} have?`,
    `${rich.name} finds ${great} ${many} and ${poor.name} finds ${less}. How many more does ${rich.name} have?`,
    `How many more is ${great} ${many} than ${less} ${many}?`,
  ]);
  return { question, answer: `That is ${great}-${less}=${more} more ${many}.` };
};

/** `Mia has 6 cards. Zoe has 7.` One step, a sum. */
const together: WordProblem = (random) => {
  const [first, second] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const [a, b] = [between(random, 2, 50), between(random, 2, 49)];
  const question = choose(random, [
    `${first.name} has ${a} ${many}. ${second.name} has ${b}. How many ${many} do they have together?`,
    `${first.name} has ${a} ${many} and ${second.name} has ${b} ${many}. How many is that together?`,
    `${first.name} and ${second.name} find ${a} and ${b} ${many} ${choose(random, places)}. How many do they have together?`,
  ]);
  return { question, answer: `Together they have ${a}+${b}=${a + b} ${many}.` };
};

/** `Zoe makes 4 toys an hour.` One step, a product, or a division when the hours are asked for. */
const rate: WordProblem = (random) => {
  const { name } = choose(random, people);
  const { many } = choose(random, things);
  const verb = choose(random, activities);
  const [each, hours] = [between(random, 2, 9), between(random, 2, 9)];
  const total = each * hours;
  if (random.uniform() < 0.5) {
    const question = choose(random, [
      `${name} ${verb} ${each} ${many} each hour. How many ${many} is that in ${hours} hours?`,
      `In each hour ${name} ${verb} ${each} ${many}. How many ${many} is that in ${hours} hours?`,
    ]);
    return { question, answer: `In ${hours} hours that is ${hours}*${each}=${total} ${many}.` };
  }
  const question = choose(random, [
    `${name} ${verb} ${each} ${many} each hour. How many hours is that for ${total} ${many}?`,
    `In each hour ${name} ${verb} ${each} ${many}. How many hours is that for ${total} ${many}?`,
  ]);
  return { question, answer: `For ${total} ${many} that is ${total}/${each}=${hours} hours.` };
};

/** `Tom has 20 eggs, finds 5 more and gives 7 away.` Two steps, a sum and a difference. */
const gainThenGive: WordProblem = (random) => {
  const [giver, taker] = chooseTwo(random, people);
  const { many } = choose(random, things);
  const [start, more] = [between(random, 2, 50), between(random, 2, 30)];
  const given = between(random, 2, Math.min(start + more - 1, 30));
  const middle = start + more;
  const left = middle - given;
  const question = choose(random, [
    `${giver.name} has ${start} ${many}, finds ${more} more and gives ${given} to ${taker.name}. How many ${many} are left?`,
    `${giver.name} had ${start} ${many} and got ${more} more. Then ${giver.pronoun} sold ${given} of them. How many ${many} are left?`,
  ]);
  return {
    question,
    answer: `${giver.name} has ${start}+${more}=${middle} ${many}. Then ${middle}-${given}=${left} are left.`,
  };
};

const problems = { gain, giveAway, buy, change, buyTwoKinds, share, compare, together, rate, gainThenGive };

/** Word problems of one to three steps, worked out in sentences. */
export const wordProblems: readonly Writer[] = Object.values(problems).map((problem) => (random) => {
  const { question, answer } = problem(random);
  return `Question: ${question}\nAnswer: ${answer}`;
});
