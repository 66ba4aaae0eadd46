import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../../errors.ts';
import { codeFamily } from '../../../training/tasks/code/family.ts';
import { scoreResponses } from '../../../training/tasks/score.ts';

const right = '  return numbers.filter((x) => x > limit).length;\n}\n';
const wrong = '  return numbers.filter((x) => x >= limit).length;\n}\n';
const comment = '// How many of the numbers are greater than the limit?\n';

/** One problem of ours, in the forms of the data sets that have JavaScript. */
const rows = {
  // openai/human-eval, with `check(candidate)`
  HumanEval: {
    ...{ task_id: 'ours/0', prompt: `${comment}function countAbove(numbers, limit) {\n`, entry_point: 'countAbove' },
    canonical_solution: right,
    test: `const assert = require('assert');
      function check(candidate) {
        assert.strictEqual(candidate([1, 2, 3], 1), 2);
        assert.strictEqual(candidate([], 1), 0);
      }`,
  },
  // zai-org/CodeGeeX, data/humaneval-x/js
  'HumanEval-X': {
    ...{ task_id: 'JavaScript/0', declaration: 'const countAbove = (numbers, limit) => {\n' },
    prompt: `/* ${comment.slice(3, -1)} */\nconst countAbove = (numbers, limit) => {\n`,
    canonical_solution: right,
    test: `const testCountAbove = () => {
        console.assert(countAbove([1, 2, 3], 1) === 2)
        console.assert(countAbove([], 1) === 0)
      }

      testCountAbove()`,
  },
  // nuprl/MultiPL-E, humaneval-js
  'MultiPL-E': {
    ...{ name: 'ours_0', language: 'js', prompt: `//${comment}function countAbove(numbers, limit){\n` },
    ...{ stop_tokens: ['\nfunction ', '\n/*', '\n//', '\nconsole.log'] },
    tests: `const assert = require('node:assert');
      function test() {
        let candidate = countAbove;
        assert.deepEqual(candidate([1, 2, 3], 1), 2);
        assert.deepEqual(candidate([], 1), 0);
      }

      test();`,
  },
};

for (const [name, row] of Object.entries(rows)) {
  const whole = `function countAbove(numbers, limit) {\n${right}`;
  const responses: readonly (readonly [response: string, passes: boolean])[] = [
    [right, true],
    [wrong, false],
    ['', false],
    [`${right}\nfunction more() { throw`, true],
    [`${right}\n// and so on (`, true],
    [`Here it is:\n\`\`\`js\n${whole}\n\`\`\`\nIt filters.`, true],
    [`\`\`\`\n${right}\n\`\`\``, true],
    [`\`\`\`javascript\n${whole}`, true],
    [`\`\`\`js\nfunction countAbove(numbers, limit) {\n${wrong}\n\`\`\``, false],
    ['  for (;;);\n}\n', false],
    ['  return require("fs");\n}\n', false],
    ['  return 2;\n}\n/*', false],
    ['  return 2;\n}\nthrow 1;', false],
  ];
  test(`${name}: a response passes if its tests do`, async () => {
    const problem = codeFamily.read(row, 'row 1');
    assert.is(problem.prompt, row.prompt);
    const { verdicts } = await scoreResponses(
      codeFamily,
      responses.map(() => problem),
      responses.map(([response]) => response),
    );
    for (const [index, [response, passes]] of responses.entries())
      assert.is(verdicts[index]!.correct, passes, response);
  });
}

test('the solution of a row is its response', () => {
  assert.is(codeFamily.read(rows.HumanEval, 'row 1').response, right);
  assert.is(codeFamily.read(rows['MultiPL-E'], 'row 1').response, undefined);
});

test('Code Alpaca: instructions to train on, which nothing can judge', async () => {
  const row = { instruction: 'Double the number.', input: 'x = 3', output: 'const y = 2 * x;' };
  const problem = codeFamily.read(row, 'row 5 of a.json');
  assert.equal([problem.prompt, problem.response], ['Double the number.\nx = 3', row.output]);
  try {
    await codeFamily.judge([problem], ['']);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, LambdamaxError);
    assert.match((error as Error).message, /row 5 of a\.json: expected fields prompt and test/);
  }
});

const { HumanEval } = rows;
for (const [row, message] of [
  [
    { ...HumanEval, prompt: 'def f(x):\n', test: 'def check(candidate):\n' },
    /row 2.*JavaScript, got Python.*MultiPL-E/,
  ],
  [{ ...HumanEval, language: 'rb' }, /row 2.*JavaScript, got rb/],
  [{ ...HumanEval, entry_point: 'f); throw (1' }, /entry_point of row 2.*a function's name/],
  [{ prompt: 'function f() {' }, /row 2: expected a field test/],
  [{ question: 'a', answer: 'b' }, /row 2: expected fields instruction\/output/],
] as const)
  test(`a row that is no such problem is refused: ${message.source}`, () => {
    assert.throws(
      () => codeFamily.read(row, 'row 2'),
      (error: unknown) => error instanceof LambdamaxError && message.test(error.message),
    );
  });

test.run();
