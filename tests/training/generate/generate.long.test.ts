import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cpuBackend, randomStream, wasmBackend } from '../../../compute/index.ts';
import { createAdapter } from '../../../training/adapters/create.ts';
import { type GenerateOptions, generate } from '../../../training/generate/generate.ts';
import { stopTokens } from '../../../training/generate/stopTokens.ts';
import { loadModel, type Model } from '../../../training/model.ts';
import { bundledModel } from '../../../training/package.ts';
import { adapterCases, referenceAdapter, referenceFile, referenceModel } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { recomputed } from '../../oracles/recompute.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const never = new Set<number>();
/** 19 tokens, 512 positions. */
const longModel = fileURLToPath(new URL('../../../fixtures/families/models/llama-llama3', import.meta.url));

function randomPrompts(model: Model, lengths: readonly number[]): number[][] {
  const random = randomStream(7, 'prompts');
  return lengths.map((length) => Array.from({ length }, () => random.integer(model.config.vocabSize)));
}

for (const { architecture, variant } of [...adapterCases, { architecture: 'llama', variant: 'full' } as const])
  test(`an adapter of ${variant} on ${architecture} continues prompts with a cache as without`, async () => {
    await using model = await referenceModel(architecture, 'float64');
    const adapter = await referenceAdapter(model, variant, 'perturbed', architecture);
    const prompts = randomPrompts(model, [4, 9]);
    const generated = await generate(model, prompts, { adapter, maxNewTokens: 6, stop: never });
    for (const [index, prompt] of prompts.entries())
      assert.equal([...generated[index]!.tokens], await recomputed(model, prompt, 6, { adapter }));
  });

test('rows that end at different times, in a cache that shrinks and grows, are what each is alone', async () => {
  await using model = await loadModel(longModel, { precision: 'float64', threads: 1 });
  const prompts = randomPrompts(model, [5, 20, 33, 2, 8, 8, 1, 17, 40, 3, 11]);
  const [temperature, maxNewTokens] = [0.5, 100];
  const stop = new Set([1]);
  const together = await generate(model, prompts, { temperature, maxNewTokens, stop });
  const lengths = new Set(together.map(({ tokens }) => tokens.length));
  assert.ok(lengths.size > 5, `${[...lengths]}`);
  assert.ok(together.some(({ tokens }, index) => tokens.length + prompts[index]!.length > 128));
  for (const [index, prompt] of prompts.entries()) {
    const whole = await recomputed(model, prompt, maxNewTokens, { temperature, index });
    const end = whole.findIndex((token) => stop.has(token));
    assert.equal([...together[index]!.tokens], end < 0 ? whole : whole.slice(0, end), `prompt ${index}`);
    assert.is(together[index]!.end, end < 0 ? 'length' : 'stop');
  }
});

test('the size of batches changes nothing', async () => {
  await using model = await loadModel(longModel, { precision: 'float64', threads: 1 });
  const prompts = randomPrompts(model, [5, 2, 8, 8, 1, 17, 3]);
  const options = { temperature: 1, maxNewTokens: 9 };
  const expected = await generate(model, prompts, options);
  for (const batchSize of [1, 2, 5]) assert.equal(await generate(model, prompts, { ...options, batchSize }), expected);
});

for (const backend of [cpuBackend, wasmBackend])
  test(`TensorFlow.js's ${backend.name} generates what ONNX Runtime does`, async () => {
    await using model = await referenceModel('mistral', 'float32');
    await using other = await referenceModel('mistral', 'float32', backend);
    const prompts = randomPrompts(model, [3, 9]);
    const options = { maxNewTokens: 8, stop: never };
    assert.equal(await generate(other, prompts, options), await generate(model, prompts, options));
  });

test('the same seed draws the same tokens, another one others', async () => {
  await using model = await referenceModel('llama', 'float32');
  const prompts = randomPrompts(model, [4, 4]);
  const drawn = (seed: number) => generate(model, prompts, { seed, temperature: 2, maxNewTokens: 12 });
  assert.equal(await drawn(1), await drawn(1));
  assert.not.equal(await drawn(1), await drawn(2));
});

