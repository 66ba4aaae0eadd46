import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../../errors.ts';
import { splitOf } from '../../../training/tasks/draw.ts';
import { taskFamilies } from '../../../training/tasks/index.ts';
import { scoreResponses } from '../../../training/tasks/score.ts';
import type { TaskSplit } from '../../../training/tasks/task.ts';
import { relations } from '../../../training/tasks/world/facts.ts';

const splits: readonly TaskSplit[] = ['train', 'validation', 'test'];
const fixture = (name: string) => readFileSync(new URL(`../../../fixtures/tasks/${name}`, import.meta.url), 'utf8');

for (const family of taskFamilies) {
  const { name } = family;
  const generate = family.generate!;
  const problemsOf = (split: TaskSplit, count: number, seed: number) =>
    generate({ split, count, seed }).map((row, index) => family.read(row, `row ${index + 1}`));

  test(`${name}: its own responses are right, and those of other problems mostly wrong`, async () => {
    const problems = problemsOf('test', 200, 4);
    const responses = problems.map(({ response }) => response!);
    const { accuracy, metrics } = await scoreResponses(family, problems, responses);
    assert.is(accuracy.value, 1);
    for (const share of Object.values(metrics)) assert.is(share.value, 1);
    const others = await scoreResponses(family, problems, [...responses.slice(1), responses[0]!]);
    assert.ok(others.accuracy.value < 0.4, `${others.accuracy.value} of other problems' responses pass`);
    const none = await scoreResponses(
      family,
      problems,
      responses.map(() => ''),
    );
    assert.is(none.accuracy.value, 0);
  });

  test(`${name}: the splits share no problem, whatever the seeds, and none has one twice`, () => {
    const seen = new Map<string, TaskSplit>();
    for (const split of splits)
      for (const seed of [0, 1, 2]) {
        const prompts = problemsOf(split, 300, seed).map(({ prompt }) => prompt);
        assert.is(new Set(prompts).size, 300);
        for (const prompt of prompts) {
          assert.is(seen.get(prompt) ?? split, split, prompt);
          assert.is(splitOf(prompt), split);
          seen.set(prompt, split);
        }
      }
  });

  test(`${name}: the same seed gives the same problems, another seed others, and fewer are a prefix`, () => {
    const first = generate({ split: 'train', count: 50, seed: 1 });
    assert.equal(generate({ split: 'train', count: 50, seed: 1 }), first);
    assert.equal(generate({ split: 'train', count: 20, seed: 1 }), first.slice(0, 20));
    assert.not.equal(generate({ split: 'train', count: 50, seed: 2 }), first);
  });

  test(`${name}: counts that are none are refused`, () => {
    for (const count of [-1, 2.5, Number.NaN, 100_001])
      assert.throws(
        () => generate({ split: 'train', count, seed: 0 }),
        (error: unknown) => error instanceof LambdamaxError && error.message.endsWith(`got ${count}`),
      );
  });

  for (const [split, count] of [
    ['train', 1000],
    ['validation', 200],
    ['test', 500],
  ] as const)
    test(`${name}: the stored split ${split} is what the generator writes today`, () => {
      const rows = generate({ split, count, seed: 1 });
      const stored = fixture(`${name}-${split}.jsonl`);
      assert.is(rows.map((row) => `${JSON.stringify(row)}\n`).join(''), stored);
      const digest = createHash('sha256').update(stored).digest('hex');
      assert.ok(fixture('SHA256SUMS').includes(`${digest}  ${name}-${split}.jsonl\n`));
    });
}

test('a question of commonsense has one right answer, and no choice twice', () => {
  const commonsense = taskFamilies.find(({ name }) => name === 'commonsense')!;
  for (const row of commonsense.generate!({ split: 'train', count: 500, seed: 6 })) {
    const instruction = row.instruction as string;
    const [, question] = /question: (.*\?)\n/.exec(instruction)!;
    const options = /Answer format: (.*)$/.exec(instruction)![1]!.split('/');
    assert.is(new Set(options).size, 4, instruction);
    const asked = relations.flatMap((relation) =>
      Array.from(relation.facts, ([subject, answer]) => ({ relation, subject, answer })).filter(({ subject }) =>
        relation.questions.some((make) => make(subject) === question),
      ),
    );
    assert.is(asked.length, 1, question);
    assert.ok(options.includes(row.answer as string), instruction);
    assert.is(row.answer, asked[0]!.answer, instruction);
  }
});

test.run();
