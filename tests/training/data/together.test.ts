import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { notScored, type TrainOn, toTokenRows } from '../../../training/data/examples.ts';
import type { DataRow } from '../../../training/data/files/rows.ts';
import { loadRows } from '../../../training/data/load.ts';
import { trainedPrompt } from '../../../training/data/together.ts';
import { loadTokenizer, type TextTokenizer } from '../../../training/data/tokenizer/tokenizer.ts';
import { evaluate } from '../../../training/evaluate.ts';
import { loadModel } from '../../../training/model.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

interface Stored {
  readonly kind: string;
  readonly chat?: string;
  /** Fields of tokenizer_config.json in place of the stored ones. */
  readonly config?: object;
  readonly trainOn: TrainOn;
  readonly template?: string;
  readonly row: DataRow;
  readonly inputIds: readonly number[];
  /** Where scored tokens begin and end, in turns. */
  readonly scored: readonly number[];
}

const { tokenizers, templates } = JSON.parse(await readFile('fixtures/text/tokenizers.json', 'utf8')) as {
  readonly tokenizers: Readonly<Record<string, { readonly tokenizer: object; readonly config: object }>>;
  readonly templates: Readonly<Record<string, string>>;
};
const stored = (await readFile('fixtures/text/rows.jsonl', 'utf8'))
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Stored);

/** A stored tokenizer, with a chat template if one is given. */
async function tokenizerOf(
  kind: string,
  template?: string,
  change = (tokenizer: object) => tokenizer,
  fields: object = {},
) {
  return inTemporaryFolder(async (folder) => {
    const { tokenizer, config } = tokenizers[kind]!;
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(change(tokenizer)));
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ ...config, ...fields }));
    if (template !== undefined) await writeFile(join(folder, 'chat_template.jinja'), template);
    return loadTokenizer(folder);
  });
}

const opened = new Map<string, TextTokenizer>();
for (const [index, { kind, chat, config, trainOn, template, row, inputIds, scored }] of stored.entries())
  test(`row ${index + 1} (${kind}, ${chat ?? Object.keys(row).join('/')}, ${trainOn}) has TRL's tokens and labels`, async () => {
    const key = `${kind} ${chat} ${JSON.stringify(config)}`;
    if (!opened.has(key)) opened.set(key, await tokenizerOf(kind, chat && templates[chat], undefined, config));
    const options = { tokenizer: opened.get(key)!, maxLength: 400, trainOn, ...(template && { template }) };
    const { rows } = toTokenRows([row], options);
    assert.equal([...rows[0]!.inputIds], inputIds);
    const isScored = (at: number) => scored.filter((edge) => edge <= at).length % 2 === 1;
    assert.equal(
      [...rows[0]!.labels],
      inputIds.map((id, at) => (isScored(at) ? id : notScored)),
    );
  });

/** The text that is not scored and the text that is. */
function texts(row: DataRow, tokenizer: TextTokenizer, options: { trainOn?: TrainOn; template?: string } = {}) {
  const { inputIds, labels } = toTokenRows([row], { tokenizer, maxLength: 512, ...options }).rows[0]!;
  const decode = (ids: Int32Array) => tokenizer.decode(ids, { skipSpecialTokens: false });
  return [decode(inputIds.filter((_, index) => labels[index] === notScored)), decode(labels.filter((id) => id >= 0))];
}

test('a SentencePiece model has the loss that transformers has, with no second ▁ before the response', async () => {
  await using model = await loadModel('fixtures/text/llama2');
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, 'sp.jsonl');
    await writeFile(file, JSON.stringify({ question: 'the cat sat 3 times', answer: 'on the mat 12' }));
    const { rows } = await loadRows(model, [file], { maxLength: 512 });
    const { loss } = await evaluate(model, rows, { batchSize: 1 });
    // Given to five digits.
    assert.ok(Math.abs(loss - 6.02433) < 1e-5, `loss ${loss}`);
  });
});

