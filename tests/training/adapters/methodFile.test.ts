import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomStream } from '../../../compute/random.ts';
import { createAdapter } from '../../../training/adapters/create.ts';
import { loadAdapter, saveAdapter } from '../../../training/adapters/files/files.ts';
import { lowRank } from '../../../training/adapters/forms/lowRank.ts';
import { isMethodFile, loadMethod } from '../../../training/adapters/methodFile.ts';
import { evaluate } from '../../../training/evaluate.ts';
import { finetune } from '../../../training/finetune/finetune.ts';
import { llamaBatch, referenceModel, referenceRows } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { relativeError } from '../../oracles/relativeError.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const example = './notebooks/my-variant.ts';
const rows = referenceRows('llama');
const training = new URL('../../../training/index.ts', import.meta.url).href;
const shortRun = {
  ...{ optimizer: 'adamw', learningRate: 1e-2, steps: 3, warmupSteps: 0 },
  schedule: 'constant',
  ...{ batchSize: 3, seed: 0, shuffle: false },
} as const;

test('files are told from names, with settings or without', () => {
  for (const name of ['./mine.ts', '../mine', '/elsewhere/mine.mjs', 'mine.ts']) assert.ok(isMethodFile(name), name);
  for (const name of ['lora', 'lora-ga:direction=ArBr', 'gralora:k=4']) assert.not.ok(isMethodFile(name), name);
});

test("the example's adapter starts as the base model, trains, and is the same when it is loaded with its file", () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float64');
    const { loss } = await evaluate(model, rows);
    const adapter = await createAdapter(model, { method: example, rank: 4, alpha: 6 });
    const start = (await evaluate(model, rows, { adapter })).loss;
    assert.ok(relativeError([start], [loss]) < 1e-12);
    await finetune(model, adapter, rows, shortRun);
    const trained = (await evaluate(model, rows, { adapter })).loss;
    assert.ok(trained < start);
    await saveAdapter(model, adapter, folder);
    await throwsClearly(() => loadAdapter(model, folder), /my-variant\.ts; .*`method: \.\/FILE\.ts`/);
    const loaded = await loadAdapter(model, folder, await loadMethod(example));
    assert.equal(loaded.parameters, adapter.parameters);
    assert.is((await evaluate(model, rows, { adapter: loaded })).loss, trained);
  }));

test("the curvature of the example's adapter is the limit of central differences", async () => {
  await using model = await referenceModel('llama', 'float64');
  const adapter = await createAdapter(model, { method: example, rank: 4 });
  await finetune(model, adapter, rows, shortRun);
  const batch = llamaBatch('float64');
  const program = model.program(adapter.layout, batch);
  const random = randomStream(1, 'direction');
  const direction = Float64Array.from({ length: program.size }, () => random.normal());
  const product = await program.hessianVector(adapter, batch.inputs, direction);
  const errors: number[] = [];
  for (const step of [4e-5, 2e-5]) {
    const at = async (sign: number) => {
      const parameters = Float64Array.from(adapter.parameters, (value, k) => value + sign * step * direction[k]!);
      return (await program.gradient({ ...adapter, parameters }, batch.inputs)).gradient;
    };
    const [after, before] = [await at(1), await at(-1)];
    errors.push(
      relativeError(
        after.map((value, k) => (value - before[k]!) / (2 * step)),
        product,
      ),
    );
  }
  // Twice as near, a difference of second order is four times as good.
  assert.ok(errors[0]! < 1e-5 && Math.abs(errors[0]! / errors[1]! - 4) < 0.2, `errors ${errors}`);
});

test("a file with initial values alone shares LoRA's form, and PEFT's files need it no more", () =>
  inTemporaryFolder(async (folder) => {
    const file = join(folder, 'ones.mjs');
    const body = `import { lowRank } from ${JSON.stringify(training)};
      const ones = (count) => new Float64Array(count).fill(0.01);
      export default { name: 'ones', form: lowRank, keepsFunctionBy: 'residualWeight', initialise: ({ shape, size }) =>
        new Map([['lora_A.weight', ones(size.rank * shape.in)], ['lora_B.weight', ones(shape.out * size.rank)]]) };`;
    await writeFile(file, body);
    const method = await loadMethod(file);
    assert.is(method.form, lowRank);
    await using model = await referenceModel('llama', 'float64');
    const adapter = await createAdapter(model, { method: file, rank: 4 });
    await saveAdapter(model, adapter, join(folder, 'adapter'));
    const loaded = await loadAdapter(model, join(folder, 'adapter'));
    assert.is(loaded.method.name, file);
    const [before, after] = [
      await evaluate(model, rows, { adapter }),
      await evaluate(model, rows, { adapter: loaded }),
    ];
    assert.is(after.loss, before.loss);
  }));

test('a changed form of ours is a form of its own, which PEFT does not know', () =>
  inTemporaryFolder(async (folder) => {
    const file = join(folder, 'changed.mjs');
    const body = `import { adapterMethod, lowRank } from ${JSON.stringify(training)};
      export default { ...adapterMethod('lora'), form: { ...lowRank, scaling: () => 3 } };`;
    await writeFile(file, body);
    const { form } = await loadMethod(file);
    assert.is.not(form.name, lowRank.name);
    assert.is(form.peft, undefined);
    assert.is(form.scaling({ rank: 1, alpha: 1 }), 3);
  }));

const form = '{ name: "f", scaling() {}, tensors() {}, apply() {}, update() {} }';
const broken: readonly (readonly [body: string, message: RegExp])[] = [
  ['export default {', /a file that can be loaded/],
  ['export const method = {};', /function initialise/],
  ['export default { initialise() {} };', /object form/],
  ['export default { initialise() {}, form: {} };', /string form\.name/],
  ['export default { initialise() {}, form: { name: "f", scaling() {}, tensors() {} } };', /function apply/],
  [`export default { initialise() {}, form: ${form} };`, /keepsFunctionBy zeroUpdate or residualWeight, got none/],
];

test('a file that is missing, or no variant, is named with what is wrong', () =>
  inTemporaryFolder(async (folder) => {
    await throwsClearly(() => loadMethod(join(folder, 'none.ts')), /none\.ts`: expected a file, got no such file/);
    for (const [index, [body, message]] of broken.entries()) {
      const file = join(folder, `broken${index}.mjs`);
      await writeFile(file, body);
      await throwsClearly(() => loadMethod(file), new RegExp(`broken${index}\\.mjs`), message);
    }
  }));

test.run();
