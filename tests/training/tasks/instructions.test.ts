import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LambdamaxError } from '../../../errors.ts';
import { checks } from '../../../training/tasks/instructions/checks.ts';
import { instructionsFamily } from '../../../training/tasks/instructions/family.ts';
import { languageOf } from '../../../training/tasks/instructions/languages.ts';
import { sentencesOf } from '../../../training/tasks/instructions/sentences.ts';
import { countWords, tokensOf } from '../../../training/tasks/instructions/words.ts';
import { scoreResponses } from '../../../training/tasks/score.ts';

// What follows is what IFEval's own code (by way of lm-evaluation-harness 0.4.13), NLTK 3.10 and langdetect 1.0.9 say.
// `.ci/metrics.sh` compares with them on thousands of seeded cases.

const english =
  'The train leaves the station early in the morning, and my sister is waiting there. All that she has with her is tea.';

interface Case {
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly follows: readonly string[];
  readonly fails: readonly string[];
}
const cases: Readonly<Record<string, Case>> = {
  'change_case:capital_word_frequency': {
    kwargs: { capital_frequency: 2, capital_relation: 'at least' },
    follows: ['NASA and the ABC-DEF', "IBM's A-1 is HERE"],
    fails: ['NASA alone', 'Nasa Ibm', ''],
  },
  'change_case:english_capital': {
    follows: [english.toUpperCase(), 'Ⅷ'],
    fails: [english, '123', 'АЛЛЕ ЛЮДИ РОЖДАЮТСЯ СВОБОДНЫМИ И РАВНЫМИ В СВОЁМ ДОСТОИНСТВЕ'],
  },
  'change_case:english_lowercase': {
    follows: [english.toLowerCase()],
    fails: [english, '123', 'alle menschen sind frei und gleich an würde und rechten geboren.'],
  },
  'combination:repeat_prompt': {
    kwargs: { prompt_to_repeat: 'Write a poem.' },
    follows: ['Write a poem. Roses', '\n write A POEM.'],
    fails: ['Sure. Write a poem.', 'Write a poem'],
  },
  'combination:two_responses': {
    follows: ['a ****** b', '******a******b******'],
    fails: ['a', 'a ****** a', 'a ****** b ****** c', 'a ************ b'],
  },
  'detectable_content:number_placeholders': {
    kwargs: { num_placeholders: 2 },
    follows: ['[name] and [address]', '[][]'],
    fails: ['[name]', '[two\nlines] [a'],
  },
  'detectable_content:postscript': {
    kwargs: { postscript_marker: 'P.S.' },
    follows: ['Bye.\nP.S. more', 'p. s. more'],
    fails: ['PS more', 'P.S more', ''],
  },
  'detectable_format:constrained_response': {
    follows: ['My answer is no.', 'I think: **My answer is yes.**'],
    fails: ['my answer is no.', 'No.'],
  },
  'detectable_format:json_format': {
    follows: [
      '{"a": [1, null]}',
      '```json\n{"a": 1}\n```',
      '```[]```',
      '7',
      '{"a": NaN, "b": -Infinity, "NaN": "NaN"}',
    ],
    fails: ["{'a': 1}", 'Here: {}', '{"a": 1,}', '```js\n{}\n```', '"NaN'],
  },
  'detectable_format:multiple_sections': {
    kwargs: { section_spliter: 'Section', num_sections: 2 },
    follows: ['Section 1\na\nSection 2\nb', 'Section1 Section2 Section3'],
    fails: ['Section 1', 'SECTION 1 SECTION 2', 'Section one Section two'],
  },
  'detectable_format:number_bullet_lists': {
    kwargs: { num_bullets: 2 },
    follows: ['* a\n* b', '- a\n  * b', '-\n-', '* a\nb\n\n- c'],
    fails: ['* a', '* a\n* b\n* c', '** a\n* b', '1. a\n2. b'],
  },
  'detectable_format:number_highlighted_sections': {
    kwargs: { num_highlights: 2 },
    follows: ['*a* and *b*', '**a**\n**b**', '*a* **b**'],
    fails: ['*a*', '** **', '*two\nlines* *a*'],
  },
  'detectable_format:title': {
    follows: ['<<A poem>>\nRoses', 'so << a >>'],
    fails: ['<A poem>', '<<>>', '<< >>', '<<two\nlines>>'],
  },
  'keywords:existence': {
    kwargs: { keywords: ['apple', 'Tree'] },
    follows: ['Pineapples on TREES'],
    fails: ['apple', 'tree'],
  },
  'keywords:forbidden_words': {
    kwargs: { forbidden_words: ['apple', 'été'] },
    follows: ['Pineapples', 'apple_s', 'étés', ''].filter((text) => text !== ''),
    fails: ['An Apple.', 'apple-tree', "l'été"],
  },
  'keywords:frequency': {
    kwargs: { keyword: ' apple', frequency: 2, relation: 'less than' },
    follows: ['apple', 'none'],
    fails: ['Apple apples', 'pineapple apple'],
  },
  'keywords:letter_frequency': {
    kwargs: { letter: 'A', let_frequency: 2, let_relation: 'at least' },
    follows: ['Anna', 'AA'],
    fails: ['A', 'bcd'],
  },
  'language:response_language': {
    kwargs: { language: 'de' },
    follows: ['Alle Menschen sind frei und gleich an Würde und Rechten geboren.', '123'],
    fails: [english, 'Tous les êtres humains naissent libres et égaux en dignité et en droits.'],
  },
  'length_constraints:nth_paragraph_first_word': {
    kwargs: { num_paragraphs: 2, nth_paragraph: 2, first_word: 'Apple' },
    follows: ['One.\n\napple pie', 'One.\n\n\'"Apple, pie', 'One\ntwo\n\nApple'],
    fails: ['apple\n\npie', 'One.\napple', 'One.\n\n\n\napple', 'One.\n\napples', 'One.\n\napple\n\nthree'],
  },
  'length_constraints:number_paragraphs': {
    kwargs: { num_paragraphs: 2 },
    follows: ['a\n***\nb', '***\na\n***\nb\n***'],
    fails: ['a\n\nb', 'a *** *** b', 'a *** b *** c'],
  },
  'length_constraints:number_sentences': {
    kwargs: { num_sentences: 2, relation: 'at least' },
    follows: ['It is late. We go.', 'Why? Because!'],
    fails: ['Dr. Brown came at 5 p.m. sharp.', 'One', 'It costs 3.5 euros.'],
  },
  'length_constraints:number_words': {
    kwargs: { num_words: 3, relation: 'less than' },
    follows: ['one two', 'été_2'],
    fails: ['one two three', "it's so", 'a-b-c'],
  },
  'punctuation:no_comma': { follows: ['a; b', '，'], fails: ['a, b'] },
  'startend:end_checker': {
    kwargs: { end_phrase: 'The end. ' },
    follows: ['So.\nTHE END.', '"So. The end."', 'the end.  '],
    fails: ['The end. Bye.', 'The end'],
  },
  'startend:quotation': { follows: ['"a"', ' "a\nb" '], fails: ['a', '"a', '"', '“a”'] },
};

