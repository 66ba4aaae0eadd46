import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sizeOf } from '../../../compute/index.ts';
import { randomStream } from '../../../compute/random.ts';
import { dot } from '../../../numerics/vectors.ts';
import { type Adapter, createAdapter } from '../../../training/adapters/create.ts';
import { adapterFeeds } from '../../../training/adapters/feeds.ts';
import { loadAdapter, saveAdapter } from '../../../training/adapters/files/files.ts';
import { lowRank } from '../../../training/adapters/forms/lowRank.ts';
import { adapterMethod } from '../../../training/adapters/index.ts';
import { toBatch } from '../../../training/data/batches.ts';
import { toTokenRows } from '../../../training/data/examples.ts';
import { evaluate } from '../../../training/evaluate.ts';
import type { LinearShape } from '../../../training/layout/form.ts';
import { mergeIntoBase } from '../../../training/merge.ts';
import { loadModel, type Model } from '../../../training/model.ts';
import { referenceModel, referenceTokens } from '../../cases/reference.ts';
import { inTemporaryFolder } from '../../cases/temporaryFolder.ts';
import { relativeError } from '../../oracles/relativeError.ts';
import { storedTensors } from '../../oracles/storedTensors.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const made = new URL('../../../fixtures/foreign-adapters/miss/', import.meta.url);
const folderOf = (form: string) => `fixtures/foreign-adapters/miss/${form}`;
const forms = ['standard', 'bat', 'mini'] as const;

/** Those of foreignAdapters.test.ts, from which PEFT's values are. */
const { rows } = toTokenRows(
  [
    { input_ids: [1, 5, 9, 33, 60, 12, 7, 2], labels: [-100, -100, 9, 33, 60, 12, 7, 2] },
    { input_ids: [1, 44, 3, 18, 90, 61, 2], labels: [-100, 44, 3, 18, 90, 61, 2] },
    { input_ids: [1, 70, 71, 72, 8, 15, 16, 23, 42, 2], labels: [-100, -100, -100, -100, 8, 15, 16, 23, 42, 2] },
  ],
  { maxLength: 64 },
);

/** The logits at the last token of each row, one row after another. */
async function lastLogits(model: Model, adapter: Adapter): Promise<Float64Array> {
  const length = 10;
  const batch = toBatch(rows, { length, precision: model.precision });
  const { layout, feeds } = adapterFeeds(adapter);
  const executable = await model.logits(layout, batch);
  const values = (await executable.run(new Map([...feeds, ...Object.entries(batch.inputs)]))).get('logits')!;
  const vocabulary = values.length / rows.length / length;
  return Float64Array.from(
    rows.flatMap(({ inputIds }, row) => {
      const start = (row * length + inputIds.length - 1) * vocabulary;
      return [...values.subarray(start, start + vocabulary)];
    }),
  );
}

for (const form of forms)
  test(`PEFT's adapter in the form ${form}: its loss and logits, also saved again and merged`, () =>
    inTemporaryFolder(async (folder) => {
      const peft = storedTensors(new URL('logits.safetensors', made));
      const [loss, logits] = [peft.get(`${form}.loss`)!.values[0]!, peft.get(`${form}.logits`)!.values];
      await using model = await referenceModel('llama', 'float64');
      const adapter = await loadAdapter(model, folderOf(form));
      await saveAdapter(model, adapter, join(folder, 'again'));
      for (const one of [adapter, await loadAdapter(model, join(folder, 'again'))]) {
        assert.ok(Math.abs((await evaluate(model, rows, { adapter: one })).loss - loss) < 1e-9);
        assert.ok(relativeError(await lastLogits(model, one), logits) < 1e-9);
      }
      await mergeIntoBase(model, adapter, join(folder, 'merged'));
      await using merged = await loadModel(join(folder, 'merged'), { threads: 1 });
      // A checkpoint is float32.
      assert.ok(Math.abs((await evaluate(merged, rows)).loss - loss) < 1e-5);
      const [ours, theirs] = await Promise.all(
        [join(folder, 'again'), folderOf(form)].map(async (one) =>
          JSON.parse(await readFile(join(one, 'adapter_config.json'), 'utf8')),
        ),
      );
      for (const field of Object.keys(ours)) assert.ok(field in theirs, `${field} is no field of PEFT's`);
      assert.equal([ours.r, ours.init_weights, ours.mini_r], [theirs.r, theirs.init_weights, theirs.mini_r]);
    }));

