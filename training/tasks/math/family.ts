import { LambdamaxError } from '../../../errors.ts';
import { drawRows } from '../draw.ts';
import { type FieldPair, textPair } from '../fields.ts';
import type { TaskFamily, TaskProblem, Verdict } from '../task.ts';
import { choose } from '../world/words.ts';
import { boxedAnswer, sameAnswer } from './boxedAnswer.ts';
import { problemFamilies } from './families.ts';
import { lastNumber, markedNumber } from './gsm8k.ts';
import { sameStatedAnswer, statedAnswer } from './metaMath.ts';

/** A word problem whose final answer decides. */
export interface MathProblem extends TaskProblem {
  readonly response: string;
  judge(response: string): Verdict;
}

/** GSM8K and the little world, MetaMathQA, MATH, Alpaca. */
const pairs: readonly FieldPair[] = [
  ['question', 'answer'],
  ['query', 'response'],
  ['problem', 'solution'],
  ['instruction', 'output'],
];

/** How a reference marks its final answer decides how responses are read. Null: it is not marked so. */
const styles: readonly ((reference: string) => MathProblem['judge'] | null)[] = [
  (reference) => {
    const wanted = statedAnswer(reference);
    if (wanted === null) return null;
    return (response) => {
      const answer = statedAnswer(response);
      return { correct: answer !== null && sameStatedAnswer(wanted, answer) };
    };
  },
  (reference) => {
    const wanted = markedNumber(reference);
    if (wanted === null) return null;
    return (response) => ({
      correct: markedNumber(response) === wanted,
      measures: { flexible: [lastNumber(response) === wanted] },
    });
  },
  (reference) => {
    const wanted = boxedAnswer(reference);
    if (wanted === null) return null;
    return (response) => {
      const answer = boxedAnswer(response);
      return { correct: answer !== null && sameAnswer(answer, wanted) };
    };
  },
];

/**
 * Mathematics in words, by the final answer: after `####` as in GSM8K (beside it `flexible`, the last number of a response,
 * as lm-evaluation-harness counts), in `\boxed{}` as in MATH, or after `The answer is: ` as in MetaMathQA.
 */
export const mathFamily: TaskFamily<MathProblem> = {
  name: 'math',
  metric: 'final answers that are right',
  template: 'Question: {prompt}\nAnswer:',
  stop: ['\nQuestion:'],
  read(row, subject) {
    const [prompt, response] = textPair(row, pairs, subject);
    for (const style of styles) {
      const judge = style(response);
      if (judge !== null) return { prompt, response, judge };
    }
    const expected = 'a final answer after "#### ", in \\boxed{} or after "The answer is: "';
    throw new LambdamaxError({ subject, expected, got: response.slice(-60) });
  },
  async judge(asked, responses) {
    return asked.map((problem, index) => problem.judge(responses[index]!));
  },
  generate: (request) =>
    drawRows(
      'math',
      request,
      (random) => {
        const [family, make] = choose(random, Object.entries(problemFamilies));
        return { ...make(random), family };
      },
      ({ question }) => question,
    ),
};