test('a token that reaches over the boundary is scored, counted, and written whole by a model that answers', async () => {
  const tokenizer = await loadTokenizer('fixtures/base');
  const [prompt, response] = ['f() {\n', '  return 1;\n}'];
  const { rows, parted } = toTokenRows([{ prompt, completion: response }], { tokenizer, maxLength: 64 });
  const start = rows[0]!.labels.findIndex((label) => label !== notScored);
  assert.is(tokenizer.decode(rows[0]!.inputIds.slice(0, start)), 'f() {');
  assert.is(parted, 1);
  assert.equal(trainedPrompt(prompt, response, tokenizer), {
    tokens: [...rows[0]!.inputIds.slice(0, start)],
    rest: '\n',
  });
  assert.is(trainedPrompt(prompt, undefined, tokenizer).rest, '');
  assert.is(trainedPrompt('f() {', ' 1', tokenizer).rest, '');
});

const chatml =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const turns = [
  { role: 'user', content: 'Say 3' },
  { role: 'assistant', content: '3' },
  { role: 'user', content: 'Say 4' },
  { role: 'assistant', content: '4' },
];

test('all turns of the assistant are found by rendering turn by turn where a template does not mark them', async () => {
  const tokenizer = await tokenizerOf('byte_level', chatml);
  const [, all] = texts({ messages: turns }, tokenizer, { trainOn: 'all' });
  assert.is(all, '3<|im_end|>\n4<|im_end|>\n');
  assert.is(texts({ messages: turns }, tokenizer)[1], '4<|im_end|>\n');
  // A conversation that the user ends, and TRL's halves of one.
  assert.is(texts({ messages: turns.slice(0, 3) }, tokenizer, { trainOn: 'all' })[1], '3<|im_end|>\n');
  const halves = { prompt: turns.slice(0, 1), completion: turns.slice(1) };
  assert.is(
    texts(halves, tokenizer)[1],
    '3<|im_end|>\n<|im_start|>user\nSay 4<|im_end|>\n<|im_start|>assistant\n4<|im_end|>\n',
  );
  assert.is(texts(halves, tokenizer, { trainOn: 'all' })[1], '3<|im_end|>\n4<|im_end|>\n');
});

test('what a template puts behind the last message alone belongs to no turn', async () => {
  const end = "{% if not add_generation_prompt %}{{ '<|endoftext|>' }}{% endif %}";
  const tokenizer = await tokenizerOf('byte_level', chatml + end);
  assert.is(texts({ messages: turns }, tokenizer, { trainOn: 'all' })[1], '3<|im_end|>\n4<|im_end|>\n<|endoftext|>');
});

test('turns that a template writes otherwise once others follow are refused by name, unless it marks them', async () => {
  const thinking = [...turns];
  thinking[1] = { role: 'assistant', content: '<think>\nwell\n</think>\n\n3' };
  const plain = await tokenizerOf('byte_level', templates.qwen3);
  await throwsClearly(
    () => toTokenRows([{ messages: thinking }], { tokenizer: plain, maxLength: 512, trainOn: 'all' }),
    /data row 1: expected a chat template that writes message 2 alike.*generation.*got/,
  );
  const marked = await tokenizerOf('byte_level', templates.qwen3_training);
  const [, scored] = texts({ messages: thinking }, marked, { trainOn: 'all' });
  assert.match(scored!, /3<\|im_end\|>\n?.*4<\|im_end\|>/s);
});

test('a thought that only the generation prompt opens is no part of the whole: scored behind what both have', async () => {
  const template =
    "{% for m in messages %}{% if m.role == 'assistant' %}{% set c = m.content %}{% if '</think>' in c %}" +
    "{% set c = c.split('</think>')[-1] %}{% endif %}<assistant>{{ c }}{{ eos_token }}{% else %}<{{ m.role }}>{{ m.content }}" +
    '{% endif %}{% endfor %}{% if add_generation_prompt %}<assistant><think>\n{% endif %}';
  const tokenizer = await tokenizerOf('byte_level', template);
  const end = '<|endoftext|>';
  assert.equal(texts({ messages: turns }, tokenizer), [
    `<user>Say 3<assistant>3${end}<user>Say 4<assistant>`,
    `4${end}`,
  ]);
  assert.is(texts({ messages: turns }, tokenizer, { trainOn: 'all' })[1], `3${end}4${end}`);
});

