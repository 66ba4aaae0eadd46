import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ExampleOptions, toTokenRows } from '../../../training/data/examples.ts';
import type { DataRow } from '../../../training/data/files/rows.ts';
import { loadTokenizer } from '../../../training/data/tokenizer/tokenizer.ts';
import { special, writeByteTokenizer } from '../../cases/byteTokenizer.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const tokenizer = await inTemporaryFolder(async (folder) => {
  await writeByteTokenizer(folder);
  return loadTokenizer(folder);
});

/** The text that is not scored and the text that is, of a single row. */
function texts(row: DataRow, options: Partial<ExampleOptions> = {}) {
  const { inputIds, labels } = toTokenRows([row], { tokenizer, maxLength: 512, ...options }).rows[0]!;
  const decode = (ids: Int32Array) => tokenizer.decode(ids, { skipSpecialTokens: false });
  assert.ok(labels.every((label, index) => label === -100 || label === inputIds[index]));
  return [decode(inputIds.filter((_, index) => labels[index] === -100)), decode(labels.filter((label) => label >= 0))];
}

const one = (row: DataRow, options: Partial<ExampleOptions> = {}) =>
  toTokenRows([row], { maxLength: 512, ...options }).rows[0]!;

test('the prompt is given, the response and the end are scored, for every known set of fields', () => {
  const expected = ['<bos>Question: 1+1?\nAnswer:', ' 2<eos>'];
  assert.equal(texts({ question: '1+1?', answer: '2' }), expected);
  assert.equal(texts({ query: '1+1?', response: '2' }), expected);
  assert.equal(texts({ instruction: '1+1?', output: '2' }), expected);
  assert.equal(texts({ instruction: '1+1?', input: '', output: '2', answer: 'no' }), expected);
  assert.equal(texts({ instruction: 'Add.', input: '1, 1', output: '2' }), [
    '<bos>Question: Add.\n1, 1\nAnswer:',
    ' 2<eos>',
  ]);
});

test('fields and templates of the user take precedence', () => {
  const row = { question: 'q', answer: 'a', prompt: 'p', reply: 7, level: 3 };
  assert.equal(texts(row, { promptField: 'prompt', responseField: 'reply' }), ['<bos>Question: p\nAnswer:', ' 7<eos>']);
  assert.equal(texts(row, { promptField: 'prompt' }), ['<bos>Question: p\nAnswer:', ' a<eos>']);
  assert.equal(texts(row, { responseField: 'reply' }), ['<bos>Question: q\nAnswer:', ' 7<eos>']);
  const template = '{level}: {prompt} {} {1} =>';
  assert.equal(texts(row, { template, responseField: 'reply' }), ['<bos>3: p {} {1} =>', ' 7<eos>']);
  assert.equal(texts(row, { template: '{prompt}\n' }), ['<bos>p\n', 'a<eos>']);
});

test("the template alpaca is Stanford Alpaca's, with an input and without, and nothing before the response", () => {
  // PROMPT_DICT in https://github.com/tatsu-lab/stanford_alpaca, train.py
  const options = { template: 'alpaca', maxLength: 2000 };
  assert.equal(texts({ instruction: 'Add.', input: '1, 1', output: '2' }, options), [
    '<bos>Below is an instruction that describes a task, paired with an input that provides further context. Write a ' +
      'response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n1, 1\n\n### Response:',
    '2<eos>',
  ]);
  const plain =
    '<bos>Below is an instruction that describes a task. Write a response that appropriately completes the request.' +
    '\n\n### Instruction:\n1+1?\n\n### Response:';
  for (const row of [
    { instruction: '1+1?', input: '', output: '2' },
    { query: '1+1?', response: '2' },
  ])
    assert.equal(texts(row, options), [plain, '2<eos>']);
  assert.equal(texts({ a: '1+1?', b: 2 }, { ...options, promptField: 'a', responseField: 'b' }), [plain, '2<eos>']);
});

test('a value with dollars and braces is taken literally by a template', () => {
  assert.equal(texts({ a: '$& {b} $1', b: 'no', answer: 'y' }, { template: '<{a}>' })[0], '<bos><$& {b} $1>');
});

