import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAdapter } from '../../training/adapters/create.ts';
import { loadAdapter, saveAdapter } from '../../training/adapters/files/files.ts';
import { readAdapter } from '../../training/adapters/files/peftFolder.ts';
import { adapterMethods } from '../../training/adapters/index.ts';
import { evaluate } from '../../training/evaluate.ts';
import { finetune } from '../../training/finetune/finetune.ts';
import { mergeIntoBase } from '../../training/merge.ts';
import { loadModel } from '../../training/model.ts';
import { commandLine } from '../cases/commandLine.ts';
import { referenceFile, referenceModel, referenceRows } from '../cases/reference.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { resultOf } from '../oracles/commands.ts';
import { relativeError } from '../oracles/relativeError.ts';

const llama = fileURLToPath(referenceFile('models/llama'));
// Merged weights are rounded to the base's float32, entry by entry: that moves a loss by less than a rounding.
const rounded = 1e-7;

const shortRun = {
  ...{ optimizer: 'adamw', learningRate: 1e-2, steps: 3, warmupSteps: 0, batchSize: 3, seed: 0, shuffle: false },
  schedule: 'constant',
} as const;

for (const architecture of ['llama', 'gpt2', 'phi3'])
  for (const { name } of adapterMethods)
    test(`${architecture} with ${name} merged into it is the adapted model`, () =>
      inTemporaryFolder(async (folder) => {
        await using model = await referenceModel(architecture, 'float64');
        const rows = referenceRows(architecture);
        const adapter = await createAdapter(model, { method: name, rank: 4, rows });
        await finetune(model, adapter, rows, shortRun);
        const { loss } = await evaluate(model, rows, { adapter });
        const { files } = await mergeIntoBase(model, adapter, folder);
        assert.is(files, 1);
        await using merged = await loadModel(folder, { precision: 'float64' });
        const result = await evaluate(merged, rows);
        assert.ok(relativeError([result.loss], [loss]) < rounded, `${result.loss}, expected ${loss}`);
        // Trained, it is not the base.
        const base = await evaluate(model, rows);
        assert.ok(relativeError([base.loss], [loss]) > 1e-4);
      }));

for (const { name } of adapterMethods.filter(({ keepsFunctionBy }) => keepsFunctionBy === 'residualWeight'))
  test(`an adapter of ${name} as a plain LoRA is the same function on the base as it is`, () =>
    inTemporaryFolder(async (folder) => {
      await using model = await referenceModel('llama', 'float32');
      const rows = referenceRows('llama');
      const adapter = await createAdapter(model, {
        ...{ method: name, rank: 4, alpha: 6, rows },
        // Modules of other ranks come out right as well.
        ...{ rankPattern: { q_proj: 2 }, alphaPattern: { 'layers.1.mlp.down_proj': 3 } },
      });
      await finetune(model, adapter, rows, shortRun);
      await saveAdapter(model, adapter, join(folder, 'adapter'));
      const { loss } = await evaluate(model, rows, { adapter });
      const out = join(folder, 'plain');
      const options = ['--model', llama, '--adapter', join(folder, 'adapter'), '--out', out, '--as', 'lora'];
      assert.equal(await resultOf('merge', ...options), { adapter: out, as: 'lora', modules: 14 });
      const { config, initial, record } = await readAdapter(out);
      assert.is(config.rank, 8);
      assert.is(initial, undefined);
      assert.is(record!.keepsFunctionBy, 'zeroUpdate');
      const plain = await loadAdapter(model, out);
      const result = await evaluate(model, rows, { adapter: plain });
      // float32: the residual weights were rounded, and are not used here.
      assert.ok(relativeError([result.loss], [loss]) < 1e-5, `${result.loss}, expected ${loss}`);
    }));

test('large checkpoints are written in several files with an index, and other dtypes as they are asked for', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float32');
    const rows = referenceRows('llama');
    const adapter = await createAdapter(model, { method: 'init-ab', rank: 2 });
    const { loss } = await evaluate(model, rows, { adapter });
    const { files, tensors } = await mergeIntoBase(model, adapter, folder, { mostBytesAFile: 20_000 });
    assert.ok(files > 3 && tensors > files);
    assert.is((await readdir(folder)).filter((name) => name.endsWith('.safetensors')).length, files);
    const lossOf = async () => {
      await using merged = await loadModel(folder);
      return (await evaluate(merged, rows)).loss;
    };
    assert.ok(relativeError([await lossOf()], [loss]) < 1e-5);
    // In the same folder: the files of before would be read in the place of these.
    await mergeIntoBase(model, adapter, folder, { dtype: 'BF16', overwrite: true });
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    assert.is(config.dtype ?? config.torch_dtype, 'bfloat16');
    assert.equal(
      (await readdir(folder)).filter((name) => name.includes('.safetensors')),
      ['model.safetensors'],
    );
    const error = relativeError([await lossOf()], [loss]);
    assert.ok(error > 1e-7 && error < 1e-2, `${error}`);
  }));

const perturbed = (variant: string) => fileURLToPath(referenceFile(`adapters/llama/${variant}/perturbed`));
const refused: readonly (readonly [options: string[], code: number, message: RegExp])[] = [
  [['--out', 'merged'], 2, /--adapter: expected a value/],
  [['--adapter', perturbed('lora')], 2, /--out: expected a value/],
  [['--adapter', perturbed('lora'), '--out', 'x', '--as', 'gguf'], 2, /--as: expected one of checkpoint, lora/],
  [
    ['--adapter', perturbed('lora'), '--out', 'x', '--as', 'lora', '--dtype', 'float16'],
    2,
    /--dtype: expected no such/,
  ],
  [['--adapter', perturbed('dora'), '--out', 'x', '--as', 'lora'], 1, /method dora: .* merge it into the base/],
  [['--adapter', perturbed('lora'), '--out', llama], 1, /--out .*: expected another folder than that of the base/],
  [['--adapter', 'nowhere', '--out', 'x'], 1, /nowhere.*no such file/],
];

for (const [options, code, message] of refused)
  test(`refused: merge ${options.join(' ')}`, async () => {
    const outcome = await commandLine(['merge', '--model', llama, ...options]);
    assert.is(outcome.code, code);
    assert.match(outcome.stderr, message);
  });

test.run();