const methods = ['miss', 'miss:form=bat', 'miss:form=mini:mini_r=3', 'miss:form=mini'];

function draw(count: number, name: string, seed: number): Float64Array {
  const random = randomStream(seed, name);
  // Rounded, so that the float32 tensors and the float64 formula start from the same numbers.
  return Float64Array.from({ length: count }, () => Math.fround(random.normal()));
}

test.before(async () => {
  await tf.setBackend('cpu');
});

for (const seed of [1, 2, 3])
  for (const name of methods)
    test(`the layer of ${name} is that of the merged matrix, seed ${seed}`, () => {
      const { form } = adapterMethod(name);
      const shapes: readonly LinearShape[] = [
        { out: 12, in: 6 },
        { out: 6, in: 12 },
        ...(name.includes('bat') ? [] : [{ out: 9, in: 7 }]),
      ];
      for (const shape of shapes)
        for (const rank of name.includes('bat') ? [1, 2, 6] : [1, 4, 5, shape.in]) {
          const size = { rank, alpha: 16 };
          form.check!('q_proj', shape, size);
          const [tensor] = form.tensors(shape, size);
          const D = draw(sizeOf(tensor!.shape), 'D', seed);
          const weight = draw(shape.out * shape.in, 'W', seed);
          const update = form.update(shape, new Map([[tensor!.name, D]]), size, weight);
          const x = draw(4 * shape.in, 'x', seed);
          const got = form.apply(
            tf.tensor2d([...x], [4, shape.in]),
            tf.tensor2d([...weight], [shape.out, shape.in]),
            new Map([[tensor!.name, tf.tensor([...D], [...tensor!.shape])]]),
            size,
          );
          const expected = Float64Array.from({ length: 4 * shape.out }, (_, index) => {
            const [position, row] = [Math.floor(index / shape.out), index % shape.out];
            const sums = Array.from({ length: shape.in }, (_, column) => {
              const at = row * shape.in + column;
              return x[position * shape.in + column]! * (weight[at]! + update[at]!);
            });
            return sums.reduce((sum, one) => sum + one, 0);
          });
          // A few dozen float32 roundings of 6e-8.
          assert.ok(relativeError(Float64Array.from(got.dataSync()), expected) < 1e-6);
        }
    });

for (const seed of [1, 2, 3])
  test(`miss is LoRA with B = D' and an A that adds up the shards, seed ${seed}`, () => {
    const [shape, rank] = [{ out: 9, in: 7 }, 3];
    const D = draw(rank * shape.out, 'D', seed);
    const A = Float64Array.from({ length: rank * shape.in }, (_, index) =>
      (index % shape.in) % rank === Math.floor(index / shape.in) ? 1 : 0,
    );
    const B = Float64Array.from(D, (_, index) => D[(index % rank) * shape.out + Math.floor(index / rank)]!);
    const asLora = lowRank.update(
      shape,
      new Map([
        ['lora_A.weight', A],
        ['lora_B.weight', B],
      ]),
      { rank, alpha: rank },
    );
    const own = adapterMethod('miss').form.update(shape, new Map([['miss_block', D]]), { rank, alpha: 16 });
    assert.equal(own, asLora);
  });

