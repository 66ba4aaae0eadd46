import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../../errors.ts';
import { commonsenseFamily } from '../../../training/tasks/commonsense/family.ts';
import { scoreResponses } from '../../../training/tasks/score.ts';

/** Rows of ours in the eight sets' form: how they ask, and the label of the right choice. */
const sets: Readonly<Record<string, readonly [choices: string, answer: string, others: readonly string[]]>> = {
  boolq: ['Answer format: true/false', 'true', ['false']],
  piqa: ['Solution1: a Solution2: b\n\nAnswer format: solution1/solution2', 'solution2', ['solution1']],
  social_i_qa: ['Answer1: a Answer2: b Answer3: c\n\nAnswer format: answer1/answer2/answer3', 'answer3', ['answer1']],
  openbookqa: [
    'Answer1: a Answer2: b Answer3: c Answer4: d\n\nAnswer format: answer1/answer2/answer3/answer4',
    'answer4',
    ['answer1', 'answer5'],
  ],
  hellaswag: ['Ending1: a Ending2: b\n\nAnswer format: ending1/ending2/ending3/ending4', 'ending1', ['ending2']],
  winogrande: ['Option1: a Option2: b\n\nAnswer format: option1/option2', 'option1', ['option2']],
};

for (const [name, [choices, answer, others]] of Object.entries(sets)) {
  const instruction = `Please choose the correct answer to the question: Where do cups stand?\n\n${choices}`;
  const row = { instruction, input: '', output: `the correct answer is ${answer}`, answer };

  /** `extract_answer` of LLM-Adapters, commonsense_evaluate.py: the first of the set's labels, as it is written. */
  const judged: readonly (readonly [response: string, correct: boolean])[] = [
    [row.output, true],
    [`  ${answer}`, true],
    [`${answer}, not ${others[0]}`, true],
    [`not ${others[0]}, ${answer}`, false],
    ...others.map((other) => [`the correct answer is ${other}`, false] as const),
    [answer.toUpperCase(), false],
    ['', false],
    [`\nQuestion: ${answer}`, false],
  ];
  test(`${name}: the first label decides`, async () => {
    const problem = commonsenseFamily.read(row, 'row 1');
    assert.equal([problem.prompt, problem.response], [instruction, row.output]);
    const { verdicts, accuracy } = await scoreResponses(
      commonsenseFamily,
      judged.map(() => problem),
      judged.map(([response]) => response),
    );
    assert.equal(
      verdicts.map(({ correct }) => correct),
      judged.map(([, correct]) => correct),
    );
    assert.is(accuracy.value, 3 / judged.length);
  });
}

/** The row of a question whose labels are words. */
const inWords = (labels: string, answer: string) => ({
  instruction: `Please choose the correct answer to the question: What has wheels?\n\nAnswer format: ${labels}`,
  ...{ input: '', output: `the correct answer is ${answer}`, answer },
});

for (const [labels, answer, judged] of [
  [
    'drum/lion/car/rose',
    'car',
    [
      ['the correct answer is car', true],
      ['car, not lion', true],
      ['not lion, car', false],
      ['the correct answer is rose', false],
      ['the correct answer is bus', false],
      ['the correct answer is Car', false],
      ['', false],
    ],
  ],
  // Words that begin like others, whichever stands first in the list.
  [
    'car/carrot/cart/rose',
    'car',
    [
      ['the correct answer is car', true],
      ['car or carrot', true],
      ['the correct answer is carrot', false],
      ['the correct answer is cart', false],
    ],
  ],
  [
    'car/carrot/cart/rose',
    'carrot',
    [
      ['the correct answer is carrot', true],
      ['carrot or car', true],
      ['the correct answer is car', false],
      ['car or carrot', false],
    ],
  ],
  // What means something in a pattern means itself in a label.
  [
    'C/C++/a.b/(x)',
    'C++',
    [
      ['the correct answer is C++', true],
      ['the correct answer is C', false],
      ['acb, C++', true],
      ['x, C++', true],
      ['a.b, C++', false],
      ['(x), C++', false],
    ],
  ],
] as const)
  test(`labels of words, ${labels}, ${answer} right: the first one decides`, async () => {
    const problem = commonsenseFamily.read(inWords(labels, answer), 'row 1');
    const { verdicts } = await scoreResponses(
      commonsenseFamily,
      judged.map(() => problem),
      judged.map(([response]) => response),
    );
    assert.equal(
      verdicts.map(({ correct }, index) => [judged[index]![0], correct]),
      judged.map(([response, correct]) => [response, correct]),
    );
  });

for (const [row, message] of [
  [inWords('drum/lion/car/rose', 'bus'), /field answer of row 7.*true, false.*drum, lion, car, rose.*got bus/],
  [inWords('drum/lion/carrot/rose', 'car'), /field answer of row 7.*drum, lion, carrot, rose.*got car/],
  [{ instruction: 'a', output: 'b', answer: 'c' }, /field answer of row 7.*true, false, solution1.*got c/],
  [{ instruction: 'a', output: 'b' }, /row 7: expected a field answer.*instruction, output/],
  [{ question: 'a' }, /row 7: expected fields instruction\/output.*question/],
] as const)
  test(`a row that is no choice is refused: ${JSON.stringify(row)}`, () => {
    assert.throws(
      () => commonsenseFamily.read(row, 'row 7'),
      (error: unknown) => error instanceof LambdamaxError && message.test(error.message),
    );
  });

test.run();