test('every type of instruction has its cases', () => {
  assert.equal(Object.keys(cases).sort(), Object.keys(checks).sort());
});

function rowOf(name: string, kwargs: unknown = {}) {
  return { key: 1, prompt: 'Do it.', instruction_id_list: [name], kwargs: [kwargs] };
}

for (const [name, { kwargs, follows, fails }] of Object.entries(cases))
  test(`${name}: what follows it, and what does not`, async () => {
    const problem = instructionsFamily.read(rowOf(name, kwargs), 'row 1');
    for (const [responses, expected] of [
      [follows, true],
      [fails, false],
    ] as const)
      for (const response of responses) {
        const [verdict] = await instructionsFamily.judge([problem], [response]);
        assert.is(verdict!.correct, expected, response);
        assert.equal(verdict!.measures!.instructionStrict, [expected]);
      }
  });

test('the empty response follows nothing', async () => {
  for (const [name, { kwargs }] of Object.entries(cases)) {
    const problem = instructionsFamily.read(rowOf(name, kwargs), 'row 1');
    const [verdict] = await instructionsFamily.judge([problem], [' \n']);
    assert.equal(verdict!.measures!.instructionLoose, [false], name);
  }
});

for (const [response, strict, loose] of [
  ['"a"', true, true],
  ['Sure:\n"a"', false, true],
  ['"a"\nThat is it.', false, true],
  ['Sure:\n"a"\nThat is it.', false, true],
  ['*"a"*', false, true],
  ['Sure:\n**"a"**', false, true],
  ['Sure:\nindeed:\n"a"', false, false],
] as const)
  test(`${JSON.stringify(response)} is quoted ${strict ? 'strictly' : loose ? 'loosely' : 'in no way'}`, async () => {
    const [verdict] = await instructionsFamily.judge(
      [instructionsFamily.read(rowOf('startend:quotation'), 'row 1')],
      [response],
    );
    assert.equal([verdict!.correct, verdict!.measures!.promptLoose], [strict, [loose]]);
  });

