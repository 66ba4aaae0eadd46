import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { LambdamaxError } from '../../../errors.ts';
import { loadTokenizer } from '../../../training/data/tokenizer/tokenizer.ts';
import { byteTokenizer, special, writeByteTokenizer } from '../../cases/byteTokenizer.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const loaded = await inTemporaryFolder(async (folder) => {
  await writeByteTokenizer(folder);
  return loadTokenizer(folder);
});

const bytesOf = (text: string) => [...new TextEncoder().encode(text)].map((byte) => byte + 3);

test('tokens are the bytes of the text, after its merges, with bos where asked', () => {
  assert.equal(loaded.encode('42 x'), bytesOf('42 x'));
  assert.equal(loaded.encode('hehh'), [259, ...bytesOf('hh')]);
  assert.equal(loaded.encode('4', { addSpecialTokens: true }), [special.bos, ...bytesOf('4')]);
  assert.equal(loaded.encode(''), []);
  assert.equal(loaded.encode('a<eos>'), [...bytesOf('a'), special.eos]);
});

/** The tokens of a text under a byte tokenizer with other steps before its merges, and one more merge. */
const withMerge = (merge: readonly [string, string], pre_tokenizer: object, text: string) =>
  inTemporaryFolder(async (folder) => {
    const definition = byteTokenizer() as { model: { vocab: Record<string, number> } };
    const model = { ...definition.model, vocab: { ...definition.model.vocab, [merge.join('')]: 260 }, merges: [merge] };
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...definition, model, pre_tokenizer }));
    return (await loadTokenizer(folder)).encode(text);
  });
const bytesAsLetters = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

test("white space and digits are Unicode's: a byte order mark is none, a power is one", async () => {
  // The bytes of U+FEFF and of the power two, as letters: EF BB BF and C2 B2. A merge shows what is one word.
  assert.equal(await withMerge(['Ġ', 'ï'], bytesAsLetters, 'a \ufeffb'), [
    ...[...bytesOf('a'), 260, 0xbb + 3, 0xbf + 3],
    ...bytesOf('b'),
  ]);
  const digits = (individual_digits: boolean) => ({
    type: 'Sequence',
    pretokenizers: [{ type: 'Digits', individual_digits }, bytesAsLetters],
  });
  assert.equal(await withMerge(['1', 'Â'], digits(false), 'x1²'), [...bytesOf('x'), 260, 0xb2 + 3]);
  assert.equal(await withMerge(['1', 'Â'], digits(true), 'x1²'), bytesOf('x1²'));
  // Digits are apart from what stands before them.
  assert.equal(await withMerge(['x', '1'], digits(false), 'x1'), bytesOf('x1'));
  assert.equal(await withMerge(['Ġ', '1'], digits(false), ' 1'), bytesOf(' 1'));
  assert.equal(await withMerge(['Ġ', '1'], bytesAsLetters, ' 1'), [260]);
});

test('eos and the size of the vocabulary come from the files', () => {
  assert.is(loaded.eosTokenId, special.eos);
  assert.is(loaded.vocabSize, 260);
});

test('a decoded text is the text that was encoded, spaces, accents and emoji included', () => {
  const random = randomStream(2, 'texts');
  const letters = ['a', ' ', ' ', '.', ',', ' .', "n't", '\n', '\t', 'é', '日', '🦙', '0', '<', '\\', '\u00a0'];
  for (let round = 0; round < 100; round++) {
    const text = Array.from({ length: random.integer(30) }, () => letters[random.integer(letters.length)]).join('');
    assert.is(loaded.decode(loaded.encode(text, { addSpecialTokens: true })), text);
  }
});

test('special tokens are shown where asked', () => {
  const ids = Int32Array.of(special.bos, ...bytesOf('hi'), special.eos);
  assert.is(loaded.decode(ids), 'hi');
  assert.is(loaded.decode(ids, { skipSpecialTokens: false }), '<bos>hi<eos>');
  assert.is(loaded.decode([]), '');
});

test('eos is found as an object, in the config of the model, or not at all', () =>
  inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(byteTokenizer()));
    assert.is((await loadTokenizer(folder)).eosTokenId, null);
    await writeFile(join(folder, 'config.json'), JSON.stringify({ eos_token_id: [7, 8] }));
    assert.is((await loadTokenizer(folder)).eosTokenId, 7);
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: { content: '<eos>' } }));
    assert.is((await loadTokenizer(folder)).eosTokenId, special.eos);
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '</s>' }));
    await throwsClearly(() => loadTokenizer(folder), /eos_token in .*tokenizer_config\.json.*got <\/s>/);
  }));

test('special_tokens_map.json has the last word, unless tokenizer_config.json lists the added tokens', () =>
  inTemporaryFolder(async (folder) => {
    const write = (name: string, value: object) => writeFile(join(folder, name), JSON.stringify(value));
    await write('tokenizer.json', byteTokenizer());
    await write('special_tokens_map.json', { eos_token: { content: '<eos>', lstrip: false } });
    assert.is((await loadTokenizer(folder)).eosTokenId, special.eos);
    await write('tokenizer_config.json', { eos_token: '<bos>' });
    assert.is((await loadTokenizer(folder)).eosTokenId, special.eos);
    await write('tokenizer_config.json', { eos_token: '<bos>', added_tokens_decoder: {} });
    assert.is((await loadTokenizer(folder)).eosTokenId, special.bos);
  }));

