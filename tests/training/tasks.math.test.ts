import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { evaluate } from 'mathjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../errors.ts';
import { corpusDocument, corpusDocuments } from '../../training/tasks/math/corpus.ts';
import { finetuningFamilies } from '../../training/tasks/math/finetuningFamilies.ts';
import { pretrainingFamilies } from '../../training/tasks/math/pretrainingFamilies.ts';
import { type Problem, textOf } from '../../training/tasks/math/problem.ts';
import { type FamilySet, problemLines, problems, type Split, splitOf } from '../../training/tasks/math/problems.ts';

const familySets: readonly FamilySet[] = ['pretraining', 'finetuning'];
const splits: readonly Split[] = ['train', 'validation', 'test'];

/** The numbers of a text, in order; `twice` is a 2. */
function numbersOf(text: string): number[] {
  return Array.from(text.replace('twice', '2').matchAll(/\d+/g), ([digits]) => Number(digits));
}

type Solver = (numbers: readonly number[], question: string) => number;

/** The answers by another route: from the numbers as they stand in the question, as a reader would solve it. */
const solvers: Record<string, Solver> = {
  gain: ([a, b]) => a! + b!,
  giveAway: ([a, b]) => Math.abs(a! - b!),
  buy: ([a, b]) => a! * b!,
  change: ([a, b, c], question) => (question.includes('Before') ? c! - a! * b! : a! - b! * c!),
  buyTwoKinds: ([a, b, c, d], question) => (question.includes(' cost ') ? a! * c! + b! * d! : a! * b! + c! * d!),
  share: ([a, b]) => a! / b!,
  compare: ([a, b]) => a! - b!,
  together: ([a, b]) => a! + b!,
  rate: ([a, b], question) => (question.includes('How many hours') ? b! / a! : a! * b!),
  gainThenGive: ([a, b, c]) => a! + b! - c!,
  multipleThenLoss: ([a, b, c], question) => (question.includes(', then ') ? a! * c! - b! : a! * b! - c!),
  // Together: the product and the number that is multiplied, which is the one without `times`.
  multipleTogether: ([a, b], question) => a! * b! + (/^\w+ has (twice|\d+ times)/.test(question) ? b! : a!),
  leftOver: ([a, b], question) => (question.startsWith('In each') ? b! % a! : a! % b!),
  average: ([a, b]) => (a! + b!) / 2,
};

/** Every equation `3*4=12` of a text: its left side, and what it says the result is. */
function equationsOf(text: string): { expression: string; stated: number }[] {
  return Array.from(text.matchAll(/(\d+(?:[-+*/]\d+)+)=(\d+)/g), ([, expression, stated]) => ({
    expression: expression!,
    stated: Number(stated),
  }));
}