test('tokenised rows are taken as they are', () => {
  const { rows, dropped, cut } = toTokenRows([{ input_ids: [5, 6, 7], labels: [-100, 6, 8] }], { maxLength: 3 });
  assert.equal(rows, [{ inputIds: Int32Array.of(5, 6, 7), labels: Int32Array.of(-100, 6, 8) }]);
  assert.equal([dropped, cut], [0, 0]);
});

test('padding at the end goes, a mask of ones goes with it, other masks stay', () => {
  const row = { input_ids: [5, 6, 7, 0, 0], labels: [-100, 6, 7, -100, -100] };
  const unpadded = { inputIds: Int32Array.of(5, 6, 7), labels: Int32Array.of(-100, 6, 7) };
  assert.equal(one({ ...row, attention_mask: [1, 1, 1, 0, 0] }), unpadded);
  assert.equal(one({ ...row, attention_mask: null }).inputIds.length, 5);
  assert.equal(one({ ...row, attention_mask: [0, 1, 1, 0, 0] }), {
    ...unpadded,
    attentionMask: Uint8Array.of(0, 1, 1),
  });
});

test('a masked position that is scored stays, for transformers counts it', () => {
  const row = { input_ids: [5, 6, 7, 0], labels: [-100, 6, 7, 0], attention_mask: [1, 1, 0, 0] };
  assert.equal(one(row).labels, Int32Array.of(-100, 6, 7, 0));
  assert.equal(one(row).attentionMask, Uint8Array.of(1, 1, 0, 0));
});

test('long rows are cut on the right; those with nothing left to score are dropped and counted', () => {
  const rows = [
    { input_ids: [1, 2, 3, 4], labels: [-100, -100, -100, 4] },
    { input_ids: [1, 2, 3, 4], labels: [-100, 2, 3, 4] },
    { input_ids: [1, 2], labels: [1, -100] },
    { input_ids: [1, 2, 0, 0], labels: [-100, 2, -100, -100], attention_mask: [1, 1, 0, 0] },
  ];
  const result = toTokenRows(rows, { maxLength: 3 });
  assert.equal(
    result.rows.map(({ inputIds }) => [...inputIds]),
    [
      [1, 2, 3],
      [1, 2],
    ],
  );
  assert.equal([result.dropped, result.cut], [2, 2]);
});

test('a mask that is all zeros behind the cut leaves no padding', () => {
  const row = { input_ids: [1, 2, 3, 4], labels: [-100, 2, -100, 4], attention_mask: [1, 1, 0, 1] };
  assert.equal(one(row, { maxLength: 3 }), { inputIds: Int32Array.of(1, 2), labels: Int32Array.of(-100, 2) });
});

test('a cut response ends without eos', () => {
  const { inputIds } = one({ question: 'q', answer: 'x'.repeat(100) }, { tokenizer, maxLength: 40 });
  assert.is(inputIds.length, 40);
  assert.is.not(inputIds.at(-1), special.eos);
});

test('an eos that the tokenizer puts behind the prompt is taken away', () => {
  const ending = {
    ...tokenizer,
    encode: (text: string, options = {}) => [...tokenizer.encode(text, options), special.eos],
  };
  const { labels } = one({ question: 'q', answer: 'a' }, { tokenizer: ending });
  const { labels: plain } = one({ question: 'q', answer: 'a' }, { tokenizer });
  assert.is(
    labels.findIndex((label) => label >= 0),
    plain.findIndex((label) => label >= 0),
  );
});

test('without a known eos the response simply ends', () => {
  const { inputIds } = one(
    { question: 'q', answer: 'a' },
    { tokenizer: { ...tokenizer, eosTokenId: null, eosToken: null } },
  );
  assert.is(tokenizer.decode(inputIds), 'Question: q\nAnswer: a');
});

