import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encode } from '../../../compute/dtypes.ts';
import { randomStream } from '../../../compute/random.ts';
import { sizeOf } from '../../../compute/tensors.ts';
import { readAllTensors } from '../../../training/checkpoint/safetensors.ts';
import { type ConvertGgufOptions, convertGguf } from '../../../training/convert/gguf/convert.ts';
import { toTokenRows } from '../../../training/data/examples.ts';
import { loadTokenizer } from '../../../training/data/tokenizer/tokenizer.ts';
import { evaluate } from '../../../training/evaluate.ts';
import { stopTokens } from '../../../training/generate/stopTokens.ts';
import { loadModel } from '../../../training/model.ts';
import {
  type GgufParts,
  type GgufTensorBytes,
  ggufBytes,
  plainTensor,
  tinyGguf,
  tinySizes,
  tinyTokens,
  withFields,
  withTensors,
} from '../../cases/ggufBytes.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { storedTensors } from '../../oracles/storedTensors.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const architectures = ['llama', 'qwen2', 'qwen3', 'gemma3'] as const;
const { headSize, hidden } = tinySizes;

async function converted<T>(
  parts: GgufParts,
  use: (out: string, result: Awaited<ReturnType<typeof convertGguf>>) => Promise<T>,
  options: Omit<ConvertGgufOptions, 'out'> = {},
): Promise<T> {
  return inTemporaryFolder(async (folder) => {
    const [file, out] = [join(folder, 'model.gguf'), join(folder, 'out')];
    await writeFile(file, ggufBytes(parts));
    return use(out, await convertGguf(file, { out, ...options }));
  });
}

const json = async (out: string, name: string) => JSON.parse(await readFile(join(out, name), 'utf8'));
const configOf = (parts: GgufParts) => converted(parts, (out) => json(out, 'config.json'));
const refuses = (parts: GgufParts, ...patterns: RegExp[]) =>
  throwsClearly(() => converted(parts, async () => 'converted'), /model\.gguf/, ...patterns);

/** LlamaModel.permute of llama.cpp's converter: the rows of each head, halves to pairs. */
function permuted(values: Float32Array, heads: number, columns: number): Float32Array {
  const half = values.length / columns / heads / 2;
  const result = new Float32Array(values.length);
  for (let head = 0; head < heads; head++)
    for (let part = 0; part < 2; part++)
      for (let row = 0; row < half; row++) {
        const [from, to] = [(head * 2 + part) * half + row, (head * half + row) * 2 + part];
        result.set(values.subarray(from * columns, (from + 1) * columns), to * columns);
      }
  return result;
}

const floats = ({ bytes }: GgufTensorBytes) => new Float32Array(Uint8Array.from(bytes).buffer);

for (const architecture of architectures)
  for (const seed of [1, 2, 3])
    test(`${architecture}, seed ${seed}: every weight is found under transformers' name, and the model computes`, () => {
      const parts = tinyGguf(architecture, seed);
      return converted(parts, async (out, { dtype, isQuantised }) => {
        assert.equal([dtype, isQuantised], ['F32', false]);
        await using model = await loadModel(out, { threads: 1 });
        const stored = await readAllTensors(join(out, 'model.safetensors'));
        assert.equal([...stored.keys()].sort(), model.checkpoint.names().sort());
        assert.is(stored.size, Object.keys(parts.tensors).length);
        const { rows } = toTokenRows([{ input_ids: [5, 6, 7, 8, 9], labels: [5, 6, 7, 8, 9] }], { maxLength: 8 });
        assert.ok((await evaluate(model, rows, { batchSize: 1 })).loss > 0);
      });
    });

for (const seed of [1, 2, 3])
  test(`llama, seed ${seed}: rows of queries and keys that llama.cpp permuted are back in their places, and no others are moved`, () => {
    const random = randomStream(seed, 'rows');
    const parts = tinyGguf('llama', seed);
    const [queries, keys] = [2, 1].map((heads) =>
      Float32Array.from({ length: heads * headSize * hidden }, () => random.normal()),
    );
    const changed = withTensors(parts, {
      'blk.1.attn_q.weight': plainTensor([2 * headSize, hidden], permuted(queries!, 2, hidden)),
      'blk.1.attn_k.weight': plainTensor([headSize, hidden], permuted(keys!, 1, hidden)),
    });
    return converted(changed, async (out) => {
      const stored = await readAllTensors(join(out, 'model.safetensors'));
      assert.equal(stored.get('model.layers.1.self_attn.q_proj.weight')!.values, queries!);
      assert.equal(stored.get('model.layers.1.self_attn.k_proj.weight')!.values, keys!);
      const values = floats(parts.tensors['blk.1.attn_v.weight']!);
      assert.equal(stored.get('model.layers.1.self_attn.v_proj.weight')!.values, values);
    });
  });