test('prompts and instructions are counted apart, strictly and loosely', async () => {
  const both = {
    ...rowOf(''),
    instruction_id_list: ['startend:quotation', 'punctuation:no_comma'],
    kwargs: [null, {}],
  };
  const problems = [both, rowOf('punctuation:no_comma')].map((row, index) =>
    instructionsFamily.read(row, `row ${index + 1}`),
  );
  const { accuracy, metrics } = await scoreResponses(instructionsFamily, problems, ['a, b:\n"a, b"', 'fine']);
  assert.equal([accuracy.value, accuracy.count], [0.5, 2]);
  const shares = Object.entries(metrics).map(([name, { value, count }]) => [name, value * count, count]);
  assert.equal(shares, [
    ['promptLoose', 1, 2],
    ['instructionStrict', 1, 3],
    ['instructionLoose', 2, 3],
  ]);
});

test('parameters that are null are not there, as in the copy of the data set on the hub', () => {
  const kwargs = { num_words: 3, relation: 'at least', keywords: null, num_bullets: null };
  assert.is(instructionsFamily.read(rowOf('length_constraints:number_words', kwargs), 'row 1').checks.length, 1);
});

for (const [row, message] of [
  [rowOf('keywords:rhyme'), /instruction keywords:rhyme of row 9: expected one of change_case:capital_word_frequency/],
  [rowOf('keywords:existence', { keywords: [] }), /keywords of keywords:existence of row 9: expected a list of texts/],
  [
    rowOf('length_constraints:number_words', { num_words: 3 }),
    /relation of length.* of row 9.*"less than".*got nothing/,
  ],
  [
    rowOf('keywords:frequency', { keyword: 'a', frequency: -1, relation: 'at least' }),
    /frequency of .*from 0 on, got -1/,
  ],
  [{ prompt: 'a' }, /instruction_id_list of row 9: expected a list of types/],
  [{ instruction_id_list: ['punctuation:no_comma'] }, /row 9: expected a field prompt/],
] as const)
  test(`a row that cannot be judged is refused: ${message.source}`, () => {
    assert.throws(
      () => instructionsFamily.read(row, 'row 9'),
      (error: unknown) => error instanceof LambdamaxError && message.test(error.message),
    );
  });

/** nltk.sent_tokenize */
const divided: readonly (readonly string[])[] = [
  ['Dr. Brown of the U.S. Army came at 5 p.m. sharp!', 'He left.'],
  ['I read it in J. K. Rowling.', 'The cat, too.'],
  ['It is "late."', '(We go.)', 'Now.'],
  ['Wait... what?', 'Yes.'],
  ['In 1999.', 'We moved.'],
  ['It is 3.5.', '4 is more.'],
  ['He likes the U.S.', 'However, he left.'],
  ['No end', ''],
];
for (const sentences of divided)
  test(`the sentences of ${sentences.join(' ')}`, () => {
    assert.equal(
      sentencesOf(sentences.join(' ')),
      sentences.filter((sentence) => sentence !== ''),
    );
  });

test('words and marks are set apart as NLTK does', () => {
  const text = "They can't pay $3,000.50 (or 5%), IBM's \"cannot\" — she'd say... OK.";
  const expected = "They ca n't pay $ 3,000.50 ( or 5 % ) , IBM 's `` can not '' — she 'd say ... OK .";
  assert.equal(tokensOf(text), expected.split(' '));
});

test('words are runs of letters, digits and underscores', () => {
  assert.is(countWords("It's 3.5 naïve_words — été ②"), 7);
});

const spoken: Record<string, string[]> = JSON.parse(
  readFileSync(new URL('../../exchange/languages.json', import.meta.url), 'utf8'),
);
test('sentences in thirty languages are told apart', () => {
  assert.is(Object.keys(spoken).length, 30);
  for (const [language, sentences] of Object.entries(spoken))
    for (const sentence of sentences) assert.is(languageOf(sentence), language, sentence);
});

test('nothing but addresses, digits and marks has no language', () => {
  for (const text of ['', '123 !?', 'https://example.org/a-path', 'somebody@example.org', '😀'])
    assert.is(languageOf(text), null, text);
});

test.run();
