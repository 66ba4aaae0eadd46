import type { RandomStream } from '../../../compute/random.ts';
import { between, capital, choose } from '../world/words.ts';
import { lastSteps, listSteps } from './steps.ts';

/** A row in the format of HumanEval, in JavaScript. */
export type FunctionRow = {
  readonly prompt: string;
  readonly entry_point: string;
  readonly canonical_solution: string;
  readonly test: string;
};

const [middle, last] = [Object.values(listSteps), Object.values(lastSteps)];
const entryPoint = 'solve';

/** A function of two steps to write from a comment, with five calls to test it by. */
export function functionRow(random: RandomStream): FunctionRow {
  const first = choose(random, middle)(random);
  const second = choose(random, random.uniform() < 0.5 ? middle : last)(random);
  const lists = Array.from({ length: 5 }, () => numbers(random));
  const results = lists.map((list) => show(second.apply(first.apply(list))));
  // Steps that leave nothing of any list, or all of it, would let other functions pass.
  if (new Set(results).size < 2) return functionRow(random);
  const calls = lists.map((list, index) => `  assert.deepStrictEqual(candidate(${show(list)}), ${results[index]});`);
  return {
    prompt: `/* ${capital(first.words)}, then ${second.words}. */\nfunction ${entryPoint}(list) {\n`,
    entry_point: entryPoint,
    canonical_solution: `  return list${first.code}${second.code};\n}`,
    test: `const assert = require('assert');\nfunction check(candidate) {\n${calls.join('\n')}\n}`,
  };
}

function numbers(random: RandomStream): number[] {
  return Array.from({ length: between(random, 4, 8) }, () => between(random, 0, 12));
}

function show(value: unknown): string {
  return JSON.stringify(value).replaceAll('"', "'").replaceAll(',', ', ');
}
