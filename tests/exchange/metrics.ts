// Our metrics against the originals, on the cases that metrics.py left in a folder: `metrics.ts FOLDER`. Our data must be what
// it made of the originals' too; `metrics.ts FOLDER write` replaces ours by it.
import { deepStrictEqual } from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { instructionsFamily } from '../../training/tasks/instructions/family.ts';
import { languageOf } from '../../training/tasks/instructions/languages.ts';
import { sentencesOf } from '../../training/tasks/instructions/sentences.ts';
import { tokensOf } from '../../training/tasks/instructions/words.ts';
import { boxedAnswer, sameAnswer } from '../../training/tasks/math/boxedAnswer.ts';
import { mathFamily } from '../../training/tasks/math/family.ts';
import type { TaskRow } from '../../training/tasks/task.ts';

interface Cases {
  readonly gsm8k: readonly {
    readonly reference: string;
    readonly response: string;
    readonly 'strict-match': boolean;
    readonly 'flexible-extract': boolean;
  }[];
  readonly math: readonly {
    readonly left: string;
    readonly right: string;
    readonly same: boolean;
    readonly text: string;
    readonly box: string | null;
  }[];
  readonly ifeval: readonly {
    readonly row: TaskRow & { readonly instruction_id_list: readonly string[] };
    readonly response: string;
    readonly strict: readonly boolean[];
    readonly loose: readonly boolean[];
  }[];
  readonly divisions: readonly { readonly text: string; readonly sentences: string[]; readonly words: string[] }[];
  readonly languages: readonly { readonly text: string; readonly language: string }[];
}

const [folder, action] = process.argv.slice(2) as [string, string?];
for (const name of ['languages', 'sentences']) {
  const theirs = readFileSync(join(folder, `${name}.json`));
  const ours = new URL(`../../training/tasks/instructions/${name}.json.gz`, import.meta.url);
  if (action === 'write') writeFileSync(ours, gzipSync(theirs, { level: 9 }));
  deepStrictEqual(JSON.parse(gunzipSync(readFileSync(ours)).toString()), JSON.parse(theirs.toString()), name);
}

let faults = 0;
/** Counts, and shows the first few, of the cases in which ours and theirs differ. */
function compare(subject: string, ours: unknown, theirs: unknown, of: unknown): void {
  try {
    deepStrictEqual(ours, theirs);
  } catch {
    if (faults++ < 10)
      console.error(`${subject}: ours ${JSON.stringify(ours)}, theirs ${JSON.stringify(theirs)}, of`, of);
  }
}

const cases: Cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'));

/** How often each kind of case was followed and not: a comparison is empty where one of them never happens. */
const outcomes = new Map<string, [no: number, yes: number]>();
function count(kind: string, outcome: boolean): void {
  const seen = outcomes.get(kind) ?? [0, 0];
  seen[Number(outcome)]!++;
  outcomes.set(kind, seen);
}

for (const { reference, response, ...theirs } of cases.gsm8k) {
  const { correct, measures } = mathFamily.read({ question: '', answer: reference }, 'a case').judge(response);
  // GSM8K's own code takes `#### 12.` for another answer than 12; the harness leaves the period out.
  const hasPeriod = /#### [-0-9.,]*\.(?![-0-9.,])/.test(response);
  if (!hasPeriod) compare('GSM8K, strict', correct, theirs['strict-match'], { reference, response });
  compare('GSM8K, flexible', measures!.flexible, [theirs['flexible-extract']], { reference, response });
  count('GSM8K, strict', theirs['strict-match']);
  count('GSM8K, flexible', theirs['flexible-extract']);
}
for (const { left, right, same, text, box } of cases.math) {
  compare('MATH, equality', sameAnswer(left, right), same, { left, right });
  compare('MATH, box', boxedAnswer(text), box, text);
  count('MATH, equality', same);
  count('MATH, box', box !== null);
}
for (const { row, response, strict, loose } of cases.ifeval) {
  const [verdict] = await instructionsFamily.judge([instructionsFamily.read(row, 'a case')], [response]);
  compare('IFEval, strict', verdict!.measures!.instructionStrict, strict, { row, response });
  compare('IFEval, loose', verdict!.measures!.instructionLoose, loose, { row, response });
  compare('IFEval, prompt', verdict!.correct, !strict.includes(false), { row, response });
  for (const [index, name] of row.instruction_id_list.entries()) count(name, strict[index]!);
}
for (const { text, sentences, words } of cases.divisions) {
  compare('sentences', sentencesOf(text), sentences, text);
  compare('words', tokensOf(text), words, text);
}
for (const { text, language } of cases.languages) compare('language', languageOf(text), language, text);

const onesided = Array.from(outcomes).filter(([, seen]) => Math.min(...seen) < 10);
for (const [kind, [no, yes]] of onesided) console.error(`${kind}: only ${yes} of ${no + yes} cases hold`);
console.log(`${Object.entries(cases).map(([name, { length }]) => `${length} ${name}`)}: ${faults} differ`);
if (faults > 0 || onesided.length > 0) process.exitCode = 1;