test('a row ends where the model has no more positions', async () => {
  await using model = await referenceModel('gpt2', 'float64');
  const [prompt] = randomPrompts(model, [29]);
  const [generated] = await generate(model, [prompt!], { maxNewTokens: 10, stop: never });
  assert.equal([...generated!.tokens], await recomputed(model, prompt!, 3));
  assert.is(generated!.end, 'length');
});

test('a row that fills the model leaves the others what they are', () =>
  inTemporaryFolder(async (folder) => {
    await cp(longModel, folder, { recursive: true });
    const file = join(folder, 'config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...config, max_position_embeddings: 65 }));
    await using model = await loadModel(folder, { precision: 'float64', threads: 1 });
    const prompts = randomPrompts(model, [1, 62, 2, 3, 5, 4]);
    const generated = await generate(model, prompts, { maxNewTokens: 30, stop: never });
    assert.equal(
      generated.map(({ tokens, end }) => [tokens.length, end]),
      [30, 3, 30, 30, 30, 30].map((count) => [count, 'length']),
    );
    for (const [index, prompt] of prompts.entries()) {
      const { tokens } = generated[index]!;
      assert.equal([...tokens], await recomputed(model, prompt, tokens.length), `prompt ${index}`);
    }
  }));

test('a diverged adapter ends its rows, and says so', async () => {
  await using model = await referenceModel('llama', 'float32');
  const adapter = await createAdapter(model, { method: 'lora' });
  adapter.parameters.fill(Number.NaN);
  const generated = await generate(model, [[1, 2], [3]], { adapter });
  assert.equal(generated, Array(2).fill({ tokens: new Int32Array(0), end: 'notFinite' }));
});

test('progress counts the prompts that are done, and the tokens', async () => {
  await using model = await referenceModel('llama', 'float32');
  const told: number[][] = [];
  const onProgress = (done: number, tokens: number) => told.push([done, tokens]);
  await generate(model, [[1], [2], [3]], { maxNewTokens: 2, stop: never, batchSize: 2, onProgress });
  assert.equal(told, [
    [0, 2],
    [2, 4],
    [2, 5],
    [3, 6],
  ]);
  assert.equal(await generate(model, []), []);
});

test('what cannot be continued is refused by name', async () => {
  await using model = await referenceModel('llama', 'float32');
  const refused = (prompts: number[][], options: GenerateOptions, ...patterns: RegExp[]) =>
    throwsClearly(() => generate(model, prompts, options), ...patterns);
  await refused([[1], []], {}, /^prompt 2: expected 1 to 63 tokens, for a model of 64 positions, got 0$/);
  await refused([Array(64).fill(1)], {}, /^prompt 1: .*got 64$/);
  await refused([[1, 97]], {}, /^prompt 1: expected token ids from 0 to 96, got 97$/);
  await refused([[-1]], {}, /^prompt 1: .*got -1$/);
  await refused([[1]], { maxNewTokens: 0 }, /^maxNewTokens: /);
  await refused([[1]], { temperature: -1 }, /^temperature: /);
  await refused([[1]], { temperature: Number.NaN }, /^temperature: /);
  await refused([[1]], { topP: 0 }, /^topP: /);
  await refused([[1]], { topP: 1.5 }, /^topP: /);
  await refused([[1]], { batchSize: 0 }, /^batchSize: /);
});

test('the tokens that end texts are those that the files of a model list', () =>
  inTemporaryFolder(async (folder) => {
    await cp(fileURLToPath(referenceFile('models/llama')), folder, { recursive: true });
    const stops = async (written: object) => {
      await writeFile(join(folder, 'generation_config.json'), JSON.stringify(written));
      await using model = await loadModel(folder);
      return [...(await stopTokens(model))];
    };
    assert.equal(await stops({ eos_token_id: [7, 9] }), [7, 9]);
    assert.equal(await stops({ eos_token_id: 8 }), [8]);
    assert.equal(await stops({}), []);
    await using bundled = await loadModel(bundledModel());
    assert.equal([...(await stopTokens(bundled))], [1]);
  }));

test.run();
