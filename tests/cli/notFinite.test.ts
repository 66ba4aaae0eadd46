import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAdapter } from '../../training/adapters/files/files.ts';
import { readAllTensors, writeSafetensors } from '../../training/checkpoint/safetensors.ts';
import type { FinetuneResult } from '../../training/finetune/finetune.ts';
import { commandLine } from '../cases/commandLine.ts';
import { referenceModel } from '../cases/reference.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { referencePath, storedReferenceRows, writeRows } from '../cases/tokenFiles.ts';
import { failsClearly, resultOf } from '../oracles/commands.ts';

// Numbers that are none, and runs that train nothing: before a step has been taken, no learning rate is to blame.

type Change = (values: Float32Array) => void;
const quick = ['--threads', '1', '--quiet', '--batch-size', '2'];
const q = 'model.layers.0.self_attn.q_proj';

/** A copy of a folder in which one tensor of a file has other values. */
async function changed(from: string, to: string, file: string, tensor: string, change: Change): Promise<string> {
  await cp(from, to, { recursive: true });
  const path = join(to, file);
  const tensors = await readAllTensors(path);
  change(tensors.get(tensor)!.values as Float32Array);
  await writeSafetensors(path, tensors, { format: 'pt' });
  return to;
}

const baseWith = (folder: string, tensor: string, change: Change): Promise<string> =>
  changed(referencePath('models/llama'), join(folder, 'base'), 'model.safetensors', tensor, change);

/** Every command that computes a loss, or writes weights. */
function commandsOn(model: string, data: string, folder: string, adapter: readonly string[]): string[][] {
  const common = ['--model', model, '--data', data, ...quick];
  const run = ['--lr', '1e-3', '--steps', '3'];
  return [
    ['evaluate', ...common, ...adapter],
    ['finetune', ...common, ...adapter, ...run, '--out', join(folder, 'run')],
    ['spectrum', ...common, ...adapter],
    ['spectrum', ...common, ...adapter, '--operator', 'adam'],
    ['recommend', ...common, ...adapter, '--steps', '1000', '--by', 'curvature'],
    ['recommend', ...common, ...adapter, '--steps', '1000', '--start', '1e-3'],
  ];
}

test('a weight that is not finite is named before anything is trained, measured or swept', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    // In no matrix that an adapter looks at.
    const model = await baseWith(folder, 'model.norm.weight', (values) => {
      values[3] = Number.NaN;
    });
    const words = /tensor model\.norm\.weight in .*base: expected finite values, got NaN at entry 3; .*download/;
    const adapter = ['--method', 'lora', '--rank', '2'];
    for (const command of commandsOn(model, data, folder, adapter)) await failsClearly(command, 1, words);

    const before = await readdir(folder);
    const study = ['--methods', 'lora,pissa', '--rank', '2', '--lr', '1e-3,1e-2', '--study', join(folder, 'study')];
    for (const name of ['sweep', 'study'])
      await failsClearly([name, '--model', model, '--data', data, ...quick, ...study], 1, words);
    const merge = ['merge', '--model', model, '--adapter', referencePath('adapters/llama/lora/perturbed')];
    await failsClearly(
      [...merge, '--out', join(folder, 'merged')],
      1,
      /tensor model\.norm\.weight, .* got NaN at entry 3/,
    );
    // What is there of the merge is no checkpoint, and of the study nothing.
    assert.equal(await readdir(folder), [...before, 'merged'].sort());
    assert.equal(await readdir(join(folder, 'merged')), []);
  }));

test('an infinite matrix is named where initial values are made of it, and where it is merged', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const model = await baseWith(folder, `${q}.weight`, (values) => {
      values[7] = Number.NEGATIVE_INFINITY;
    });
    const words =
      /tensor model\.layers\.0\.self_attn\.q_proj\.weight in .*base: expected finite values, got -Infinity at/;
    for (const method of ['lora', 'pissa', 'olora', 'lora-ga', 'eva', 'dora']) {
      const options = ['--method', method, '--rank', '2', '--lr', '1e-3', '--steps', '3'];
      await failsClearly(['finetune', '--model', model, '--data', data, ...quick, ...options], 1, words);
    }
    const adapter = referencePath('adapters/llama/lora/perturbed');
    await failsClearly(['merge', '--model', model, '--adapter', adapter, '--out', join(folder, 'merged')], 1, words);
  }));

