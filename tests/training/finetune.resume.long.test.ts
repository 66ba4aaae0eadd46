import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAdapter } from '../../training/adapters/create.ts';
import { type FinetuneOptions, finetune } from '../../training/finetune/finetune.ts';
import { finetuneInFolder, type RunFolderOptions } from '../../training/finetune/runFolder.ts';
import type { RunState } from '../../training/finetune/runState.ts';
import { optimizerNames } from '../../training/optimizers/index.ts';
import { referenceAdapter, referenceModel, referenceRows } from '../cases/reference.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

const options: FinetuneOptions = {
  optimizer: 'adamw',
  optimizerOptions: { weightDecay: 0.01 },
  learningRate: 1e-2,
  schedule: 'cosine',
  steps: 9,
  warmupSteps: 2,
  batchSize: 2,
  seed: 3,
  shuffle: true,
  maxGradNorm: 1,
};
const rows = referenceRows('llama');

for (const precision of ['float32', 'float64'] as const)
  for (const optimizer of optimizerNames)
    test(`${optimizer} in ${precision} goes on from every step to the same bits`, async () => {
      await using model = await referenceModel('llama', precision);
      const settings = { ...options, optimizer, optimizerOptions: { momentum: 0.9, weightDecay: 0.01 } };
      const states: RunState[] = [];
      const onSave = async (state: RunState) => {
        states.push({ ...state, parameters: state.parameters.slice() });
      };
      const whole = await referenceAdapter(model, 'lora', 'init');
      const { seconds: _, ...expected } = await finetune(model, whole, rows, { ...settings, saveEvery: 2, onSave });
      assert.equal(
        states.map(({ steps }) => steps),
        [2, 4, 6, 8, 9],
      );
      for (const from of states) {
        const adapter = await referenceAdapter(model, 'lora', 'init');
        const { seconds, ...result } = await finetune(model, adapter, rows, { ...settings, from });
        assert.equal(result, expected);
        assert.equal(adapter.parameters, whole.parameters);
        assert.ok(seconds > from.seconds);
      }
    });

/** A run that is torn from its process when a checkpoint has been written at this step. */
async function interrupted(folder: string, atStep: number, changes: Partial<FinetuneOptions> = {}): Promise<void> {
  await using model = await referenceModel('llama', 'float32');
  const stop = new Error('torn');
  const onStep = ({ step }: { step: number }) => {
    if (step > atStep) throw stop;
  };
  const adapter = await referenceAdapter(model, 'pissa', 'init');
  await finetuneInFolder(model, adapter, rows, { ...options, ...changes, onStep }, folder, { saveEvery: 1 }).then(
    () => assert.unreachable('the run went to its end'),
    (error: unknown) => assert.is(error, stop),
  );
}

async function run(folder: string, changes: Partial<FinetuneOptions>, saving: RunFolderOptions) {
  await using model = await referenceModel('llama', 'float32');
  const adapter = await referenceAdapter(model, 'pissa', 'init');
  const {
    seconds: _,
    adapter: path,
    folder: _folder,
    ...result
  } = await finetuneInFolder(model, adapter, rows, { ...options, ...changes }, folder, saving);
  return { result, path };
}

/** What a run leaves, without its times. */
async function leftIn(folder: string): Promise<object> {
  const metrics = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).replace(/"seconds":[^}]*/g, '');
  const adapter = await readFile(join(folder, 'adapter', 'adapter_model.safetensors'), 'base64');
  return { metrics, adapter };
}

test('a resumed run leaves the metrics, adapter and result of one that was not interrupted', () =>
  inTemporaryFolder(async (folder) => {
    const [whole, torn] = [join(folder, 'whole'), join(folder, 'torn')];
    const expected = await run(whole, {}, { saveEvery: 4 });
    await interrupted(torn, 5);
    let done = 0;
    const actual = await run(torn, {}, { resume: true, onResume: (steps) => (done = steps) });
    assert.is(done, 5);
    assert.equal(actual.result, expected.result);
    assert.equal(await leftIn(torn), await leftIn(whole));
  }));

test('resuming a run that is done trains nothing, and one without a checkpoint begins anew', () =>
  inTemporaryFolder(async (folder) => {
    const resumed: number[] = [];
    const saving = { saveEvery: 3, resume: true, onResume: (steps: number) => resumed.push(steps) };
    const first = await run(folder, {}, saving);
    assert.equal(resumed, []);
    const steps: number[] = [];
    const again = await run(folder, { onStep: ({ step }) => steps.push(step) }, saving);
    assert.equal(again, first);
    assert.equal([resumed, steps], [[9], []]);
  }));

test('a new run replaces the old one, its checkpoint too, where that is asked for', () =>
  inTemporaryFolder(async (folder) => {
    await interrupted(folder, 5);
    await throwsClearly(() => run(folder, {}, {}), /results of another run, got checkpoint.safetensors/);
    const steps: number[] = [];
    const collect: Partial<FinetuneOptions> = { steps: 3, onStep: ({ step }) => steps.push(step) };
    await run(folder, collect, { overwrite: true });
    assert.not(existsSync(join(folder, 'checkpoint.safetensors')));
    await throwsClearly(() => run(folder, collect, { resume: true }), /a finished one without a checkpoint/);
    await run(folder, collect, { resume: true, overwrite: true });
    assert.equal(steps, [1, 2, 3, 1, 2, 3]);
  }));

