import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../../errors.ts';
import { boxedAnswer, sameAnswer } from '../../../training/tasks/math/boxedAnswer.ts';
import { mathFamily } from '../../../training/tasks/math/family.ts';
import { lastNumber, markedNumber } from '../../../training/tasks/math/gsm8k.ts';
import { sameStatedAnswer, statedAnswer } from '../../../training/tasks/math/metaMath.ts';
import { scoreResponses } from '../../../training/tasks/score.ts';

// Our own lines in the forms of the data sets, and what the code that is named beside them makes of them.

/** `extract_answer` of openai/grade-school-math, grade_school_math/dataset.py; `flexible-extract` of lm-eval's gsm8k. */
const numbers: readonly (readonly [text: string, marked: string | null, last: string | null])[] = [
  ['Ann has 3+4=<<3+4=7>>7 hats.\n#### 7', '7', '7'],
  ['#### 1,250', '1250', '1250'],
  ['#### -3', '-3', '-3'],
  ['#### 0.5 litres', '0.5', '0.5'],
  ['#### 12.', '12.', '12'],
  ['#### 7\n#### 8', '7', '8'],
  ['####7', null, '7'],
  ['#### $7', null, '7'],
  ['The answer is 18', null, '18'],
  ['She pays $1,300 in 2 weeks.', null, '2'],
  ['It costs $1,300.', null, '1300'],
  ['no number', null, null],
  ['#### x', null, null],
];
for (const [text, marked, last] of numbers)
  test(`GSM8K: the number of ${JSON.stringify(text)}`, () => {
    assert.is(markedNumber(text), marked);
    assert.is(lastNumber(text), last);
  });

/** `last_boxed_only_string` and `remove_boxed` of hendrycks/math. */
const boxes: readonly (readonly [text: string, answer: string | null])[] = [
  ['Thus $x = \\boxed{3}$.', '3'],
  ['First \\boxed{1}, then \\boxed{\\frac{1}{2}}.', '\\frac{1}{2}'],
  ['\\boxed{\\{1, {2}\\}} and }', '\\{1, {2}\\}'],
  ['so $\\boxed 7$ it is', '7'],
  ['\\boxed{1', null],
  ['\\boxed', null],
  ['3', null],
];
for (const [text, answer] of boxes)
  test(`MATH: the box of ${text}`, () => {
    assert.is(boxedAnswer(text), answer);
  });

/** `is_equiv` of hendrycks/math, modeling/math_equivalence.py. */
const same: readonly (readonly [left: string, right: string])[] = [
  ['\\frac{1}{2}', '\\dfrac12'],
  ['0.5', '\\frac{1}{2}'],
  ['.5', '1/2'],
  ['1/2', '\\tfrac1{2}'],
  ['-3/4', '\\frac{-3}{4}'],
  ['\\sqrt3', '\\sqrt{3}'],
  ['x = 5', '5'],
  ['k=5', '5'],
  ['(1, 2)', '\\left(1,2\\right)'],
  ['10\\%', '10'],
  ['\\$10', '10'],
  ['90^\\circ', '90'],
  ['90^{\\circ}', '90'],
  ['5\\text{ cm}', '5'],
  ['3\\!4', '34'],
  ['{.5}', '{0.5}'],
  ['\\frac1{72}', '\\frac{1}{72}'],
  ['', '%'],
  ['\\frac', '\\frac'],
];
const different: readonly (readonly [left: string, right: string])[] = [
  ['1', '2'],
  ['1,000', '1000'],
  ['0.50', '0.5'],
  ['2/4', '1/2'],
  ['02/4', '\\frac{2}{4}'],
  ['f(x) = 5', '5'],
  ['x', 'X'],
  ['\\frac', ''],
  ['\\sqrt', ''],
  ['1\\text{ a}\\text{ b}', '1'],
  ['a/2', '\\frac{a}{2}'],
  ['\\frac{1}2', '\\frac{1}{2}'],
];
for (const [left, right] of same)
  test(`MATH: ${left} is ${right}`, () => {
    assert.ok(sameAnswer(left, right) && sameAnswer(right, left));
  });
for (const [left, right] of different)
  test(`MATH: ${left} is not ${right}`, () => {
    assert.not(sameAnswer(left, right) || sameAnswer(right, left));
  });

