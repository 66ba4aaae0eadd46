import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { totalSize, viewTensors } from '../../compute/index.ts';
import { createAdapter } from '../../training/adapters/create.ts';
import { loadAdapter, saveAdapter } from '../../training/adapters/files/files.ts';
import { readAdapter } from '../../training/adapters/files/peftFolder.ts';
import { lowRank } from '../../training/adapters/forms/lowRank.ts';
import { adapterMethods } from '../../training/adapters/index.ts';
import { holdOut } from '../../training/data/split.ts';
import { evaluate } from '../../training/evaluate.ts';
import { finetune } from '../../training/finetune/finetune.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import { warmUp } from '../../training/warmup.ts';
import { llamaBatch, referenceModel, referenceRows } from '../cases/reference.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { relativeError } from '../oracles/relativeError.ts';

const rows = referenceRows('llama');
const shortRun = {
  optimizer: 'adamw',
  learningRate: 1e-2,
  schedule: 'cosine',
  steps: 6,
  warmupSteps: 1,
  batchSize: 2,
  seed: 3,
  shuffle: true,
} as const;

test('variants that differ in values alone run in one compiled program', async () => {
  await using model = await referenceModel('llama', 'float32');
  const batch = llamaBatch('float32');
  const sameForm = adapterMethods.filter(({ form }) => form === lowRank);
  assert.ok(sameForm.length >= 5);
  const adapters = await Promise.all(sameForm.map(({ name }) => createAdapter(model, { method: name, rank: 4, rows })));
  const programs = new Set(adapters.map(({ layout }) => model.program(layout, batch)));
  assert.is(programs.size, 1);
  const other = await createAdapter(model, { method: 'lora', rank: 2 });
  assert.not(programs.has(model.program(other.layout, batch)));
});

for (const { name } of adapterMethods)
  test(`a new ${name} adapter computes what the base model does`, async () => {
    await using model = await referenceModel('llama', 'float64');
    const { loss } = await evaluate(model, rows);
    for (const initSeed of [0, 1]) {
      const adapter = await createAdapter(model, { method: name, rank: 4, alpha: 7, initSeed, rows });
      const adapted = await evaluate(model, rows, { adapter });
      assert.ok(relativeError([adapted.loss], [loss]) < 1e-12, `${adapted.loss} against ${loss}`);
    }
  });

for (const { name } of adapterMethods)
  test(`a trained ${name} adapter is the same function after it was saved and loaded`, () =>
    inTemporaryFolder(async (folder) => {
      await using model = await referenceModel('llama', 'float32');
      const adapter = await createAdapter(model, { method: name, rank: 4, rows });
      await finetune(model, adapter, rows, shortRun);
      await saveAdapter(model, adapter, folder);
      const loaded = await loadAdapter(model, folder);
      assert.equal(loaded.parameters, adapter.parameters);
      assert.equal([...loaded.weights], [...adapter.weights]);
      assert.is(loaded.method.name, name);
      const [before, after] = [
        await evaluate(model, rows, { adapter }),
        await evaluate(model, rows, { adapter: loaded }),
      ];
      assert.equal(after.rowLosses, before.rowLosses);
    }));

test('the same options train to the same bits, and another seed to others', async () => {
  await using model = await referenceModel('llama', 'float32');
  const trained = async (seed: number) => {
    const adapter = await createAdapter(model, { method: 'lora', rank: 4 });
    await finetune(model, adapter, rows, { ...shortRun, seed });
    return adapter.parameters;
  };
  assert.equal(await trained(1), await trained(1));
  assert.not.equal(await trained(1), await trained(2));
});

test('an adapter of one layer names its modules whole for PEFT, one of all layers by their endings', () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float32');
    const targetsOf = async (targetModules: string) => {
      await saveAdapter(model, await createAdapter(model, { method: 'lora', targetModules }), folder);
      return (await readAdapter(folder)).config.targetModules;
    };
    assert.equal(await targetsOf('q_proj,v_proj'), ['q_proj', 'v_proj']);
    assert.equal(await targetsOf('.*layers.1.self_attn.q_proj'), ['model.layers.1.self_attn.q_proj']);
  }));

test('a rank that a module has no room for is an error that names the module and the limit', async () => {
  await using model = await referenceModel('llama', 'float32');
  await createAdapter(model, { method: 'lora', rank: 17 }).then(
    () => assert.unreachable(),
    ({ message }: Error) => assert.match(message, /`rank` for model\.layers\.0\.self_attn\.k_proj.*16.*17/),
  );
});

test('warming up leaves the adapter where it was, and moves a copy to where Adam has seen every gradient', async () => {
  await using model = await referenceModel('llama', 'float64');
  const start = await createAdapter(model, { method: 'lora', rank: 4 });
  const initial = start.parameters.slice();
  const { adapter, preconditioner } = await warmUp(model, start, rows, {
    steps: 3,
    learningRate: 1e-3,
    batchSize: 3,
    seed: 0,
  });
  assert.equal(start.parameters, initial);
  assert.not.equal(adapter.parameters, initial);
  assert.is(preconditioner.length, totalSize(layoutTensors(start.layout)));
  // At B = 0 the gradient of A is zero, so one step would leave eps there; after three, no entry is near it.
  for (const [name, view] of viewTensors(preconditioner, layoutTensors(start.layout)))
    assert.ok(Math.min(...view) > 1e-8, `${name}: ${Math.min(...view)}`);
  for (const [name, view] of viewTensors(adapter.parameters, layoutTensors(start.layout)))
    assert.ok(
      view.some((entry) => entry !== 0),
      `${name} is still zero`,
    );
});

test('every eighth row is held out, 128 at most, and none of a handful', () => {
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
  for (const count of [32, 100, 512, 5000]) {
    const { training, validation } = holdOut(numbers(count));
    assert.is(validation.length, Math.min(128, Math.floor(count / 8)));
    assert.equal(
      [...training, ...validation].sort((a, b) => a - b),
      numbers(count),
    );
  }
  assert.equal(holdOut(numbers(31)), { training: numbers(31), validation: [] });
});

test.run();