test('added_tokens_decoder says how tokens are split off, and added_tokens.json where there is no such list', () =>
  inTemporaryFolder(async (folder) => {
    const write = (name: string, value: object) => writeFile(join(folder, name), JSON.stringify(value));
    await write('tokenizer.json', byteTokenizer());
    const flags = { lstrip: false, rstrip: false, normalized: false, single_word: false, special: true };
    const list = { 2: { ...flags, content: '<eos>', lstrip: true, rstrip: true }, 259: { ...flags, content: 'he' } };
    await write('added_tokens.json', { he: 259 });
    assert.equal((await loadTokenizer(folder)).encode('a <eos> he'), [
      ...[...bytesOf('a '), special.eos, ...bytesOf(' '), 259],
    ]);
    await write('tokenizer_config.json', { added_tokens_decoder: list });
    const { encode, decode } = await loadTokenizer(folder);
    assert.equal(encode('a <eos> he'), [...bytesOf('a'), special.eos, 259]);
    assert.is(decode([259, special.eos, ...bytesOf('x')]), 'x');
    await write('tokenizer_config.json', {
      added_tokens_decoder: { 259: { ...flags, content: 'he', single_word: true } },
    });
    await throwsClearly(() => loadTokenizer(folder), /token he .*single_word false/);
    await write('tokenizer_config.json', { added_tokens_decoder: { 259: 'he' } });
    await throwsClearly(() => loadTokenizer(folder), /added_tokens_decoder 259 in tokenizer_config\.json/);
  }));

test('a token that has no id is refused by name once a text contains it', () =>
  inTemporaryFolder(async (folder) => {
    const write = (name: string, value: object) => writeFile(join(folder, name), JSON.stringify(value));
    const refuses = async (from: RegExp) => {
      const { encode, pieces } = await loadTokenizer(folder);
      assert.equal(encode('a [PAD'), bytesOf('a [PAD'));
      for (const read of [encode, pieces]) await throwsClearly(() => read('a [PAD] b'), from);
    };
    await write('tokenizer.json', byteTokenizer());
    await write('tokenizer_config.json', { pad_token: '[PAD]' });
    await refuses(/token \[PAD\] of .*tokenizer_config\.json.*save it again/);
    await write('tokenizer_config.json', { extra_special_tokens: ['[PAD]'] });
    await refuses(/token \[PAD\] of .*tokenizer_config\.json/);
    await write('tokenizer_config.json', { added_tokens_decoder: { 300: { content: '[PAD]' } } });
    await refuses(/token \[PAD\] of tokenizer_config\.json/);
    await write('tokenizer_config.json', {});
    await write('special_tokens_map.json', { pad_token: { content: '[PAD]' } });
    await refuses(/token \[PAD\] of .*special_tokens_map\.json/);
    await write('special_tokens_map.json', {});
    await write('added_tokens.json', { '[PAD]': 260 });
    await refuses(/token \[PAD\] of added_tokens\.json/);
    // A normaliser could make the token of another text: no text is safe.
    await write('tokenizer.json', { ...byteTokenizer(), normalizer: { type: 'Lowercase' } });
    await throwsClearly(() => loadTokenizer(folder), /token \[PAD\] of added_tokens\.json/);
  }));

test('a token without an id is an error, not an undefined number in the data', () =>
  inTemporaryFolder(async (folder) => {
    const model = { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', vocab: { a: 0, b: 1 } };
    const pre_tokenizer = { type: 'Whitespace' };
    const words = { ...byteTokenizer(), model, pre_tokenizer, post_processor: null, decoder: null, added_tokens: [] };
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(words));
    const { encode } = await loadTokenizer(folder);
    assert.equal(encode('b a'), [1, 0]);
    await throwsClearly(() => encode('a z'), /tokenizer\.json.*"a z", token 1/);
  }));

test('as in Hugging Face, byte-level BPE leaves out a byte that no token stands for', () =>
  inTemporaryFolder(async (folder) => {
    const tokenizer = byteTokenizer();
    delete (tokenizer.model as { vocab: Record<string, number> }).vocab.z;
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
    assert.equal((await loadTokenizer(folder)).encode('azb'), bytesOf('ab'));
  }));

test('a missing tokenizer and files that are none are named', () =>
  inTemporaryFolder(async (folder) => {
    await throwsClearly(() => loadTokenizer(folder), /tokenizer\.json.*no such file/);
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      '{}',
      '{"model": {}}',
      JSON.stringify({ ...byteTokenizer(), model: null }),
    ]) {
      await writeFile(join(folder, 'tokenizer.json'), text);
      await throwsClearly(() => loadTokenizer(folder), /tokenizer\.json: expected/);
    }
    await writeByteTokenizer(folder);
    await writeFile(join(folder, 'tokenizer_config.json'), '{"eos_token":');
    await throwsClearly(() => loadTokenizer(folder), /tokenizer_config\.json.*valid JSON/);
  }));

test('no mutation or truncation of a tokenizer does worse than a LambdamaxError', () =>
  inTemporaryFolder(async (folder) => {
    const bytes = Buffer.from(JSON.stringify(byteTokenizer()));
    const random = randomStream(4, 'mutations of a tokenizer');
    const outcomes = { used: 0, refused: 0 };
    for (let round = 0; round < 200; round++) {
      const mutant = Buffer.from(bytes.subarray(0, round % 4 === 0 ? random.integer(bytes.length) : bytes.length));
      if (round % 4 !== 0) mutant[random.integer(mutant.length)] = 32 + random.integer(95);
      await writeFile(join(folder, 'tokenizer.json'), mutant);
      try {
        const tokenizer = await loadTokenizer(folder);
        tokenizer.decode(tokenizer.encode('he said: 4 + 4.', { addSpecialTokens: true }));
        outcomes.used++;
      } catch (error) {
        assert.ok(error instanceof LambdamaxError, `round ${round}: ${error}`);
        outcomes.refused++;
      }
    }
    assert.ok(outcomes.used > 10 && outcomes.refused > 50, JSON.stringify(outcomes));
  }));

test.run();