test('a weight that only later rows meet is named, and the rate is not said to have diverged', () =>
  inTemporaryFolder(async (folder) => {
    const rows = storedReferenceRows();
    const rare = 5;
    const token = (others: number) =>
      rows.map((row) => ({ ...row, input_ids: row.input_ids.map((id) => (id === rare ? others : id)) }));
    const [usual, odd] = [
      token(6),
      rows.map((row) => ({ ...row, input_ids: row.input_ids.map((id, at) => (at === 1 ? rare : id)) })),
    ];
    const model = await baseWith(folder, 'model.embed_tokens.weight', (values) =>
      values.fill(Number.NaN, rare * 32, (rare + 1) * 32),
    );
    const words = /tensor model\.embed_tokens\.weight in .*base: expected finite values, got NaN at entry 160/;
    const options = ['--method', 'lora', '--rank', '2', '--lr', '1e-3', '--steps', '4', '--shuffle', 'false'];
    const command = ['finetune', '--model', model, ...quick, ...options];
    const late = await writeRows(folder, [...usual, ...odd], 'late.jsonl');
    await failsClearly([...command, '--data', late], 1, words);
    const [data, validation] = [
      await writeRows(folder, usual, 'usual.jsonl'),
      await writeRows(folder, odd, 'odd.jsonl'),
    ];
    await failsClearly([...command, '--data', data, '--validation', validation], 1, words);
  }));

for (const [file, value] of [
  ['lora_A', Number.NaN],
  ['lora_B', Number.POSITIVE_INFINITY],
] as const)
  test(`an adapter with ${value} in ${file} is refused by the name of its tensor`, () =>
    inTemporaryFolder(async (folder) => {
      const data = await writeRows(folder, storedReferenceRows());
      const from = referencePath('adapters/llama/lora/perturbed');
      const name = `base_model.model.${q}.${file}.weight`;
      const adapter = await changed(from, join(folder, 'adapter'), 'adapter_model.safetensors', name, (values) => {
        values[9] = value;
      });
      const words = new RegExp(
        `tensor model\\.layers\\.0\\.self_attn\\.q_proj\\.${file}\\.weight of the adapter in .*${value} at entry 9`,
      );
      const model = referencePath('models/llama');
      const commands = commandsOn(model, data, folder, ['--adapter', adapter]);
      const merge = ['merge', '--model', model, '--adapter', adapter, '--out', join(folder, 'merged')];
      for (const command of [...commands, merge, [...merge, '--as', 'lora']]) await failsClearly(command, 1, words);
    }));

test('finite weights whose loss is no number are said to be so, by the row or before the first step', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const model = await baseWith(folder, 'lm_head.weight', (values) => {
      for (const [index, value] of values.entries()) values[index] = 1e38 * Math.sign(value);
    });
    const common = ['--model', model, '--data', data, ...quick];
    const remedy = /weights are finite, and what is computed of them is not: try --precision float64/;
    await failsClearly(['evaluate', ...common], 1, /loss of row 1: expected a finite number, got/, remedy);
    const run = ['--method', 'lora', '--rank', '2', '--lr', '1e-3', '--steps', '3'];
    await failsClearly(['finetune', ...common, ...run], 1, /loss before the first step: .*got/, remedy);
    await failsClearly(['spectrum', ...common, '--method', 'lora', '--rank', '2'], 1, /loss whose curvature/, remedy);
    assert.ok((await resultOf<{ loss: number }>('evaluate', ...common, '--precision', 'float64')).loss > 1e30);
  }));