function finalNumber({ answer }: Problem): number {
  return Number(/#### (\d+)$/.exec(answer)?.[1]);
}

function drawn(families: FamilySet, count: number): Problem[] {
  return splits.flatMap((split) => problems({ families, split, count, seed: 3 }));
}

for (const families of familySets) {
  const sample = drawn(families, 600);

  test(`${families}: every worked step is right, and the last one is the answer`, () => {
    for (const problem of sample) {
      const equations = equationsOf(problem.answer);
      assert.ok(equations.length >= 1 && equations.length <= 3, problem.answer);
      for (const { expression, stated } of equations) assert.is(evaluate(expression), stated, problem.answer);
      assert.is(equations.at(-1)!.stated, finalNumber(problem), problem.answer);
    }
  });

  test(`${families}: the answer is the one that the question's own numbers give`, () => {
    for (const problem of sample) {
      const solve = solvers[problem.family]!;
      assert.is(solve(numbersOf(problem.question), problem.question), finalNumber(problem), textOf(problem));
    }
  });

  test(`${families}: no number is above 99 or a fraction`, () => {
    for (const problem of sample) {
      assert.ok(
        numbersOf(textOf(problem)).every((number) => number <= 99),
        textOf(problem),
      );
      assert.not.match(textOf(problem), /[\d.]\.\d|-\d+=-|undefined|NaN/);
    }
  });

  test(`${families}: all its families occur, and no other`, () => {
    const expected = Object.keys(families === 'pretraining' ? pretrainingFamilies : finetuningFamilies);
    assert.equal([...new Set(sample.map(({ family }) => family))].sort(), [...expected].sort());
  });

  test(`${families}: the splits share no question, whatever the seeds, and none has one twice`, () => {
    const seen = new Map<string, Split>();
    for (const split of splits) {
      for (const seed of [0, 1, 2]) {
        const rows = problems({ families, split, count: 300, seed });
        assert.is(new Set(rows.map(({ question }) => question)).size, 300);
        for (const { question } of rows) {
          assert.is(seen.get(question) ?? split, split, question);
          assert.is(splitOf(question), split);
          seen.set(question, split);
        }
      }
    }
  });

  test(`${families}: the same seed gives the same problems, another seed others, and fewer are a prefix`, () => {
    const first = problems({ families, split: 'train', count: 50, seed: 1 });
    assert.equal(problems({ families, split: 'train', count: 50, seed: 1 }), first);
    assert.equal(problems({ families, split: 'train', count: 20, seed: 1 }), first.slice(0, 20));
    assert.not.equal(problems({ families, split: 'train', count: 50, seed: 2 }), first);
  });
}

test('the fine-tuning families are not among those of pre-training, in name or in form', () => {
  for (const family of Object.keys(finetuningFamilies)) assert.not(family in pretrainingFamilies);
  const chain = /^x=[^ ;]+=\d+; y=[^ ;]+=\d+; #### \d+$/;
  for (const { answer } of drawn('finetuning', 100)) assert.match(answer, chain);
  for (const { answer } of drawn('pretraining', 100)) assert.not.match(answer, /[xy]=|;/);
});

for (const count of [-1, 2.5, Number.NaN, 100_001]) {
  test(`problems refuses a count of ${count}`, () => {
    assert.throws(
      () => problems({ families: 'finetuning', split: 'train', count, seed: 0 }),
      (error: unknown) => error instanceof LambdamaxError && error.message.includes(`got ${count}`),
    );
  });
}

const corpus = [...corpusDocuments(5, 4000)];

test('every equation of the corpus is right', () => {
  const equations = corpus.flatMap(equationsOf);
  assert.ok(equations.length > 4000);
  for (const { expression, stated } of equations) assert.is(evaluate(expression), stated, expression);
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
  [/(\d+) \w+ are (\d+) boxes of (\d+), and (\d+) left over/g, (a, b, c, d) => a === b! * c! + d! && d! < c!],
  [/costs (\d+) coins\. For (\d+) \w+ \w+ pays (\d+) coins/g, (a, b, c) => a! * b! === c],
  [/\w+ (\d+) \w+ each hour\. In (\d+) hours that is (\d+)\./g, (a, b, c) => a! * b! === c],
];

for (const [pattern, holds] of sayings) {
  test(`the corpus tells the truth: ${pattern.source}`, () => {
    const found = corpus.flatMap((text) => [...text.matchAll(pattern)]);
    assert.ok(found.length >= 20, `only ${found.length} such sentences`);
    for (const [sentence, ...numbers] of found) assert.ok(holds(...numbers.map(Number)), sentence);
  });
}

test('a document depends on its seed and index alone', () => {
  const backwards = [3, 2, 1, 0].map((index) => corpusDocument(5, index));
  assert.equal(backwards.reverse(), corpus.slice(0, 4));
  assert.is.not(corpusDocument(6, 0), corpusDocument(5, 0));
});

test('the corpus holds problems of the pre-training families, and of their split train only', () => {
  const questions = corpus.flatMap((text) => /^Question: (.*)\nAnswer: /.exec(text)?.[1] ?? []);
  assert.ok(Math.abs(questions.length / corpus.length - 0.7) < 0.03, `${questions.length} problems`);
  for (const question of questions) assert.is(splitOf(question), 'train', question);
  for (const text of corpus) assert.not.match(text, /[xy]=/);
});

test('the first thousand documents of seed 0 are the ones that the bundled base was trained on', () => {
  const digest = createHash('sha256')
    .update([...corpusDocuments(0, 1000)].join('\n\n'))
    .digest('hex');
  assert.is(digest, 'ebdf8377ef8e22b0983c68f5bbe432aacd7f56b61d9ae90629df2c6b5f9729dd');
});

for (const [split, count] of [
  ['train', 512],
  ['validation', 128],
  ['test', 128],
] as const) {
  test(`fixtures/tasks/arithmetic-${split}.jsonl is what the generator writes today`, () => {
    const stored = readFileSync(new URL(`../../fixtures/tasks/arithmetic-${split}.jsonl`, import.meta.url), 'utf8');
    assert.is(problemLines(problems({ families: 'finetuning', split, count, seed: 1 })), stored);
  });
}

test.run();
