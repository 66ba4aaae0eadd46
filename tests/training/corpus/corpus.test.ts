import { createHash } from 'node:crypto';
import { evaluate } from 'mathjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { corpusDocument, corpusDocuments } from '../../../training/corpus/corpus.ts';
import { relations } from '../../../training/tasks/world/facts.ts';
import { capital } from '../../../training/tasks/world/words.ts';

const corpus = [...corpusDocuments(5, 6000)];

test('every equation of the corpus is right', () => {
  const equations = corpus.flatMap((text) =>
    Array.from(text.matchAll(/(\d+[-+*/]\d+)(?:=|\? The correct answer is )(\d+)/g), ([, left, right]) => [
      left!,
      right!,
    ]),
  );
  assert.ok(equations.length > 6000);
  for (const [expression, stated] of equations) assert.is(evaluate(expression!), Number(stated), expression);
});

/** What the corpus says in words: the sentence, and whether its numbers agree. */
const sayings: readonly [RegExp, (...numbers: number[]) => boolean][] = [
  [/(\d+) is (\d+) times as many as (\d+)\./g, (a, b, c) => a === b! * c!],
  [/(\d+) is twice as many as (\d+)\./g, (a, b) => a === 2 * b!],
  [/On average (\d+) and (\d+) is (\d+)\./g, (a, b, c) => a! + b! === 2 * c!],
  [/has (\d+) \w+\. \w+ has (\d+) \w+\. Together they have (\d+)/g, (a, b, c) => a! + b! === c],
  [/had (\d+) \w+ and got (\d+) more\. Now \w+ has (\d+)\./g, (a, b, c) => a! + b! === c],
  [/had (\d+) \w+, but \w+ loses (\d+)\. Now \w+ has (\d+)/g, (a, b, c) => a! - b! === c],
  [/has (\d+) \w+\. \w+ has (\d+) times as many: (\d+)/g, (a, b, c) => a! * b! === c],
  [/has (\d+) \w+\. \w+ has twice as many: (\d+)/g, (a, b) => 2 * a! === b],
  [/has (\d+) \w+\. \w+ has (\d+) more than \w+: (\d+)/g, (a, b, c) => a! + b! === c],
  [/(\d+) \w+ are (\d+) boxes of (\d+), and (\d+) left over/g, (a, b, c, d) => a === b! * c! + d! && d! < c!],
  [/costs (\d+) coins\. For (\d+) \w+ \w+ pays (\d+) coins/g, (a, b, c) => a! * b! === c],
  [/\w+ (\d+) \w+ each hour\. In (\d+) hours that is (\d+)\./g, (a, b, c) => a! * b! === c],
  [/finds (\d+): (\d+)\. Then \w+ sold (\d+): (\d+)/g, (a, b, c, d) => a! < b! && b! - c! === d],
  [/has (\d+) \w+ and gives half of them away\. (\d+) are left/g, (a, b) => a === 2 * b!],
];
for (const [pattern, holds] of sayings)
  test(`the corpus tells the truth: ${pattern.source}`, () => {
    const found = corpus.flatMap((text) => [...text.matchAll(pattern)]);
    assert.ok(found.length >= 20, `only ${found.length} such sentences`);
    for (const [sentence, ...numbers] of found) assert.ok(holds(...numbers.map(Number)), sentence);
  });

test('every fact is stated, asked and answered, and no question has another answer', () => {
  const texts = [...corpusDocuments(6, 30_000)].join('\n');
  const answers = new Map<string, string>();
  for (const [, question, answer] of texts.matchAll(/Question: (.*\?)\nAnswer: (.*)\./g)) {
    assert.is(answers.get(question!) ?? answer, answer, question);
    answers.set(question!, answer!);
  }
  for (const { facts, statements, questions } of relations)
    for (const [subject, answer] of facts) {
      assert.ok(
        statements.some((say) => texts.includes(capital(say(subject, answer)))),
        `${subject}: ${answer}`,
      );
      const asked = questions.flatMap((ask) => answers.get(ask(subject)) ?? []);
      assert.ok(asked.length > 0, subject);
      for (const given of asked) assert.is(given, answer);
    }
});

test("no document shows the form of a task: what fine-tuning teaches is not in the base's world", () => {
  for (const text of corpus)
    assert.not.match(text, /####|Please choose|Answer format|\/\*|solve\(|P\.S\. at the end|, then /);
});

test('a document depends on its seed and index alone', () => {
  const backwards = [3, 2, 1, 0].map((index) => corpusDocument(5, index));
  assert.equal(backwards.reverse(), corpus.slice(0, 4));
  assert.is.not(corpusDocument(6, 0), corpusDocument(5, 0));
});

test('the first thousand documents of seed 0 are the ones that the bundled base was trained on', () => {
  const digest = createHash('sha256')
    .update([...corpusDocuments(0, 1000)].join('\n\n'))
    .digest('hex');
  assert.is(digest, '91f0f6f2f34936ebc3472d9b5ed9ad70d1777bd6ff6259a97f16359e2ab79176');
});

test.run();
