import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../errors.ts';
import { evaluate } from '../../training/evaluate.ts';
import { evaluateTask } from '../../training/evaluateTask.ts';
import { generateTexts } from '../../training/generate/generateTexts.ts';
import { loadModel } from '../../training/model.ts';
import { bundledModel } from '../../training/package.ts';
import { readProblems, taskPrompts, taskTokenRows } from '../../training/taskData.ts';
import { instructionsFamily } from '../../training/tasks/instructions/family.ts';
import { mathFamily } from '../../training/tasks/math/family.ts';
import { beforeStop, scoreResponses } from '../../training/tasks/score.ts';
import type { TaskFamily, TaskProblem } from '../../training/tasks/task.ts';

const open = () => loadModel(bundledModel(), { threads: 1 });

/** Right is what begins as the response does. */
const echo: TaskFamily = {
  ...{ name: 'echo', metric: 'echoes', template: 'Question: {prompt}\nAnswer:', stop: ['\nQuestion:'] },
  read: (row) => row as unknown as TaskProblem,
  judge: async (problems, responses) =>
    problems.map(({ response }, index) => ({ correct: responses[index]!.trim().startsWith(response!.trim()) })),
};

test('accuracy is the judgement on what the model generates, beside the loss of the right responses', async () => {
  await using model = await open();
  const problems = await readProblems(mathFamily, { limit: 12 });
  const result = await evaluateTask(model, mathFamily, problems, { maxNewTokens: 40 });
  const texts = problems.map(({ prompt }) => `Question: ${prompt}\nAnswer:`);
  const generated = await generateTexts(model, texts, { maxNewTokens: 40 });
  assert.equal(
    result.responses,
    generated.map(({ text }) => text),
  );
  const score = await scoreResponses(mathFamily, problems, result.responses!);
  assert.equal([result.accuracy, result.metrics.flexible], [score.accuracy, score.metrics.flexible]);
  const rows = await taskTokenRows(model, mathFamily, problems);
  const { loss, tokens } = await evaluate(
    model,
    rows.map(({ row }) => row!),
  );
  assert.equal([result.loss!.loss, result.loss!.tokens], [loss, tokens]);
});

test('a response is exact if it is what greedy decoding writes to its end, and no other is', async () => {
  await using model = await open();
  const tokenizer = await model.tokenizer();
  const asked = await readProblems(mathFamily, { limit: 24, seed: 5 });
  const prompts = (await taskPrompts(model, echo, asked)).map(({ tokens }) => tokens);
  const own = await generateTexts(model, prompts, { maxNewTokens: 80 });
  // Those that came to an end before they asked something new, and whose text has no other tokens than those generated.
  const problems = asked.flatMap(({ prompt }, index) => {
    const { text, tokens, end } = own[index]!;
    const response = text.trim();
    const isWhole = end === 'stop' && beforeStop(text, echo.stop) === text;
    return isWhole && tokenizer.encode(` ${response}`).join() === tokens.join() ? [{ prompt, response }] : [];
  });
  assert.ok(problems.length >= 5, `only ${problems.length} answers came to an end`);
  const same = await evaluateTask(model, echo, problems, { exactOnly: true });
  assert.equal([same.exactMatch!.value, same.accuracy, same.responses], [1, null, undefined]);
  const others = problems.map(({ prompt, response }) => ({ prompt, response: `${response}!` }));
  assert.is((await evaluateTask(model, echo, others, { exactOnly: true })).exactMatch!.value, 0);
  const both = await evaluateTask(model, echo, [...problems, ...others], { maxNewTokens: 80 });
  assert.equal(
    both.correct,
    [...problems, ...others].map((_, index) => index < problems.length),
  );
  assert.equal([both.exactMatch!.value, both.accuracy!.value, both.metrics.exact], [0.5, 0.5, both.exactMatch]);
});

test('a response that is cut is not exact, and one that is cut away has no loss', async () => {
  await using model = await open();
  const [problem] = await readProblems(mathFamily, { limit: 1 });
  const [whole] = await taskTokenRows(model, mathFamily, [problem!]);
  const length = whole!.row!.inputIds.length;
  const prompt = whole!.row!.labels.indexOf(whole!.row!.labels.find((label) => label >= 0)!);
  for (const [maxLength, rows] of [
    [length, [length, false]],
    [length - 1, [length - 1, true]],
    [prompt, [undefined, true]],
  ] as const) {
    const [read] = await taskTokenRows(model, mathFamily, [problem!], { maxLength });
    assert.equal([read!.row?.inputIds.length, read!.isCut], rows);
  }
  const result = await evaluateTask(model, mathFamily, [problem!], { maxLength: prompt, exactOnly: true });
  assert.equal([result.exactMatch!.value, result.loss], [0, undefined]);
});

test('problems without responses have an accuracy and no loss, and cannot be exact', async () => {
  await using model = await open();
  const row = { prompt: 'Say it without commas.', instruction_id_list: ['punctuation:no_comma'], kwargs: [{}] };
  const problems = [instructionsFamily.read(row, 'row 1')];
  const result = await evaluateTask(model, instructionsFamily, problems, { maxNewTokens: 8 });
  assert.equal([result.loss, result.exactMatch], [undefined, null]);
  assert.not('exact' in result.metrics);
  try {
    await evaluateTask(model, instructionsFamily, problems, { exactOnly: true });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, LambdamaxError);
    assert.match((error as Error).message, /problem 1 of instructions: expected a response/);
  }
});

test('a chat template is the prompt of a model that has one, and an error for one that has none', async () => {
  await using model = await open();
  const problems = await readProblems(mathFamily, { limit: 2 });
  try {
    await taskPrompts(model, mathFamily, problems, { template: 'chat' });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /problem 1 of math: expected a model with a chat template/);
  }
});

test('the template alpaca is that of a task too', async () => {
  await using model = await open();
  const tokenizer = await model.tokenizer();
  const problems = await readProblems(mathFamily, { limit: 1 });
  const [{ tokens } = { tokens: [] }] = await taskPrompts(model, mathFamily, problems, { template: 'alpaca' });
  const text = tokenizer.decode(tokens!);
  assert.ok(text.startsWith('Below is an instruction'));
  assert.ok(text.endsWith(`### Instruction:\n${problems[0]!.prompt}\n\n### Response:`));
  const [read] = await taskTokenRows(model, mathFamily, problems, { template: 'alpaca' });
  assert.equal([...read!.row!.inputIds.slice(0, tokens!.length)], tokens);
});

test('a family without problems of its own asks for files', async () => {
  try {
    await readProblems(echo);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, LambdamaxError);
    assert.match((error as Error).message, /task echo: expected problems of its own, got none; .*files: `data`/);
  }
});

test.run();