test('a row is named by its number and, where that is another, its line; numbers pass over dropped rows', async () => {
  const [kept, dropped] = [
    { input_ids: [5, 6], labels: [-100, 6] },
    { input_ids: [5, 6], labels: [5, -100] },
  ];
  const options = { maxLength: 9, source: 'a.jsonl', lines: [1, 2, 7] };
  assert.equal(toTokenRows([kept, dropped, kept], options).numbers, [1, 3]);
  const broken = { ...kept, labels: [1] };
  await throwsClearly(() => toTokenRows([kept, broken], options), /labels of row 2 of a\.jsonl: /);
  await throwsClearly(() => toTokenRows([kept, kept, broken], options), /labels of row 3 \(line 7\) of a\.jsonl: /);
});

const good = { input_ids: [5, 6], labels: [-100, 6] };
const refused: readonly { rows: DataRow[]; options?: Partial<ExampleOptions>; message: RegExp }[] = [
  { rows: [], message: /a position to score, got no rows/ },
  { rows: [{ input_ids: [5, 6], labels: [5, -100] }], message: /a position to score, got none in 1 rows/ },
  { rows: [good, { input_ids: [5, 6], labels: [6] }], message: /labels of data row 2: expected 2 entries.*got 1/ },
  { rows: [{ ...good, attention_mask: [1] }], message: /attention_mask of data row 1: expected 2 entries/ },
  {
    rows: [{ ...good, attention_mask: [1, 2] }],
    message: /attention_mask of data row 1, position 1: .*zeros and ones, got 2/,
  },
  { rows: [{ ...good, input_ids: [5, -6] }], message: /input_ids of data row 1, position 1.*got -6/ },
  { rows: [{ ...good, input_ids: [5, 1.5] }], message: /got 1\.5/ },
  { rows: [{ ...good, input_ids: [5, '6'] }], message: /position 1.*got 6/ },
  { rows: [{ ...good, input_ids: [5, null] }], message: /position 1.*got null/ },
  { rows: [{ ...good, input_ids: [5, 2 ** 31] }], message: /got 2147483648/ },
  { rows: [{ ...good, input_ids: 'abc' }], message: /input_ids of data row 1: expected an array.*got abc/ },
  { rows: [{ ...good, labels: [-100, -1] }], message: /labels of data row 1, position 1.*or -100, got -1/ },
  {
    rows: [{ ...good, input_ids: [5, 97] }],
    options: { vocabSize: 97 },
    message: /data row 1: expected token ids below 97, got 97/,
  },
  { rows: [{ ...good, labels: [-100, 98] }], options: { vocabSize: 97 }, message: /below 97, got 98/ },
  { rows: [{ labels: [5, 6] }], message: /data row 1: expected fields input_ids\/labels.*got labels/ },
  {
    rows: [{ words: 'a', id: 3 }],
    message:
      /instruction\(\+input\)\/output, question\/answer, query\/response, prompt\/completion, text, got words, id/,
  },
  { rows: [{ question: 'a', output: 'b' }], message: /got question, output/ },
  { rows: [{}], message: /got no fields/ },
  { rows: [{ question: 'a', answer: 'b' }], options: {}, message: /there is no tokenizer/ },
  {
    rows: [{ question: 'a', answer: null }],
    options: { tokenizer },
    message: /field answer of data row 1: expected a text, got null/,
  },
  { rows: [{ question: ['a'], answer: 'b' }], options: { tokenizer }, message: /field question of data row 1/ },
  {
    rows: [{ question: 'a', answer: 'b' }],
    options: { tokenizer, template: '{toString}' },
    message: /data row 1: expected a field toString, got fields question, answer/,
  },
  { rows: [{ question: 'a', answer: 'b' }], options: { tokenizer, responseField: 'c' }, message: /a field c/ },
  { rows: [good], options: { maxLength: 1 }, message: /maxLength: expected/ },
  { rows: [good], options: { maxLength: Number.NaN }, message: /maxLength: expected/ },
];

for (const { rows, options, message } of refused) {
  const shown = JSON.stringify({ rows, ...options, tokenizer: undefined });
  test(`${shown} is refused`, () => throwsClearly(() => toTokenRows(rows, { maxLength: 512, ...options }), message));
}

test.run();