test('qwen2: rows stand as they are; biases too', () => {
  const parts = tinyGguf('qwen2');
  return converted(parts, async (out) => {
    const stored = await readAllTensors(join(out, 'model.safetensors'));
    for (const kind of ['weight', 'bias'])
      assert.equal(
        stored.get(`model.layers.0.self_attn.q_proj.${kind}`)!.values,
        floats(parts.tensors[`blk.0.attn_q.${kind}`]!),
      );
  });
});

test("gemma3: norms lose the 1 that llama.cpp added, each to its own place; the embedding is the output's", () => {
  const parts = tinyGguf('gemma3');
  const names = {
    input_layernorm: 'attn_norm',
    post_attention_layernorm: 'post_attention_norm',
    pre_feedforward_layernorm: 'ffn_norm',
    post_feedforward_layernorm: 'post_ffw_norm',
    'self_attn.q_norm': 'attn_q_norm',
    'self_attn.k_norm': 'attn_k_norm',
  };
  return converted(parts, async (out) => {
    const stored = await readAllTensors(join(out, 'model.safetensors'));
    for (const [name, own] of Object.entries(names))
      assert.equal(
        stored.get(`model.layers.1.${name}.weight`)!.values,
        floats(parts.tensors[`blk.1.${own}.weight`]!).map((value) => value - 1),
      );
    const config = await json(out, 'config.json');
    assert.is(config.tie_word_embeddings, true);
    assert.is(config.query_pre_attn_scalar, headSize);
    assert.equal(config.rope_parameters.sliding_attention, { rope_theta: 10_000, rope_type: 'default' });
  });
});

test('BF16 is taken where every value is one, also of F32; else F32, unless it is asked for', async () => {
  const parts = tinyGguf('llama');
  const rounded = Object.fromEntries(
    Object.entries(parts.tensors).map(([name, tensor]) => {
      const bytes = encode(floats(tensor), 'BF16');
      const values = Float32Array.from(
        new Uint16Array(bytes.buffer),
        (bits) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!,
      );
      return [name, tensor.shape.length === 1 ? plainTensor(tensor.shape, values) : { ...tensor, type: 30, bytes }];
    }),
  );
  const exact = { ...parts, tensors: rounded };
  const dtypeOf = (given: GgufParts, dtype?: 'F32' | 'BF16') =>
    converted(given, async (out, result) => [result.dtype, (await json(out, 'config.json')).dtype], dtype && { dtype });
  assert.equal(await dtypeOf(exact), ['BF16', 'bfloat16']);
  assert.equal(await dtypeOf(exact, 'F32'), ['F32', 'float32']);
  assert.equal(await dtypeOf(parts), ['F32', 'float32']);
  assert.equal(await dtypeOf(parts, 'BF16'), ['BF16', 'bfloat16']);
  // One number that BF16 cannot hold.
  const norm = floats(rounded['output_norm.weight']!);
  norm[3] = 1 + 2 ** -12;
  assert.equal(await dtypeOf(withTensors(exact, { 'output_norm.weight': plainTensor([hidden], norm) })), [
    'F32',
    'float32',
  ]);
});

test('blocks of every kind make a row each, and the result says how many there are', () => {
  const parts = tinyGguf('llama');
  const bytes = new Uint8Array(64 * 18);
  const changed = withTensors(parts, { 'blk.0.ffn_gate.weight': { shape: [64, 32], type: 2, bytes } });
  return converted(changed, async (out, { types, isQuantised, parameters }) => {
    assert.equal(types, { F32: Object.keys(parts.tensors).length - 1, Q4_0: 1 });
    assert.is(isQuantised, true);
    assert.is(
      parameters,
      Object.values(parts.tensors).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    );
    const stored = await readAllTensors(join(out, 'model.safetensors'));
    assert.ok(stored.get('model.layers.0.mlp.gate_proj.weight')!.values.every((value) => value === 0));
  });
});

