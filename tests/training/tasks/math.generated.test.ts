import { evaluate } from 'mathjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { problemFamilies, type WorldProblem } from '../../../training/tasks/math/families.ts';
import { mathFamily } from '../../../training/tasks/math/family.ts';

const problems = (['train', 'validation', 'test'] as const).flatMap(
  (split) => mathFamily.generate!({ split, count: 600, seed: 3 }) as readonly unknown[] as WorldProblem[],
);

/** The numbers of a text, in order; `twice` is a 2. */
function numbersOf(text: string): number[] {
  return Array.from(text.replace('twice', '2').matchAll(/\d+/g), ([digits]) => Number(digits));
}

type Solver = (numbers: readonly number[], question: string) => number;

/** The answers by another route: from the numbers as they stand in the question, as a reader would solve it. */
const solvers: Readonly<Record<string, Solver>> = {
  multipleThenLoss: ([few, factor, lost]) => few! * factor! - lost!,
  multipleTogether: ([few, factor]) => few! + few! * factor!,
  boxesThenGive: ([boxes, each, given]) => boxes! * each! - given!,
  average: ([a, b]) => (a! + b!) / 2,
  earnThenSpend: ([a, b, cost]) => a! * b! - cost!,
  gainThenShare: ([start, more, groups]) => (start! + more!) / groups!,
  threePeople: ([a, b, c], question) => {
    const [few, more, factor] = question.includes(' than ') ? [c!, a!, b!] : [a!, b!, c!];
    return (few + more) * (1 + factor);
  },
  changeOfTwoKinds: ([a, b, c, d, e], question) =>
    question.includes(' cost ') ? c! - a! * d! - b! * e! : a! - b! * c! - d! * e!,
};

function finalNumber({ answer }: WorldProblem): number {
  return Number(/\n#### (\d+)$/.exec(answer)?.[1]);
}

test('every worked step is right, and the last one is the answer', () => {
  for (const { answer, ...problem } of problems) {
    const equations = Array.from(
      answer.matchAll(/(\d+[-+*/]\d+)=(\d+)/g),
      ([, left, right]) => [left!, right!] as const,
    );
    assert.ok(equations.length >= 2 && equations.length <= 4, answer);
    assert.is(answer.split('\n').length, equations.length + 1);
    for (const [expression, stated] of equations) assert.is(evaluate(expression), Number(stated), answer);
    assert.is(Number(equations.at(-1)![1]), finalNumber({ answer, ...problem }), answer);
  }
});

test("the answer is the one that the question's own numbers give", () => {
  for (const problem of problems)
    assert.is(
      solvers[problem.family]!(numbersOf(problem.question), problem.question),
      finalNumber(problem),
      `${problem.question}\n${problem.answer}`,
    );
});

test('no number is above 99 or a fraction', () => {
  for (const { question, answer } of problems) {
    const text = `${question}\n${answer}`;
    assert.ok(
      numbersOf(text).every((number) => number <= 99),
      text,
    );
    assert.not.match(text, /[\d.]\.\d|-\d+=-|undefined|NaN/);
  }
});

test('all families of problems occur, and no other', () => {
  assert.equal([...new Set(problems.map(({ family }) => family))].sort(), Object.keys(problemFamilies).sort());
});

test.run();