for (const method of ['miss', 'miss:form=bat', 'miss:form=mini:mini_r=4'])
  test(`${method}: the gradient is the slope of the loss, H v that of the gradient, and H is symmetric`, async () => {
    await using model = await referenceModel('llama', 'float64');
    const batch = referenceTokens('llama', 'float64');
    const adapter = await createAdapter(model, { method, rank: method.includes('bat') ? 4 : 5 });
    const random = randomStream(7, method);
    const parameters = adapter.parameters.map(() => 0.05 * random.normal());
    const program = model.program(adapter.layout, batch);
    const at = (moved: Float64Array) => program.gradient({ ...adapter, parameters: moved }, batch.inputs);
    const [v, u] = [0, 1].map(() =>
      Float64Array.from(parameters, () => random.normal() / Math.sqrt(parameters.length)),
    ) as [Float64Array, Float64Array];
    // Central differences at h and h / 2, combined so that their errors of the order of h^2 go.
    const central = async (h: number) => {
      const [ahead, behind] = [
        await at(Float64Array.from(parameters, (value, index) => value + h * v[index]!)),
        await at(Float64Array.from(parameters, (value, index) => value - h * v[index]!)),
      ];
      const slopes = ahead.gradient.map((value, index) => (value - behind.gradient[index]!) / (2 * h));
      return Float64Array.of((ahead.value - behind.value) / (2 * h), ...slopes);
    };
    const [coarse, fine] = [await central(2e-3), await central(1e-3)];
    const [slope, ...product] = fine.map((value, index) => (4 * value - coarse[index]!) / 3);
    const { gradient } = await at(Float64Array.from(parameters));
    const products = await Promise.all(
      [v, u].map((one) => program.hessianVector({ ...adapter, parameters }, batch.inputs, one)),
    );
    assert.ok(Math.abs(slope! - dot(gradient, v)) < 1e-8, `${slope}, expected ${dot(gradient, v)}`);
    assert.ok(relativeError(Float64Array.from(product), products[0]!) < 1e-6);
    const [uHv, vHu] = [dot(u, products[0]!), dot(v, products[1]!)];
    assert.ok(Math.abs(uHv - vHu) < 1e-9 * Math.max(Math.abs(uHv), 1e-3), `${uHv} against ${vHu}`);
  });

test('sizes and settings that a form cannot have are refused by name', async () => {
  await using model = await referenceModel('llama', 'float32');
  const create = (method: string, rank: number) => createAdapter(model, { method, rank });
  // The attention has 32 inputs; shards may be longer than its 16 keys.
  await throwsClearly(() => create('miss', 33), /`rank` for .*q_proj: expected a whole number from 1 to 32, got 33/);
  assert.is((await create('miss', 32)).parameters.length > 0, true);
  await throwsClearly(() => create('miss:form=bat', 5), /inputs of .*a multiple of miss's rank 5/);
  await throwsClearly(() => create('miss:form=mini:mini_r=5', 4), /outputs of .*a multiple of miss's mini_r 5/);
  await throwsClearly(() => create('miss:form=other', 4), /form of `method: miss`/);
  await throwsClearly(() => create('miss:mini_r=4', 4), /mini_r of `method: miss`/);
});

test("a config of PEFT's that says otherwise is refused, and its other initial values are of the same form", () =>
  inTemporaryFolder(async (folder) => {
    await using model = await referenceModel('llama', 'float64');
    const parameters = (await loadAdapter(model, folderOf('standard'))).parameters;
    await cp(folderOf('standard'), folder, { recursive: true });
    const file = join(folder, 'adapter_config.json');
    const config = JSON.parse(await readFile(file, 'utf8'));
    const read = async (change: object) => {
      await writeFile(file, JSON.stringify({ ...config, ...change }));
      return loadAdapter(model, folder);
    };
    for (const change of [{ init_weights: false }, { bias: 'MiSS_only' }, { miss_dropout: 0.1 }])
      assert.equal((await read(change)).parameters, parameters);
    await throwsClearly(() => read({ init_weights: 'pissa' }), /init_weights in .*adapter_config\.json/);
    await throwsClearly(() => read({ init_weights: 'bat' }), /multiple of miss's rank 5/);
    await throwsClearly(() => read({ mini_r: 0 }), /mini_r in/);
    await throwsClearly(() => read({ layers_to_transform: [1] }), /PEFT passes over/);
  }));

test.run();
