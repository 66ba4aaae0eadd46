import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine } from '../cases/commandLine.ts';
import { ggufBytes, tinyGguf, tinySizes, tinyTokens, withFields, withTensors } from '../cases/ggufBytes.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

const { layers, hidden } = tinySizes;
const plain = tinyGguf('llama');
const quantised = withTensors(plain, {
  'blk.0.ffn_gate.weight': { shape: [64, 32], type: 8, bytes: new Uint8Array(64 * 34).fill(0x11) },
});
const note = /those of the quantised weights, not of the model that they were made from/;

async function inFolderWith<T>(content: Uint8Array, use: (file: string, out: string) => Promise<T>): Promise<T> {
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, 'tiny.gguf');
    await writeFile(file, content);
    return use(file, join(folder, 'out'));
  });
}

test('the result says what was converted, and of a quantised file what its curvature is that of, quiet or not', () =>
  inFolderWith(ggufBytes(quantised), async (file, out) => {
    const { code, stdout, stderr } = await commandLine(['convert', file, '--out', out, '--json', '--quiet']);
    assert.is(code, 0, stderr);
    assert.match(stderr, note);
    const { parameters, types, ...rest } = JSON.parse(stdout);
    assert.equal(rest, {
      ...{ checkpoint: out, format: 'gguf', architecture: 'llama', dtype: 'F32', quantised: true, tokenizer: true },
      ...{ layers, hiddenSize: hidden, vocabSize: tinyTokens.length },
    });
    assert.equal(types, { F32: Object.keys(plain.tensors).length - 1, Q8_0: 1 });
    assert.ok(parameters > 10_000);
    const words = await commandLine(['convert', file, '--out', out, '--overwrite', '--dtype', 'bf16']);
    assert.match(
      words.stdout,
      /^\d+ parameters in 2 layers of width 32, 264 tokens\nllama: .*1 in Q8_0.*written in BF16\n/,
    );
    assert.match(words.stderr, note);
    // Where nobody watches, a line every tenth of the way.
    assert.match(words.stderr, /weights \d+\/21/);
  }));

test('of a file that is not quantised nothing is said', () =>
  inFolderWith(ggufBytes(plain), async (file, out) => {
    const { code, stderr } = await commandLine(['convert', file, '--out', out, '--quiet']);
    assert.equal([code, stderr], [0, '']);
  }));

test('--model takes the folder: conversations are read by its template and trained on, prompts are continued', () =>
  inFolderWith(ggufBytes(quantised), async (file, out) => {
    await resultOf('convert', file, '--out', out);
    const data = `${out}.jsonl`;
    const turns = [
      { role: 'user', content: 'What is 12?' },
      { role: 'assistant', content: 'The number 12.' },
    ];
    await writeFile(data, `${JSON.stringify({ messages: turns })}\n`.repeat(4));
    const model = ['--model', out, '--threads', '1'];
    const { loss, tokens } = await resultOf<{ loss: number; tokens: number }>('evaluate', ...model, '--data', data);
    assert.ok(loss > 0 && tokens > 40, `${loss}, ${tokens}`);
    const run = [
      '--method',
      'lora',
      '--rank',
      '2',
      '--steps',
      '2',
      '--lr',
      '1e-3',
      '--batch-size',
      '2',
      '--out',
      `${out}-run`,
    ];
    const { status } = await resultOf<{ status: string }>('finetune', ...model, '--data', data, ...run);
    assert.is(status, 'finished');
    const spectrum = ['--method', 'lora', '--rank', '2', '--batch-size', '4', '--tolerance', '0.2'];
    const { lambdaMax } = await resultOf<{ lambdaMax: { value: number } }>(
      'spectrum',
      ...model,
      '--data',
      data,
      ...spectrum,
    );
    assert.ok(lambdaMax.value > 0);
    const { code, stderr } = await commandLine(['generate', ...model, '--prompt', 'the ', '--max-new-tokens', '3']);
    assert.is(code, 0, stderr);
  }));

test('what is refused is said in one line: the file, the option, the folder', () =>
  inFolderWith(ggufBytes(plain), async (file, out) => {
    await failsClearly(['convert', `${file}x`, '--out', out], 1, /tiny\.ggufx.*no such file/);
    await failsClearly(['convert', file, '--out', out, '--dtype', 'float16'], 2, /--dtype.*float32.*bfloat16/);
    await failsClearly(['convert', file], 2, /--out/);
    await writeFile(file, ggufBytes(withFields(plain, { 'tokenizer.ggml.pre': 'bloom' })));
    await failsClearly(['convert', file, '--out', out, '--quiet'], 1, /tokenizer\.ggml\.pre.*got bloom.*--tokenizer/);
    assert.is(existsSync(out), false);
    await writeFile(file, ggufBytes(plain).subarray(0, 9000));
    await failsClearly(['convert', file, '--out', out, '--quiet'], 1, /tiny\.gguf.*cut short/);
    await mkdir(out, { recursive: true });
    await writeFile(join(out, 'config.json'), '{}');
    await writeFile(file, ggufBytes(plain));
    await failsClearly(
      ['convert', file, '--out', out, '--quiet'],
      1,
      /without results of another run, got config\.json.*--overwrite/,
    );
    assert.is(await readFile(join(out, 'config.json'), 'utf8'), '{}');
    // A llama2.c checkpoint, which this is not either, has no dtype to choose.
    await writeFile(file, new Uint8Array(300));
    await failsClearly(['convert', file, '--out', out, '--dtype', 'bf16'], 2, /--dtype for a llama2\.c checkpoint/);
  }));

test.run();
