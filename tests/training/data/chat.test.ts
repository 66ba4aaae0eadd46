import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ExampleOptions, toTokenRows } from '../../../training/data/examples.ts';
import type { DataRow } from '../../../training/data/files/rows.ts';
import { type ChatMessage, type ChatTemplate, loadChatTemplate } from '../../../training/data/template/chat.ts';
import { loadTokenizer, type TextTokenizer } from '../../../training/data/tokenizer/tokenizer.ts';
import { writeByteTokenizer } from '../../cases/byteTokenizer.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

interface Conversation {
  readonly template: string;
  readonly messages: ChatMessage[];
  readonly text: string;
  readonly prompt: string;
}
const { templates, conversations } = JSON.parse(await readFile('fixtures/chat/conversations.json', 'utf8')) as {
  templates: Record<string, string>;
  conversations: Conversation[];
};

const settings = { bos_token: '<s>', eos_token: { content: '</s>' }, unk_token: null };
const templateOf = async (source: unknown): Promise<ChatTemplate> =>
  (await loadChatTemplate('no folder', { ...settings, chat_template: source }))!;

for (const { template, messages, text, prompt } of conversations)
  test(`${template} writes ${messages.length} messages (${messages[0]!.role} first) as transformers does`, async () => {
    const chat = await templateOf(templates[template]);
    assert.is(chat.render(messages), text);
    assert.is(chat.render(messages.slice(0, -1), { addGenerationPrompt: true }), prompt);
  });

test('the template is found in every file that may hold it', () =>
  inTemporaryFolder(async (folder) => {
    assert.is(await loadChatTemplate(folder, {}), null);
    assert.is(
      (
        await templateOf([
          { name: 'tool_use', template: 'no' },
          { name: 'default', template: 'a' },
        ])
      ).render([]),
      'a',
    );
    await writeFile(join(folder, 'chat_template.json'), JSON.stringify({ chat_template: 'b' }));
    const found = async () => (await loadChatTemplate(folder, { chat_template: 'a' }))!.render([]);
    assert.is(await found(), 'b');
    await writeFile(join(folder, 'chat_template.jinja'), 'c');
    assert.is(await found(), 'c');
  }));

test('a broken template, and one that refuses the roles, are named with their file', async () => {
  const messages = [{ role: 'assistant', content: 'a' }];
  const broken = await templateOf('{% for %}');
  await throwsClearly(() => broken.render(messages), /chat template in no folder.tokenizer_config\.json/);
  await throwsClearly(() => templateOf(5), /expected a text, got 5/);
  const mistral = await templateOf(templates.mistral);
  await throwsClearly(() => mistral.render(messages), /roles must alternate/);
});

/** The byte tokenizer with a chat template. */
async function tokenizerWith(template: string | undefined): Promise<TextTokenizer> {
  return inTemporaryFolder(async (folder) => {
    await writeByteTokenizer(folder);
    if (template !== undefined) await writeFile(join(folder, 'chat_template.jinja'), template);
    return loadTokenizer(folder);
  });
}

/** The text that is not scored and the text that is. */
function texts(row: DataRow, options: Partial<ExampleOptions> & { tokenizer: TextTokenizer }) {
  const { inputIds, labels } = toTokenRows([row], { maxLength: 512, ...options }).rows[0]!;
  const decode = (ids: Int32Array) => options.tokenizer.decode(ids, { skipSpecialTokens: false });
  return [decode(inputIds.filter((_, index) => labels[index] === -100)), decode(labels.filter((label) => label >= 0))];
}

test('the last answer of a conversation is scored, special tokens come from the template alone', async () => {
  const tokenizer = await tokenizerWith(templates.mistral);
  const messages = [
    { role: 'user', content: '1+1?' },
    { role: 'assistant', content: '2' },
    { role: 'user', content: '2+2?' },
    { role: 'assistant', content: '4' },
  ];
  // The byte tokenizer calls them <bos> and <eos>.
  assert.equal(texts({ messages }, { tokenizer }), ['<bos>[INST] 1+1? [/INST]2<eos>[INST] 2+2? [/INST]', '4<eos>']);
  const expected = ['<bos>[INST] 1+1? [/INST]', '2<eos>'];
  assert.equal(texts({ question: '1+1?', answer: 2 }, { tokenizer, template: 'chat' }), expected);
  assert.equal(texts({ messages: messages.slice(0, 2) }, { tokenizer, template: 'chat' }), expected);
  const row = { p: '1+1?', r: '2' };
  assert.equal(texts(row, { tokenizer, template: 'chat', promptField: 'p', responseField: 'r' }), expected);
});

test('conversations that cannot be trained on are named', async () => {
  const tokenizer = await tokenizerWith(templates.chatml);
  const rows =
    (messages: unknown[], options: Partial<ExampleOptions> = {}) =>
    () =>
      toTokenRows([{ messages }], { maxLength: 512, source: 'a.jsonl', tokenizer, ...options });
  const user = { role: 'user', content: 'q' };
  const assistant = { role: 'assistant', content: 'a' };
  await throwsClearly(
    rows([user]),
    /row 1 of a\.jsonl: expected messages that end with one of the assistant, got user/,
  );
  await throwsClearly(rows([]), /got none/);
  await throwsClearly(rows([assistant]), /end with one of the assistant/);
  await throwsClearly(rows([user, 5, assistant]), /message 2 of row 1 of a\.jsonl: .*role and content, got 5/);
  await throwsClearly(
    rows([user, { role: 'assistant', content: [] }]),
    /content of message 2 of row 1 of a\.jsonl: expected a text/,
  );
  const plain = await tokenizerWith(undefined);
  await throwsClearly(
    rows([user, assistant], { tokenizer: plain }),
    /a model with a chat template.*chat_template\.jinja/,
  );
});

test.run();
