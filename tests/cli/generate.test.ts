import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAdapter } from '../../training/adapters/create.ts';
import { saveAdapter } from '../../training/adapters/files/files.ts';
import { loadModel } from '../../training/model.ts';
import { bundledModel } from '../../training/package.ts';
import { commandLine, spawnedCommandLine } from '../cases/commandLine.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { failsClearly, onlyObject, resultOf } from '../oracles/commands.ts';
import { recomputed } from '../oracles/recompute.ts';

interface Generated {
  readonly text: string;
  readonly tokens: number;
  readonly promptTokens: number;
  readonly end: string;
  readonly seconds: number;
}

const prompt = 'Question: Ann has 13 hats. She finds 24 more. How many hats does Ann have now?\nAnswer:';
const exact = ['--precision', 'float64', '--threads', '1'];

test('a text and its continuation are what the model computes on their tokens, up to eos', async () => {
  const { seconds, ...result } = await resultOf<Generated>('generate', '--prompt', prompt, ...exact);
  await using model = await loadModel(bundledModel(), { precision: 'float64', threads: 1 });
  const tokenizer = await model.tokenizer();
  const tokens = await recomputed(model, tokenizer.encode(prompt), result.tokens + 1);
  assert.is(tokens.at(-1), tokenizer.eosTokenId);
  const text = tokenizer.decode(tokens);
  assert.equal(result, { text, tokens: tokens.length - 1, promptTokens: tokenizer.encode(prompt).length, end: 'stop' });
  assert.match(text, /^ Ann has 13\+24=37 \w+\.$/);
});

test('without --json the continuation is all of standard output; it stops where it is told to', async () => {
  const whole = await resultOf<Generated>('generate', '--prompt', prompt, ...exact);
  const line = ['generate', '--prompt', prompt, '--max-new-tokens', '5', ...exact];
  const five = await resultOf<Generated>(...line);
  assert.is(five.tokens, 5);
  assert.is(five.end, 'length');
  assert.ok(whole.text.startsWith(five.text));
  const { code, stdout, stderr } = await commandLine([...line, '--quiet']);
  assert.equal({ code, stdout, stderr }, { code: 0, stdout: `${five.text}\n`, stderr: '' });
});

test('what is drawn follows from the seed', async () => {
  const drawn = async (...options: string[]) => {
    const result = await resultOf<Generated>('generate', '--prompt', 'Ann', ...exact, '--temperature', '1', ...options);
    return result.text;
  };
  assert.is(await drawn('--seed', '1'), await drawn('--seed', '1', '--top-p', '1'));
  assert.is.not(await drawn('--seed', '1'), await drawn('--seed', '2'));
  const [greedy, nearly] = [await drawn('--temperature', '0'), await drawn('--top-p', '1e-6')];
  assert.is(nearly, greedy);
});

test('--adapter is applied, and a diverged one is said to be', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await loadModel(bundledModel(), { precision: 'float64', threads: 1 });
    const adapter = await createAdapter(model, { method: 'dora' });
    const written = async () => {
      await saveAdapter(model, adapter, folder);
      return commandLine(['generate', '--prompt', prompt, '--adapter', folder, '--json', '--quiet', ...exact]);
    };
    const base = await resultOf<Generated>('generate', '--prompt', prompt, ...exact);
    assert.is(onlyObject<Generated>(await written()).text, base.text);
    adapter.parameters.forEach((value, index) => {
      adapter.parameters[index] = value + 0.3 * Math.sin(index);
    });
    const tokenizer = await model.tokenizer();
    const changed = onlyObject<Generated>(await written());
    // A saved adapter is in float32.
    adapter.parameters.set(Float32Array.from(adapter.parameters));
    const expected = await recomputed(model, tokenizer.encode(prompt), changed.tokens, { adapter });
    assert.is(changed.text, tokenizer.decode(expected));
    assert.is.not(changed.text, base.text);
    // Finite, and too large for what is computed of it.
    adapter.parameters.fill(1e200);
    const { code, stdout, stderr } = await written();
    assert.is(code, 0);
    assert.is((JSON.parse(stdout) as Generated).end, 'notFinite');
    assert.match(stderr, /not finite/);
  }));

test('wrong options are wrong usage', async () => {
  await failsClearly(['generate'], 2, /--prompt: expected a text, got nothing/);
  for (const [option, value] of [
    ['--max-new-tokens', '0'],
    ['--temperature', '-1'],
    ['--top-p', '0'],
    ['--top-p', '1.1'],
    ['--seed', 'x'],
  ])
    await failsClearly(['generate', '--prompt', 'Ann', option!, value!], 2, new RegExp(`${option}: expected`));
  await failsClearly(['generate', '--prompt', 'Ann', '--top-p', '0.9'], 2, /--top-p: expected --temperature beside it/);
  await failsClearly(['generate', '--prompt', 'Ann', '--method', 'lora'], 2, /--method: expected --adapter beside it/);
  await failsClearly(['generate', '--prompt', ''], 1, /prompt 1: expected 1 to 511 tokens/);
});

test('a model without a tokenizer is refused by name', () =>
  inTemporaryFolder(async (folder) => {
    for (const file of ['config.json', 'model.safetensors']) await cp(join(bundledModel(), file), join(folder, file));
    await failsClearly(['generate', '--model', folder, '--prompt', 'Ann'], 1, /tokenizer\.json/);
  }));

test('in a process of its own standard output is the object and nothing else', () =>
  inTemporaryFolder(async (folder) => {
    const line = ['generate', '--prompt', prompt, '--json', '--quiet', '--threads', '1'];
    const outcome = await spawnedCommandLine(line, folder);
    assert.is(outcome.stderr, '');
    assert.equal(Object.keys(onlyObject<Generated>(outcome)).sort(), [
      'end',
      'promptTokens',
      'seconds',
      'text',
      'tokens',
    ]);
  }));

test.run();