const withTools =
  '{%- if tools %}[TOOLS]{% for t in tools %}{{ t | tojson }}{% endfor %}[/TOOLS]{%- endif %}{%- for m in messages %}<{{ m.role }}>' +
  '{% if m.reasoning_content %}[THINK]{{ m.reasoning_content }}[/THINK]{% endif %}{% if m.content is string %}{{ m.content }}' +
  '{% endif %}{%- if m.tool_calls %}{% for c in m.tool_calls %}[CALL]{{ c.function.name }} {{ c.function.arguments | tojson }}' +
  '[/CALL]{% endfor %}{%- endif %}{{ eos_token }}{% endfor %}{%- if add_generation_prompt %}<assistant>{% endif %}';
const tool = { type: 'function', function: { name: 'add', description: 'adds', parameters: { type: 'object' } } };
const call = { type: 'function', function: { name: 'add', arguments: { a: 2, b: 3 } } };
const schema =
  '{"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}}}';

test('tools, calls of them, thoughts and answers of tools reach the template', async () => {
  const tokenizer = await tokenizerOf('byte_level', withTools);
  const end = '<|endoftext|>';
  const messages = [
    { role: 'user', content: 'What is 2+3?' },
    { role: 'assistant', content: '', tool_calls: [call] },
  ];
  const asked = `[TOOLS]${schema}[/TOOLS]<user>What is 2+3?${end}<assistant>`;
  const called = `[CALL]add {"a": 2, "b": 3}[/CALL]${end}`;
  assert.equal(texts({ messages, tools: [tool] }, tokenizer), [asked, called]);
  assert.equal(texts({ messages, tools: JSON.stringify([tool]) }, tokenizer), [asked, called]);
  const longer = [
    ...[messages[0]!, { role: 'assistant', content: null, tool_calls: [call] }],
    { role: 'tool', name: 'add', content: '5' },
    { role: 'assistant', content: '5', reasoning_content: 'so' },
  ];
  const given = `${asked}${called}<tool>5${end}<assistant>`;
  assert.equal(texts({ messages: longer, tools: [tool] }, tokenizer), [given, `[THINK]so[/THINK]5${end}`]);
});

test('a template is chosen by name: tool_use where a row has tools, from either place', async () => {
  const { tokenizer, config } = tokenizers.byte_level!;
  const [plain, tools] = ["{{ 'plain' }}{{ messages[-1].content }}", "{{ 'tools' }}{{ messages[-1].content }}"];
  const row = { messages: turns.slice(0, 2) };
  const check = (found: TextTokenizer) => {
    assert.match(texts(row, found).join(''), /^plain/);
    assert.match(texts({ ...row, tools: [tool] }, found).join(''), /^tools/);
    assert.match(texts({ ...row, tools: null }, found).join(''), /^plain/);
  };
  await inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
    const named = [
      { name: 'default', template: plain },
      { name: 'tool_use', template: tools },
    ];
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ ...config, chat_template: named }));
    check(await loadTokenizer(folder));
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
    await mkdir(join(folder, 'additional_chat_templates'));
    await writeFile(join(folder, 'chat_template.jinja'), plain!);
    await writeFile(join(folder, 'additional_chat_templates', 'tool_use.jinja'), tools!);
    check(await loadTokenizer(folder));
  });
});

test('parts of a content, variables of the template and documents reach it', async () => {
  const template =
    '{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}({{ p.text }}){% endfor %}' +
    "{% endif %}{% endfor %}{{ mode }}{% for d in documents or [] %}[{{ d['title'] }}]{% endfor %}";
  const tokenizer = await tokenizerOf('byte_level', template);
  const row = {
    messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }, turns[1]],
    chat_template_kwargs: { mode: ' slow' },
    documents: [{ title: 'T', text: 't' }],
  };
  assert.is(texts(row, tokenizer).join(''), '(a)3 slow[T]');
  assert.is(texts({ ...row, documents: JSON.stringify(row.documents) }, tokenizer).join(''), '(a)3 slow[T]');
});

