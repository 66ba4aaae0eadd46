import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { toTokenRows } from '../../../training/data/examples.ts';
import { keepsWordsApart } from '../../../training/data/tokenizer/longText.ts';
import { loadTokenizer, type TextTokenizer } from '../../../training/data/tokenizer/tokenizer.ts';
import { transformersForm } from '../../../training/data/tokenizer/tokenizerFile.ts';
import { byteTokenizer } from '../../cases/byteTokenizer.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';

type Parts = Record<string, unknown>;

const readJson = async (file: string): Promise<Parts> => JSON.parse(await readFile(file, 'utf8')) as Parts;
const { tokenizers } = (await readJson('fixtures/text/tokenizers.json')) as {
  tokenizers: Record<string, { tokenizer: Parts; config: Parts }>;
};

/** A tokenizer without tokens that go from a letter to a space, which SentencePiece makes only where it is told to. */
function ofWords({ tokenizer, config }: { tokenizer: Parts; config: Parts }) {
  const { vocab, merges, ...model } = tokenizer.model as {
    vocab: Record<string, number>;
    merges: (string | string[])[];
  };
  const isOfWords = (token: string): boolean => !/[a-z]▁/i.test(token) || /[<｜]/.test(token);
  const kept = {
    vocab: Object.fromEntries(Object.entries(vocab).filter(([token]) => isOfWords(token))),
    merges: merges.filter((pair) => isOfWords((typeof pair === 'string' ? pair.split(' ') : pair).join(''))),
  };
  return { tokenizer: { ...tokenizer, model: { ...model, ...kept } }, config };
}

const acrossWords = {
  sentencepiece_bpe: tokenizers.sentencepiece_bpe!,
  metaspace_first: tokenizers.metaspace_first!,
  llama2: { tokenizer: await readJson('fixtures/text/llama2/tokenizer.json'), config: {} },
};

/** All tokenizers of the fixtures, and those that classes of transformers make of them. */
const kinds: Readonly<Record<string, { readonly tokenizer: Parts; readonly config: Parts }>> = {
  ...tokenizers,
  ...Object.fromEntries(Object.entries(acrossWords).map(([kind, one]) => [kind, ofWords(one)])),
  base: { tokenizer: await readJson('fixtures/base/tokenizer.json'), config: {} },
  bytes: { tokenizer: byteTokenizer(), config: {} },
  ...Object.fromEntries(
    [
      ['byte_level', 'Qwen2Tokenizer'],
      ['byte_level', 'GPT2Tokenizer'],
      ['metaspace_first', 'LlamaTokenizer'],
      ['metaspace_first', 'GemmaTokenizer'],
    ].map(([kind, name]) => [
      name!,
      { ...ofWords(tokenizers[kind!]!), config: { ...tokenizers[kind!]!.config, tokenizer_class: name } },
    ]),
  ),
};

const pieces = [
  ...[
    'the',
    'Hessian',
    'a',
    'I',
    "don't",
    "'s",
    'ΑΣ',
    'ΟΔΟΣ',
    'é',
    'e\u0301',
    '日本語',
    '😀',
    '1234567',
    '3.14',
    '\u00a8',
  ],
  ...[
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    '  ',
    '\n',
    '\n\n',
    '\t',
    '\u00a0',
    '▁',
    '.',
    '...',
    '!?',
    '(',
    '_',
    '<0x41>',
    'zzzzzz',
  ],
  ...['</s>', '<|im_start|>', '[INST]', 'Ġ', '\u0000', '\ufb01', 'ing', 'er', 'of', 'and', 'in', 'to', 'word', 'A'],
];

function randomText(seed: number, count: number): string {
  const random = randomStream(seed, 'long texts');
  return Array.from({ length: count }, () => pieces[Math.floor(pieces.length * random.uniform())]!).join('');
}

for (const [kind, { tokenizer, config }] of Object.entries(kinds))
  test(`${kind}: up to a space between letters a text has the same tokens whatever follows`, () => {
    const definition = transformersForm(tokenizer, config, {}, {}, 'tokenizer.json').definition as Parts;
    assert.ok(keepsWordsApart(definition));
    const built = new Tokenizer(definition, config);
    const encode = (text: string) => built.encode(text, { add_special_tokens: false }).ids as number[];
    let places = 0;
    for (let seed = 0; seed < 30; seed++) {
      const text = randomText(seed, 120);
      const whole = encode(text);
      for (const { index } of text.matchAll(/(?<=[a-z]) (?=[a-z])/gi)) {
        // The last token may stand for more in the whole text, if it is unknown.
        const kept = encode(text.slice(0, index)).slice(0, -1);
        assert.equal(whole.slice(0, kept.length), kept, JSON.stringify(text.slice(0, index + 2)));
        places++;
      }
    }
    assert.ok(places > 30, `${places} places`);
  });

