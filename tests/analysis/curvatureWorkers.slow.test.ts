import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AdapterCurvatureOptions, adapterCurvature } from '../../analysis/curvature/adapterCurvature.ts';
import { groupsByModule } from '../../analysis/curvature/operators/groups.ts';
import { spectrum } from '../../analysis/curvature/spectrum.ts';
import { onnxBackend, type Precision, randomStream, type Vector } from '../../compute/index.ts';
import { lanczos } from '../../numerics/krylov/lanczos.ts';
import { type Adapter, createAdapter } from '../../training/adapters/create.ts';
import type { Model } from '../../training/model.ts';
import { referenceAdapter, referenceModel, referenceRows } from '../cases/reference.ts';
import { throwsClearly } from '../oracles/throws.ts';

const rows = referenceRows('llama');

/** All that a curvature says: its loss, gradient, products of the whole and of a module, and each batch's part. */
async function allOf(model: Model, adapter: Adapter, options: AdapterCurvatureOptions): Promise<number[][]> {
  await using whole = await adapterCurvature(model, adapter, rows, options);
  const random = randomStream(1, 'direction');
  const draw = (size: number): Vector => {
    const entries = Float64Array.from({ length: size }, () => random.normal());
    return model.precision === 'float64' ? entries : Float32Array.from(entries);
  };
  const direction = draw(whole.size);
  const [, group] = groupsByModule(adapter.layout);
  const block = await whole.block(group!.tensors);
  const part = draw(block.size);
  const quotients = [...(await whole.rayleighQuotients(direction)), ...(await block.rayleighQuotients(part))];
  const vectors = [whole.gradient, await whole.apply(direction), await block.apply(part)];
  await block.release();
  return [
    [whole.loss, whole.tokens, whole.batches],
    ...vectors.map((vector) => Array.from(vector)),
    quotients.flatMap(({ scored, value }) => [scored, value]),
  ];
}

const cases: readonly [string, Precision, Partial<AdapterCurvatureOptions>, workers: number][] = [
  ['pissa', 'float32', {}, 3],
  ['vera', 'float64', { curvature: 'gaussNewton', mostKeptBytes: 1 }, 2],
];

for (const [variant, precision, options, workers] of cases)
  test(`${workers} workers give the same bits as one: ${variant}, ${precision}, ${JSON.stringify(options)}`, async () => {
    await using model = await referenceModel('llama', precision);
    const adapter = await referenceAdapter(model, variant, 'perturbed');
    const alone = await allOf(model, adapter, { ...options, batchSize: 1 });
    assert.equal(await allOf(model, adapter, { ...options, batchSize: 1, workers }), alone);
  });

test('a spectrum by several workers is that by one, module by module, and counts their memory', async () => {
  await using model = await referenceModel('llama', 'float32');
  const adapter = await createAdapter(model, { method: 'lora', rank: 1, targetModules: 'k_proj' });
  const settings = { batchSize: 2, perModule: true, topK: 1 };
  const one = await spectrum(model, adapter, rows, settings);
  const two = await spectrum(model, adapter, rows, { ...settings, workers: 2 });
  assert.ok(two.peakMegabytes > one.peakMegabytes + 50, `${two.peakMegabytes} MB`);
  const timeless = { seconds: 0, setupSeconds: 0, peakMegabytes: 0 };
  assert.equal({ ...two, ...timeless }, { ...one, ...timeless });
});

test('what is not finite is named by batch and tensor wherever it is computed; what is released is not used again', async () => {
  await using model = await referenceModel('llama', 'float32');
  const adapter = await referenceAdapter(model, 'lora', 'perturbed');
  const diverged = { ...adapter, parameters: adapter.parameters.map(() => 1e30) };
  const whole = await adapterCurvature(model, diverged, rows, { batchSize: 2, workers: 2 });
  const block = await whole.block(groupsByModule(adapter.layout)[0]!.tensors);
  const { outcome, fault } = await lanczos(block);
  assert.equal([outcome, fault], ['notFinite', 'the loss on batch 1 of 2']);
  await throwsClearly(
    () => whole.block(['nothing']),
    /^block of a curvature: expected names of parameters.*got nothing/,
  );
  await whole.release();
  await whole.release();
  for (const operator of [whole, block])
    await throwsClearly(() => operator.apply(new Float32Array(operator.size)), /before it is released$/);
});

test('workers that cannot do the work are refused', async () => {
  await using model = await referenceModel('llama', 'float32');
  const adapter = await referenceAdapter(model, 'lora', 'perturbed');
  const start = (options: Partial<AdapterCurvatureOptions>, one = adapter, on = model) =>
    adapterCurvature(on, one, rows, { batchSize: 1, workers: 2, ...options });
  for (const workers of [0, 1.5, Number.NaN])
    await throwsClearly(() => start({ workers }), /^workers of a curvature: expected a whole number from 1/);
  const { peft: _, ...form } = adapter.layout.form;
  const unknown = { ...adapter, method: { ...adapter.method, name: 'nobody' }, layout: { ...adapter.layout, form } };
  await throwsClearly(() => start({}, unknown), /^method of an adapter: expected one of .*, got nobody/);
  await using other = await referenceModel('llama', 'float32', { ...onnxBackend, name: 'mine' });
  await throwsClearly(() => start({}, adapter, other), /^backend of several processes: expected one of onnx, .* mine/);
});

test.run();
