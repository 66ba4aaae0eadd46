import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream, sizeOf } from '../../../compute/index.ts';
import { emptyLayout } from '../../../training/adapters/create.ts';
import { toBatch } from '../../../training/data/batches.ts';
import { loadModel } from '../../../training/model.ts';
import { commandLine } from '../../cases/commandLine.ts';
import { mutateBytes } from '../../cases/mutations.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { runLlama2c, type Sizes, type Weights } from '../../oracles/llama2c.ts';

const sizes: Sizes = { dim: 16, hidden: 12, layers: 2, heads: 4, keyValueHeads: 2, vocabulary: 13 };
const maxLength = 10;

function shapes(shared: boolean): Map<string, number[]> {
  const { dim, hidden, layers, heads, keyValueHeads, vocabulary } = sizes;
  const keyValueDim = (dim / heads) * keyValueHeads;
  const block: Record<string, number[]> = {
    attention_norm: [dim],
    'attention.wq': [dim, dim],
    'attention.wk': [keyValueDim, dim],
    'attention.wv': [keyValueDim, dim],
    'attention.wo': [dim, dim],
    ffn_norm: [dim],
    'feed_forward.w1': [hidden, dim],
    'feed_forward.w2': [dim, hidden],
    'feed_forward.w3': [hidden, dim],
  };
  return new Map([
    ['tok_embeddings', [vocabulary, dim]],
    ...Array.from({ length: layers }, (_, layer) =>
      Object.entries(block).map(([name, shape]): [string, number[]] => [`layers.${layer}.${name}`, shape]),
    ).flat(),
    ['norm', [dim]],
    ...(shared ? [] : ([['output', [vocabulary, dim]]] as [string, number[]][])),
  ]);
}

function randomWeights(shared: boolean): Weights {
  const random = randomStream(1, 'a llama2.c model');
  const draw = (shape: number[]) =>
    Float32Array.from({ length: sizeOf(shape) }, () => (shape.length === 1 ? 1 : 0) + 0.4 * random.normal());
  return new Map([...shapes(shared)].map(([name, shape]) => [name, draw(shape)]));
}

/** A .bin file as llama2.c's export.py writes it, `legacy_export` (0) and `version1_export` (1). */
function binFile(version: 0 | 1, shared: boolean, weights: Weights): Uint8Array {
  const { dim, hidden, layers, heads, keyValueHeads, vocabulary } = sizes;
  const all = (name: string) => Array.from({ length: layers }, (_, layer) => weights.get(`layers.${layer}.${name}`)!);
  const projections = ['wq', 'wk', 'wv', 'wo'].flatMap((name) => all(`attention.${name}`));
  const network = ['w1', 'w2', 'w3'].flatMap((name) => all(`feed_forward.${name}`));
  const [embedding, norm] = [weights.get('tok_embeddings')!, weights.get('norm')!];
  const tables = new Float32Array(maxLength * (dim / heads / 2) * 2).fill(7);
  const output = shared ? [] : [weights.get('output')!];
  const values =
    version === 0
      ? [embedding, ...all('attention_norm'), ...projections, ...all('ffn_norm'), ...network, norm, tables, ...output]
      : [...all('attention_norm'), ...all('ffn_norm'), norm, embedding, ...projections, ...network, ...output];
  const numbers = [dim, hidden, layers, heads, keyValueHeads, vocabulary, maxLength];
  const header = Buffer.alloc(version === 0 ? 28 : 256);
  if (version === 1) {
    header.write('24ka', 'latin1');
    header.writeInt32LE(1, 4);
    header.writeUInt8(shared ? 1 : 0, 36);
  } else if (!shared) numbers[5] = -vocabulary;
  for (const [index, number] of numbers.entries()) header.writeInt32LE(number, (version === 1 ? 8 : 0) + 4 * index);
  return Buffer.concat([header, ...values.map(({ buffer }) => Buffer.from(buffer))]);
}