const bytes = byteTokenizer();
const vocabulary = (bytes.model as { vocab: object }).vocab;
const split = (Regex: string, behavior = 'Isolated') => ({
  type: 'Split',
  pattern: { Regex },
  behavior,
  invert: false,
});
const refused: Readonly<Record<string, Parts>> = {
  'an unknown expression': { pre_tokenizer: split('(?:a+)+b') },
  'an expression that looks further': { pre_tokenizer: split('\\p{L}+(?= end)|\\s+') },
  'words of two words': { pre_tokenizer: split('\\w+ \\w+|\\s+') },
  'a step behind the bytes': {
    pre_tokenizer: { type: 'Sequence', pretokenizers: [bytes.pre_tokenizer, { type: 'Digits' }] },
  },
  'a normaliser that joins words': { normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '' } },
  'a normaliser of an unknown expression': { normalizer: { type: 'Replace', pattern: { Regex: '.*$' }, content: '' } },
  'a token of two words': {
    pre_tokenizer: { type: 'ByteLevel', use_regex: false },
    model: { ...(bytes.model as object), vocab: { ...vocabulary, ofĠthe: 300 } },
  },
  'an added token of two words': { added_tokens: [{ id: 300, content: 'end of text' }] },
  'words that are tokens, unsplit': {
    pre_tokenizer: { type: 'ByteLevel', use_regex: false },
    model: { ...(bytes.model as object), ignore_merges: true },
  },
  'ends of words': { model: { ...(bytes.model as object), end_of_word_suffix: '</w>' } },
  WordPiece: { model: { type: 'WordPiece', vocab: vocabulary } },
};
for (const [what, change] of Object.entries(refused))
  test(`${what}: long texts are left whole`, () => assert.not(keepsWordsApart({ ...bytes, ...change })));

for (const [kind, { tokenizer, config }] of Object.entries(acrossWords))
  test(`${kind}, whose tokens reach over several words: long texts are left whole`, () =>
    assert.not(keepsWordsApart(transformersForm(tokenizer, config, {}, {}, 'tokenizer.json').definition as Parts)));

const chat = "{% for m in messages %}<s>{{ m['content'] }}</s>{% endfor %}{% if add_generation_prompt %}<s>{% endif %}";

for (const kind of ['byte_level', 'unigram', 'LlamaTokenizer'])
  test(`${kind}: long rows have the tokens and labels of whole ones, and most of them is not looked at`, () =>
    inTemporaryFolder(async (folder) => {
      const { tokenizer, config } = kinds[kind]!;
      await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
      await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ ...config, chat_template: chat }));
      const loaded = await loadTokenizer(folder);
      let most = 0;
      const seen: TextTokenizer = {
        ...loaded,
        encode(text, options) {
          const ids = loaded.encode(text, options);
          most = Math.max(most, ids.length);
          return ids;
        },
      };
      const whole: TextTokenizer = {
        ...loaded,
        encode: (text, { addSpecialTokens = false } = {}) => loaded.encode(text, { addSpecialTokens }),
      };
      const long = randomText(5, 2000).repeat(50);
      assert.ok(long.length > 2e5);
      const rows = [
        { prompt: 'Say it: ', completion: long },
        { prompt: 'Short ', completion: 'and whole' },
        { text: long },
        { messages: ['user', 'assistant'].map((role) => ({ role, content: role === 'user' ? 'Say it' : long })) },
      ];
      const maxLength = 512;
      const expected = toTokenRows(rows, { tokenizer: whole, maxLength });
      assert.equal(toTokenRows(rows, { tokenizer: seen, maxLength }), expected);
      assert.ok(expected.cut >= 3);
      assert.is(most, maxLength + 1);
      // Where more than a part of it is needed it is whole.
      const inFull = toTokenRows(rows.slice(0, 1), { tokenizer: seen, maxLength: 1e6 });
      assert.is(inFull.cut, 0);
      assert.is(inFull.rows[0]!.inputIds.length, most);
    }));

test.run();