/** `process_results` of meta-math/MetaMath, eval_math.py. */
const stated: readonly (readonly [text: string, answer: string | null])[] = [
  ['So 3 + 4 = 7.\n#### 7\nThe answer is: 7', '7'],
  ['The answer is: 7.', '7'],
  ['The answer is: $\\frac{1}{2}$.\nNext', '$\\frac{1}{2}$'],
  ['The answer is: 1\nThe answer is: 2 ', '2'],
  ['The answer is 7', null],
];
for (const [text, answer] of stated)
  test(`MetaMath: what ${JSON.stringify(text)} states`, () => {
    assert.is(statedAnswer(text), answer);
  });

/** `extract_answer_number` of eval_gsm8k.py where the reference is a whole number, `is_equiv` elsewhere. */
const judged: readonly (readonly [reference: string, answer: string, correct: boolean])[] = [
  ['1000', '1,000', true],
  ['7', '7.0 hats', true],
  ['7', '14/2', true],
  ['2', '2.5', true],
  ['4', '3.5', true],
  ['3', '/3', false],
  ['7', 'seven', false],
  ['-7', '-7', true],
  ['\\frac{1}{2}', '0.5', true],
  ['\\frac{1}{2}', '1', false],
];
for (const [reference, answer, correct] of judged)
  test(`MetaMath: ${answer} for ${reference} is ${correct ? 'right' : 'wrong'}`, () => {
    assert.is(sameStatedAnswer(reference, answer), correct);
  });

const rows = [
  { question: 'How many?', answer: '3+4=<<3+4=7>>7\n#### 7' },
  { query: 'How many?', response: '3+4=7\n#### 7\nThe answer is: 7', type: 'GSM_Rephrased', original_question: '' },
  { problem: 'Find $x$.', solution: 'It is $\\boxed{7}$.', level: 'Level 1', type: 'Algebra' },
  { instruction: 'How many?', input: 'Three and four.', output: 'It is 7.\n#### 7' },
];
for (const row of rows)
  test(`the family reads ${Object.keys(row).join(', ')}, and its own responses are right`, async () => {
    const problem = mathFamily.read(row, 'row 1');
    assert.is(problem.prompt, Object.values(row)[0] + ('input' in row ? `\n${row.input}` : ''));
    const { accuracy, metrics } = await scoreResponses(
      mathFamily,
      [problem, problem],
      [problem.response, 'I do not know.'],
    );
    assert.is(accuracy.value, 0.5);
    for (const { value, count } of Object.values(metrics)) assert.equal([value, count], [0.5, 2]);
  });

test('what a model goes on to ask itself is not judged', async () => {
  const problem = mathFamily.read(rows[0]!, 'row 1');
  const { accuracy } = await scoreResponses(mathFamily, [problem], ['So: 7\nQuestion: more?\nAnswer: #### 7']);
  assert.is(accuracy.value, 0);
});

test("the little world's problems are GSM8K's", async () => {
  const drawn = mathFamily.generate!({ split: 'test', count: 20, seed: 3 });
  const read = drawn.map((row, index) => mathFamily.read(row, `row ${index + 1}`));
  const { accuracy, metrics } = await scoreResponses(
    mathFamily,
    read,
    read.map(({ response }) => response),
  );
  assert.equal([accuracy.value, metrics.flexible!.value], [1, 1]);
});

const unreadable: readonly (readonly [row: Record<string, unknown>, message: RegExp])[] = [
  [{ question: 'How many?', answer: '7' }, /row 3.*final answer.*#### .*got 7/],
  [{ question: 'How many?' }, /row 3.*question\/answer, or query\/response.*got question/],
  [{ question: 'How many?', answer: 7 }, /field answer of row 3.*a text.*7/],
];
for (const [row, message] of unreadable)
  test(`a row that is no problem is refused: ${JSON.stringify(row)}`, () => {
    assert.throws(
      () => mathFamily.read(row, 'row 3'),
      (error: unknown) => error instanceof LambdamaxError && message.test(error.message),
    );
  });

test('every problem needs its response', async () => {
  const problem = mathFamily.read(rows[0]!, 'row 1');
  for (const asked of [[], [problem]])
    try {
      await scoreResponses(mathFamily, asked, asked.length === 0 ? [] : ['', '']);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, LambdamaxError);
      assert.match((error as Error).message, /task math: expected a response to each of/);
    }
});

test.run();