test('a merge that would write infinity is refused by the name of the tensor, and leaves the folder as it was', () =>
  inTemporaryFolder(async (folder) => {
    const model = await baseWith(folder, 'model.embed_tokens.weight', (values) => {
      values[0] = 70_000;
    });
    const adapter = referencePath('adapters/llama/lora/perturbed');
    const merge = ['merge', '--model', model, '--overwrite', '--out', join(folder, 'merged')];
    await resultOf(...merge, '--adapter', adapter, '--dtype', 'bfloat16');
    const half =
      /tensor model\.embed_tokens\.weight, merged and rounded to F16: expected values below 65520, got 70000 at entry 0; .*--dtype/;
    await failsClearly([...merge, '--adapter', adapter, '--dtype', 'float16'], 1, half);
    // The one from before is still there, whole.
    assert.equal((await readdir(join(folder, 'merged'))).sort(), ['config.json', 'model.safetensors']);

    const names = [`${q}.lora_A.weight`, `${q}.lora_B.weight`].map((name) => `base_model.model.${name}`);
    const huge = (from: string, to: string, name: string) =>
      changed(from, join(folder, to), 'adapter_model.safetensors', name, (values) => values.fill(1e30));
    const both = await huge(await huge(adapter, 'one', names[0]!), 'both', names[1]!);
    const over = /q_proj\.weight, merged and rounded to F32: expected finite values, got Infinity at entry 0/;
    await failsClearly([...merge, '--adapter', both], 1, over);
  }));

test('a run whose only step has the learning rate 0, as in transformers, says that it trains nothing', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const common = ['--model', referencePath('models/llama'), '--data', data, ...quick];
    const out = join(folder, 'run');
    const one = [
      'finetune',
      ...common,
      '--method',
      'init-ab',
      '--rank',
      '2',
      '--lr',
      '1e-3',
      '--out',
      out,
      '--overwrite',
      '--json',
    ];
    const run = async (...options: readonly string[]) => {
      const { code, stdout, stderr } = await commandLine([...one, ...options]);
      assert.is(code, 0, stderr);
      await using model = await referenceModel('llama', 'float32');
      const { parameters, initial } = await loadAdapter(model, join(out, 'adapter'));
      const isMoved = parameters.some((value, index) => value !== initial[index]);
      const { trained } = JSON.parse(stdout) as FinetuneResult;
      assert.is(trained, isMoved, `${options}`);
      return { trained, stderr };
    };
    for (const options of [
      ['--steps', '1'],
      ['--epochs', '0.1'],
      ['--steps', '1', '--warmup-ratio', '1'],
    ]) {
      const { trained, stderr } = await run(...options);
      assert.not(trained);
      assert.match(
        stderr,
        /nothing is trained: 1 of 1 steps are warm-up.* 0; lower the warm-up to 0 steps, or give more steps/,
      );
    }
    assert.not((await run('--steps', '3', '--rate-factors', 'lora_=0')).trained);
    for (const options of [
      ['--steps', '1', '--warmup-steps', '0'],
      ['--steps', '2'],
      ['--steps', '3', '--rate-factors', 'lora_A=0'],
    ]) {
      const { trained, stderr } = await run(...options);
      assert.ok(trained);
      assert.not.match(stderr, /warm-up/);
    }
    // The peak is never reached: 3 of 10 steps of the warm-up have 0, 0.1 and 0.2 of it.
    const { stderr } = await run('--steps', '3', '--warmup-steps', '10');
    assert.match(
      stderr,
      /3 of 3 steps are warm-up, in which the learning rate rises from 0: it gets to 0\.2 of its peak/,
    );
  }));

test('where the learning rate is what is asked for, runs without one are refused', () =>
  inTemporaryFolder(async (folder) => {
    const data = await writeRows(folder, storedReferenceRows());
    const common = ['--model', referencePath('models/llama'), '--data', data, ...quick, '--steps', '1'];
    const words = /--warmup-steps 1: expected a step with a learning rate above 0, got 0 in the only step/;
    for (const command of [
      ['sweep', '--methods', 'lora', '--lr', '1e-3,1e-2', '--study', join(folder, 'study')],
      ['study', '--methods', 'lora', '--lr', '1e-3,1e-2', '--study', join(folder, 'study')],
      ['recommend', '--method', 'lora', '--budget', '10'],
      ['spectrum', '--method', 'lora'],
    ]) {
      const { code, stderr } = await commandLine([...command, ...common]);
      assert.is(code, 2, stderr);
      assert.match(stderr, words);
    }
    assert.equal(await readdir(folder), ['rows.jsonl']);
  }));

test.run();