test('rows of others are read: ShareGPT, texts as a whole, prompt and completion, null for what is not there', async () => {
  const tokenizer = await tokenizerOf('byte_level', chatml);
  const end = '<|endoftext|>';
  const shared = [
    { from: 'human', value: 'Say 3' },
    { from: 'gpt', value: '3' },
  ];
  const expected = texts({ messages: turns.slice(0, 2) }, tokenizer);
  assert.equal(texts({ conversations: shared }, tokenizer), expected);
  assert.equal(texts({ conversations: turns.slice(0, 2) }, tokenizer), expected);
  assert.equal(texts({ text: 'all of it' }, tokenizer), ['', `all of it${end}`]);
  assert.equal(texts({ text: `all of it${end}` }, tokenizer), ['', `all of it${end}`]);
  assert.equal(texts({ prompt: 'a', completion: ' b' }, tokenizer), ['a', ` b${end}`]);
  assert.equal(texts({ prompt: '1+1', completion: '2' }, tokenizer, { template: 'chat' })[1], '2<|im_end|>\n');
  const alpaca = { instruction: 'Add 3 and 4', output: '7' };
  for (const template of ['alpaca', undefined, 'chat'])
    for (const input of [null, ''])
      assert.equal(
        texts({ ...alpaca, input }, tokenizer, template ? { template } : {}),
        texts(alpaca, tokenizer, template ? { template } : {}),
      );
});

test('masks of tokenised rows are honoured, and without any the whole is scored', () => {
  const row = { input_ids: [5, 6, 7, 8] };
  const labels = (given: DataRow) => [...toTokenRows([given], { maxLength: 9 }).rows[0]!.labels];
  assert.equal(labels(row), [5, 6, 7, 8]);
  assert.equal(labels({ ...row, labels: null }), [5, 6, 7, 8]);
  assert.equal(labels({ ...row, completion_mask: [0, 0, 1, 1] }), [-100, -100, 7, 8]);
  assert.equal(labels({ ...row, completion_mask: [0, 1, 1, 1], assistant_masks: [0, 1, 0, 1] }), [-100, 6, -100, 8]);
  assert.equal(labels({ ...row, labels: [-100, 6, 7, -100], completion_mask: [0, 0, 0, 1] }), [-100, 6, 7, -100]);
});

test('fields that nothing is read from are named once, in the order in which they are met', async () => {
  const tokenizer = await tokenizerOf('byte_level', chatml);
  const unused = (rows: DataRow[], options = {}) => toTokenRows(rows, { tokenizer, maxLength: 512, ...options }).unused;
  const row = { question: 'a', answer: 'b' };
  assert.equal(unused([row, { ...row, id: 1, source: 's' }, { ...row, source: 't', level: 2, note: null }]), [
    ...['id', 'source', 'level'],
  ]);
  assert.equal(unused([{ ...row, level: 3 }], { template: '{level} {question}' }), []);
  assert.equal(unused([{ instruction: 'a', input: '', output: 'b', text: 'rendered' }]), ['text']);
  assert.equal(unused([{ messages: turns, prompt: 'Say 3', tools: null }]), ['prompt']);
  assert.equal(unused([{ input_ids: [5, 6], attention_mask: [1, 1], text: 'x' }]), ['text']);
});

const user = turns[0]!;
const refused: readonly { row: DataRow; message: RegExp }[] = [
  {
    row: { messages: [{ role: 'user', content: [{ type: 'image' }] }, turns[1]] },
    message: /message 1 .*part of the type image/,
  },
  { row: { messages: [user, { role: 'assistant' }] }, message: /message 2 of data row 1: .*role and content/ },
  {
    row: {
      conversations: [
        { from: 'human', value: 'a' },
        { from: 'function_call', value: '{}' },
      ],
    },
    message: /got function_call/,
  },
  {
    row: { messages: turns, tools: 'add' },
    message: /tools of data row 1: expected a list of objects, or its JSON, got add/,
  },
  { row: { messages: turns, tools: ['add'] }, message: /tools of data row 1/ },
  {
    row: { messages: turns, chat_template_kwargs: { tokenize: true } },
    message: /chat_template_kwargs .*got tokenize/,
  },
  { row: { messages: turns, chat_template_kwargs: ['a'] }, message: /chat_template_kwargs of data row 1/ },
  {
    row: { prompt: turns, completion: 'text' },
    message: /completion of data row 1: expected a list of messages, got text/,
  },
  { row: { messages: turns.slice(0, 3) }, message: /end with one of the assistant, got user.*`trainOn: 'all'`/ },
  { row: { input_ids: [5, 6], completion_mask: [1] }, message: /completion_mask of data row 1: expected 2 entries/ },
  { row: { input_ids: [5, 6], assistant_masks: [1, 2] }, message: /assistant_masks of data row 1, position 1/ },
];
for (const { row, message } of refused)
  test(`${JSON.stringify(row).slice(0, 100)} is refused by name`, async () => {
    const tokenizer = await tokenizerOf('byte_level', chatml);
    await throwsClearly(() => toTokenRows([row], { tokenizer, maxLength: 512 }), message);
  });