for (const version of [0, 1] as const)
  for (const shared of [true, false])
    test(`a checkpoint of version ${version} with ${shared ? 'a shared' : 'its own'} output computes what run.c does`, () =>
      inTemporaryFolder(async (folder) => {
        const weights = randomWeights(shared);
        await writeFile(join(folder, 'model.bin'), binFile(version, shared, weights));
        await writeFile(join(folder, 'some.json'), '{}');
        const out = join(folder, 'out');
        const { code, stdout, stderr } = await commandLine([
          ...['convert', join(folder, 'model.bin'), '--out', out, '--tokenizer', join(folder, 'some.json'), '--json'],
        ]);
        assert.is(code, 0, stderr);
        const parameters = [...weights.values()].reduce((sum, { length }) => sum + length, 0);
        assert.equal(JSON.parse(stdout), {
          ...{ checkpoint: out, format: 'llama2c', version, parameters, layers: 2, hiddenSize: 16, vocabSize: 13 },
        });
        assert.is(await readFile(join(out, 'tokenizer.json'), 'utf8'), '{}');
        await using model = await loadModel(out, { precision: 'float64', threads: 1 });
        assert.is(model.config.tieWordEmbeddings, shared);
        assert.is(model.config.maxPositions, maxLength);
        const inputIds = Int32Array.of(3, 1, 4, 1, 5, 9, 2, 6);
        const batch = toBatch([{ inputIds, labels: inputIds }], { precision: 'float64' });
        const executable = await model.logits(emptyLayout(), batch);
        const logits = (await executable.run(new Map(Object.entries(batch.inputs)))).get('logits')!;
        const expected = runLlama2c(sizes, weights, [...inputIds]).flat();
        const worst = expected.reduce((most, value, index) => Math.max(most, Math.abs(value - logits[index]!)), 0);
        assert.ok(worst < 1e-12, `largest difference ${worst}`);
      }));

test('what is no llama2.c checkpoint is refused, and nothing is written', () =>
  inTemporaryFolder(async (folder) => {
    const whole = Buffer.from(binFile(1, true, randomWeights(true)));
    const changed = (at: number, value: number) => {
      const bytes = Buffer.from(whole);
      bytes.writeInt32LE(value, at);
      return bytes;
    };
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(3), /a llama2\.c checkpoint of version 0 or 1, got 3 bytes/],
      [whole.subarray(0, 100), /header of 256 bytes, got 100 bytes/],
      [whole.subarray(0, 3000), /as its header says, got 3000 bytes; the file is cut short/],
      [Buffer.concat([whole, Buffer.alloc(4)]), /as its header says/],
      [changed(4, 2), /got version 2; .*quantised/],
      [changed(8, 15), /got sizes 15, 12, 2/],
      [changed(16, 2 ** 31 - 1), /got sizes 16, 12, 2147483647/],
      [changed(24, 3), /got sizes/],
      [Buffer.from('just some text, a little longer than 28 bytes'), /llama2\.c checkpoint/],
    ];
    const out = join(folder, 'out');
    for (const [bytes, message] of cases) {
      await writeFile(join(folder, 'bad.bin'), bytes);
      const { code, stderr } = await commandLine(['convert', join(folder, 'bad.bin'), '--out', out]);
      assert.is(code, 1);
      assert.match(stderr, /^lambdamax: .*bad\.bin: /);
      assert.match(stderr, message);
    }
    const random = randomStream(4, 'broken llama2.c checkpoints');
    for (let round = 0; round < 300; round++) {
      const start = mutateBytes(whole.subarray(0, 300), random);
      await writeFile(join(folder, 'bad.bin'), round % 2 === 0 ? start : Buffer.concat([start, whole.subarray(300)]));
      const { code, stderr } = await commandLine(['convert', join(folder, 'bad.bin'), '--out', out, '--overwrite']);
      assert.ok(code === 0 || (code === 1 && /^lambdamax: .*bad\.bin: [^\n]*\n$/.test(stderr)), stderr);
    }
    const wrong = await commandLine(['convert', join(folder, 'none.bin'), '--out', join(folder, 'nothing')]);
    assert.match(wrong.stderr, /none\.bin.*no such file/);
    assert.not(existsSync(join(folder, 'nothing')));
    assert.is((await commandLine(['convert', join(folder, 'bad.bin')])).code, 2);
  }));

test.run();