// Config.

test('a window makes a Mistral, none a Llama; what a writer rounded to float32 is as it was', async () => {
  const llama = tinyGguf('llama');
  const config = await configOf(llama);
  assert.equal([config.model_type, config.rms_norm_eps, config.tie_word_embeddings], ['llama', 1e-5, false]);
  const mistral = await configOf(withFields(llama, { 'llama.attention.sliding_window': 8 }));
  assert.equal([mistral.model_type, mistral.sliding_window], ['mistral', 8]);
});

const divisors = storedTensors(new URL('../../../fixtures/reference/blocks.safetensors', import.meta.url)).get(
  'llama3.32.64',
)!;

test("Llama 3's scaling is found again in its divisors, and others' are refused", async () => {
  const wide = 64;
  const random = randomStream(0, 'wide heads');
  const drawn = (...shape: number[]) =>
    plainTensor(
      shape,
      Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
    );
  const tensors = Object.fromEntries(
    [0, 1].flatMap((layer) => [
      [`blk.${layer}.attn_q.weight`, drawn(2 * wide, hidden)],
      [`blk.${layer}.attn_k.weight`, drawn(wide, hidden)],
      [`blk.${layer}.attn_v.weight`, drawn(wide, hidden)],
      [`blk.${layer}.attn_output.weight`, drawn(hidden, 2 * wide)],
    ]),
  );
  const parts = withFields(withTensors(tinyGguf('llama'), tensors), {
    ...{ 'llama.attention.key_length': wide, 'llama.rope.dimension_count': wide, 'llama.rope.freq_base': 500_000 },
  });
  const withDivisors = (values: ArrayLike<number>) =>
    withTensors(parts, { 'rope_freqs.weight': plainTensor([values.length], values) });
  const { rope_parameters: rope } = await configOf(withDivisors(divisors.values));
  assert.equal(rope, {
    ...{ rope_theta: 500_000, rope_type: 'llama3', factor: 32, low_freq_factor: 1, high_freq_factor: 4 },
    original_max_position_embeddings: 8192,
  });
  assert.is((await configOf(withDivisors(new Float32Array(32).fill(1)))).rope_parameters.rope_type, 'default');
  const other = divisors.values.map((value, pair) => (pair === 20 ? value * 1.01 : value));
  await refuses(withDivisors(other), /rope_freqs\.weight/, /Llama 3's scaling by 32/);
  await refuses(withDivisors(divisors.values.subarray(1)), /rope_freqs\.weight/);
  await refuses(
    withFields(withDivisors(divisors.values), { 'llama.rope.scaling.type': 'yarn', 'llama.rope.scaling.factor': 4 }),
    /scaling\.type/,
  );
});

test('linear and yarn scaling are kept', async () => {
  const scaled = (more: Readonly<Record<string, string | number>>) =>
    configOf(
      withFields(
        tinyGguf('qwen2'),
        Object.fromEntries(Object.entries(more).map(([key, value]) => [`qwen2.rope.${key}`, value])),
      ),
    );
  assert.equal((await scaled({ 'scaling.type': 'linear', 'scaling.factor': 4 })).rope_parameters, {
    ...{ rope_theta: 10_000, rope_type: 'linear', factor: 4 },
  });
  assert.is((await scaled({ scale_linear: 2.5 })).rope_parameters.factor, 2.5);
  assert.is((await scaled({ 'scaling.type': 'none', 'scaling.factor': 4 })).rope_parameters.rope_type, 'default');
  const yarn = await scaled({ 'scaling.type': 'yarn', 'scaling.factor': 4, 'scaling.original_context_length': 64 });
  assert.is(yarn.rope_parameters.original_max_position_embeddings, 64);
  assert.ok(Math.abs(yarn.rope_parameters.attention_factor - (0.1 * Math.log(4) + 1)) < 1e-12);
  assert.equal([yarn.rope_parameters.beta_fast, yarn.rope_parameters.beta_slow], [32, 1]);
});

// Tokens.

test('a byte-level vocabulary: digits one by one, chat template, what ends a turn', () =>
  converted(tinyGguf('llama'), async (out) => {
    const tokenizer = await loadTokenizer(out);
    const pieces = (text: string) => tokenizer.pieces(text).pieces.map(({ token }) => token);
    assert.equal(pieces('the a12  3'), ['t', 'he', 'Ġa', '1', '2', 'ĠĠ', '3']);
    assert.equal(tokenizer.encode('<|im_start|>a<|im_end|>')[0], 1);
    assert.is(tokenizer.eosToken, '<|im_end|>');
    assert.is(tokenizer.vocabSize, tinyTokens.length);
    const text = tokenizer.chat!.render([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true });
    assert.is(text, '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n');
    await using model = await loadModel(out, { threads: 1 });
    assert.equal([...(await stopTokens(model))], [2]);
  }));

test('bos stands before a text where the file says so, or its pre-tokenizer does', async () => {
  const firstOf = (changed: Readonly<Record<string, string | boolean>>) =>
    converted(withFields(tinyGguf('llama'), changed), async (out) =>
      (await loadTokenizer(out)).encode('b', { addSpecialTokens: true }).slice(0, -1),
    );
  assert.equal(await firstOf({}), []);
  assert.equal(await firstOf({ 'tokenizer.ggml.add_bos_token': true }), [1]);
  assert.equal(await firstOf({ 'tokenizer.ggml.pre': 'llama-bpe' }), [1]);
  assert.equal(await firstOf({ 'tokenizer.ggml.pre': 'llama-bpe', 'tokenizer.ggml.add_bos_token': false }), []);
});

/** A SentencePiece vocabulary in which a byte order mark makes the difference between two tokens. */
const pieces = ['<unk>', '<s>', '</s>', '▁', 'a', 'b', 'ab', '▁ab', '\ufeffab', '\ufeff', '__proto__', '7'];
const sentencePiece = () => {
  const tokens = [...pieces, ...tinyTokens.slice(pieces.length).map((_, index) => `[unused${index}]`)];
  return withFields(tinyGguf('llama'), {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.pre': 'default',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.scores': tokens.map((_, index) => -index - 0.5),
    'tokenizer.ggml.token_type': tokens.map((_, index) =>
      index === 0 ? 2 : index < 3 ? 3 : index < pieces.length ? 1 : 5,
    ),
    'tokenizer.ggml.merges': undefined,
  });
};

test('a SentencePiece vocabulary: merges by scores, a space in front, byte order marks apart', () =>
  converted(sentencePiece(), async (out) => {
    const tokenizer = await loadTokenizer(out);
    const read = (text: string) => tokenizer.pieces(text).pieces.map(({ token }) => token);
    assert.equal(read('ab ab'), ['▁ab', '▁ab']);
    assert.equal(read('ab\ufeffab'), ['▁ab', '\ufeffab']);
    assert.equal(tokenizer.encode('ab', { addSpecialTokens: true }), [1, 7]);
    const { model } = await json(out, 'tokenizer.json');
    assert.equal(model.merges.slice(0, 2), [
      ['a', 'b'],
      ['▁', 'ab'],
    ]);
    assert.is(Object.keys(model.vocab).length, tinyTokens.length);
  }));

test('a tokenizer.json of the user stands for what a file has, of whatever kind', () =>
  inTemporaryFolder(async (folder) => {
    const own = join(folder, 'tokenizer.json');
    await writeFile(own, '{"own": true}');
    const parts = withFields(tinyGguf('llama'), { 'tokenizer.ggml.pre': 'brand-new' });
    await converted(
      parts,
      async (out) => {
        assert.equal(await json(out, 'tokenizer.json'), { own: true });
        assert.is((await json(out, 'tokenizer_config.json')).eos_token, '<|im_end|>');
      },
      { tokenizer: own },
    );
  }));

test('a file without a vocabulary makes a folder without a tokenizer', () => {
  const bare = Object.keys(tinyGguf('llama').fields).filter((key) => key.startsWith('tokenizer.'));
  const parts = withFields(tinyGguf('llama'), Object.fromEntries(bare.map((key) => [key, undefined])));
  return converted(parts, async (out, { hasTokenizer }) => {
    assert.is(hasTokenizer, false);
    await using model = await loadModel(out, { threads: 1 });
    assert.is(model.decoder.config.vocabSize, tinyTokens.length);
  });
});

test.run();