const otherwise: readonly [string, Partial<FinetuneOptions>, RegExp][] = [
  [
    'rate',
    { learningRate: 2e-2 },
    /^`learningRate` of a run resumed from .*: expected 0\.01, .* got 0\.02; without `resume`/,
  ],
  ['number of steps', { steps: 12 }, /^`steps` .*expected 9, /],
  ['optimizer', { optimizer: 'sgd' }, /^`optimizer` .*expected adamw, /],
  ['seed', { seed: 4 }, /^`seed` .*expected 3, /],
  ['decay', { optimizerOptions: {} }, /^`weightDecay` .*expected 0\.01, /],
  ['micro-batch', { microBatch: 1 }, /^`microBatch` .*expected 2, /],
  ['clipping', { maxGradNorm: null }, /^`maxGradNorm` .*expected 1, /],
];
test('resuming with another option, data, model or adapter is an error that names it', () =>
  inTemporaryFolder(async (folder) => {
    await interrupted(folder, 2);
    for (const [, changes, message] of otherwise)
      await throwsClearly(() => run(folder, changes, { resume: true }), message);

    const resume = { resume: true };
    await using model = await referenceModel('llama', 'float32');
    const start = await referenceAdapter(model, 'pissa', 'init');
    const otherRows = rows.slice(1);
    await throwsClearly(() => finetuneInFolder(model, start, otherRows, options, folder, resume), /^`data` .*the same/);
    const moved = await referenceAdapter(model, 'pissa', 'perturbed');
    await throwsClearly(
      () => finetuneInFolder(model, moved, rows, options, folder, resume),
      /^initial values of the adapter .*the same/,
    );
    const other = await createAdapter(model, { method: 'olora', rank: 4 });
    await throwsClearly(
      () => finetuneInFolder(model, other, rows, options, folder, resume),
      /^`method` .*lora, .*olora;/,
    );
    const larger = await createAdapter(model, { method: 'lora', rank: 8 });
    await throwsClearly(
      () => finetuneInFolder(model, larger, rows, options, folder, resume),
      /^adapter layout .*the same/,
    );
    await using exact = await referenceModel('llama', 'float64');
    const double = await referenceAdapter(exact, 'pissa', 'init');
    await throwsClearly(
      () => finetuneInFolder(exact, double, rows, options, folder, resume),
      /^(`precision`|initial values of the adapter)/,
    );
    // Nothing of that has hurt the run.
    assert.is((await run(folder, {}, resume)).result.status, 'finished');
  }));

test('metrics that are shorter than the checkpoint says are named', () =>
  inTemporaryFolder(async (folder) => {
    await interrupted(folder, 4);
    await writeFile(join(folder, 'metrics.jsonl'), '');
    await throwsClearly(() => run(folder, {}, { resume: true }), /metrics\.jsonl: expected at least \d+ bytes, got 0;/);
  }));

test('a diverged run is resumed to the same outcome', () =>
  inTemporaryFolder(async (folder) => {
    const changes = { maxLoss: 5 };
    const expected = await run(join(folder, 'whole'), { ...changes, seed: 5 }, {});
    assert.is(expected.result.status, 'diverged');
    assert.match(expected.result.reason!, /^loss [\d.]+ at step \d is above 5\.00$/);
    assert.is(expected.path, null);
    const torn = join(folder, 'torn');
    await run(torn, { ...changes, seed: 5 }, { saveEvery: 1 });
    assert.equal((await run(torn, { ...changes, seed: 5 }, { resume: true })).result, expected.result);
  }));

test('validation is scored on the way without changing the way', async () => {
  await using model = await referenceModel('llama', 'float32');
  const validation = rows.slice(0, 1);
  const train = async (changes: Partial<FinetuneOptions>) => {
    const adapter = await referenceAdapter(model, 'lora', 'init');
    const scores: (number | undefined)[] = [];
    const onStep: FinetuneOptions['onStep'] = ({ validationLoss }) => scores.push(validationLoss);
    const result = await finetune(model, adapter, rows, { ...options, validation, ...changes, onStep });
    return { scores, result, parameters: adapter.parameters };
  };
  const plain = await train({});
  const watched = await train({ validateEvery: 3 });
  assert.equal(watched.parameters, plain.parameters);
  assert.equal(
    watched.scores.map((score) => score !== undefined),
    [false, false, true, false, false, true, false, false, true],
  );
  assert.is(watched.scores.at(-1), watched.result.validationLoss);
});

test('thousands of steps need no more memory than the first ones', async () => {
  await using model = await referenceModel('llama', 'float32');
  const adapter = await referenceAdapter(model, 'lora', 'init');
  const stepsInWindow = 400;
  const resident: number[] = [];
  const onStep: FinetuneOptions['onStep'] = ({ step }) => {
    if (step % stepsInWindow === 0) resident.push(process.memoryUsage.rss());
  };
  await finetune(model, adapter, rows, { ...options, steps: 5 * stepsInWindow, saveEvery: 10, onStep });
  const growths = resident.slice(1).map((bytes, index) => bytes - resident[index]!);
  // A gradient left behind by each step would be 11 MB in every window; the garbage collector rests in some.
  assert.ok(Math.min(...growths) < 4e6, `bytes more: ${growths}`);
});

test.run();