test('ways to split a text that the tokenizer library leaves out are put in other terms, or refused by name', async () => {
  const split = (behavior: string, pattern: object) =>
    tokenizerOf('byte_level', undefined, (tokenizer) => ({
      ...tokenizer,
      pre_tokenizer: { type: 'Split', pattern, behavior, invert: false },
    }));
  await throwsClearly(
    () => split('MergedWithNext', { Regex: '\\s' }),
    /pre_tokenizer Split in .*tokenizer\.json.*got MergedWithNext/,
  );
  await throwsClearly(
    () =>
      tokenizerOf('byte_level', undefined, (tokenizer) => ({
        ...tokenizer,
        added_tokens: [{ id: 0, content: 'a', single_word: true }],
      })),
    /token a in .*single_word false/,
  );
});

test('tokenizer classes that build their own steps give the ids of transformers, or are refused by name', async () => {
  const text = ' Ann  <s> finds e\u0301 2';
  const idsOf = async (kind: string, tokenizer_class: string) =>
    (await tokenizerOf(kind, undefined, undefined, { tokenizer_class })).encode(text, { addSpecialTokens: true });
  assert.equal(await idsOf('sentencepiece_bpe', 'CodeLlamaTokenizer'), [1, 484, 336, 1, 439, 313, 232, 157, 336, 291]);
  assert.equal(await idsOf('byte_level', 'GPTNeoXTokenizerFast'), [425, 248, 248, 1, 323, 248, 155, 130, 290]);
  assert.equal(await idsOf('llama3', 'GPTNeoXTokenizer'), [423, 248, 248, 1, 319, 248, 155, 130, 248, 45]);
  for (const name of ['T5Tokenizer', 'XLMRobertaTokenizerFast', 'LlamaTokenizer', 'GemmaTokenizerFast'])
    await throwsClearly(
      () => idsOf('unigram', name),
      new RegExp(`tokenizer_class beside .*tokenizer\\.json.*got ${name.replace('Fast', '')} of type Unigram`),
    );
  await throwsClearly(() => idsOf('byte_level', 'RobertaTokenizer'), /got RobertaTokenizer of type BPE/);
});

test('further special tokens are split off as transformers does', async () => {
  const idsOf = async (kind: string, text: string, fields: object) =>
    (await tokenizerOf(kind, undefined, undefined, fields)).encode(text, { addSpecialTokens: true });
  for (const fields of [
    { additional_special_tokens: ['Ġ3912'] },
    { additional_special_tokens: [{ content: 'Ġ3912' }] },
    { extra_special_tokens: { mark_token: 'Ġ3912' } },
  ])
    assert.equal(await idsOf('byte_level', 'AnnĠ3912b', fields), [340, 699, 93]);
  const additional_special_tokens = ['クッキー'];
  assert.equal(await idsOf('unigram', 'Annクッキーb', { additional_special_tokens }), [1, 28, 110, 32, 499, 28, 106]);
});

test('expressions of a template give what they give in Python, or are refused', async () => {
  const { compileTemplate } = await import('../../../training/data/template/jinja.ts');
  const { variables, templates: expressions } = JSON.parse(await readFile('fixtures/chat/python.json', 'utf8')) as {
    readonly variables: Readonly<Record<string, unknown>>;
    readonly templates: readonly { readonly template: string; readonly text: string | null }[];
  };
  let same = 0;
  for (const { template, text } of expressions) {
    let got: string | null;
    try {
      got = compileTemplate(template)(variables).text;
    } catch {
      continue;
    }
    assert.is(got, text, template);
    same++;
  }
  assert.ok(same >= 75, `only ${same} are known`);
});

test.run();
