import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { alongDirection, differenceStep, movedAlong } from '../../analysis/curvature/twoForward.ts';
import { type UpdateCurvatureOptions, updateCurvature } from '../../analysis/curvature/updateCurvature.ts';
import type { Precision } from '../../compute/index.ts';
import { randomStream } from '../../compute/random.ts';
import { dot, norm } from '../../numerics/vectors.ts';
import { createAdapter } from '../../training/adapters/create.ts';
import { toBatch } from '../../training/data/batches.ts';
import { scoredPositions } from '../../training/data/examples.ts';
import { evaluate } from '../../training/evaluate.ts';
import { warmUp } from '../../training/warmup.ts';
import {
  llamaBatch,
  referenceAdapter,
  referenceModel,
  referenceRows,
  referenceTokens,
  variants,
} from '../cases/reference.ts';
import { assertClose } from '../oracles/close.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { throwsClearly } from '../oracles/throws.ts';

const rows = referenceRows('llama');
const warmup = { steps: 3, learningRate: 1e-3 };
const options: UpdateCurvatureOptions = { warmup, directions: 2, batchSize: 1, seed: 0 };

function randomDirection(size: number, precision: Precision) {
  const random = randomStream(3, 'direction');
  const values = Float64Array.from({ length: size }, () => random.normal());
  return precision === 'float64' ? values : Float32Array.from(values);
}

for (const variant of ['lora', 'olora', 'dora'])
  test(`two forward passes give g'u and u'Gu of ${variant}, off by the square of the step`, async () => {
    await using model = await referenceModel('llama', 'float64');
    const adapter = await referenceAdapter(model, variant, 'perturbed');
    const direction = randomDirection(adapter.parameters.length, 'float64');
    const batch = llamaBatch('float64');
    const program = model.program(adapter.layout, batch);
    const { gradient } = await program.gradient(adapter, batch.inputs);
    const product = await program.gaussNewtonVector(adapter, batch.inputs, direction);
    const exact = { slope: dot(direction, gradient), gaussNewton: dot(direction, product) };
    const step = (1e-3 * norm(adapter.parameters)) / norm(direction);
    const errors: Record<keyof typeof exact, number[]> = { slope: [], gaussNewton: [] };
    for (const distance of [step, step / 2]) {
      const along = await alongDirection(model, adapter, rows, direction, distance);
      for (const name of ['slope', 'gaussNewton'] as const) errors[name].push(Math.abs(along[name] / exact[name] - 1));
    }
    for (const [name, [coarse, fine]] of Object.entries(errors)) {
      assert.ok(fine! < 1e-3, `${name}: off by ${fine}`);
      assert.ok(Math.abs(coarse! / fine! - 4) < 0.2, `${name}: errors ${coarse}, ${fine} are not of second order`);
    }
  });

for (const [precision, tolerance] of [
  ['float64', 1e-7],
  ['float32', 1e-4],
] as const)
  test(`the step that is chosen in ${precision} gives both to ${tolerance}`, async () => {
    await using model = await referenceModel('llama', precision);
    for (const variant of variants) {
      const adapter = await referenceAdapter(model, variant, 'perturbed');
      const direction = randomDirection(adapter.parameters.length, precision);
      const batch = llamaBatch(precision);
      const program = model.program(adapter.layout, batch);
      const product = await program.gaussNewtonVector(adapter, batch.inputs, direction);
      const step = await differenceStep(model, adapter, rows, direction);
      const { gaussNewton } = await alongDirection(model, adapter, rows, direction, step);
      assertClose([gaussNewton], [dot(direction, product)], tolerance, variant);
    }
  });

test('rows may go through together or in turn', async () => {
  await using model = await referenceModel('llama', 'float64');
  const adapter = await referenceAdapter(model, 'lora', 'perturbed');
  const direction = randomDirection(adapter.parameters.length, 'float64');
  const together = await alongDirection(model, adapter, rows, direction, 1e-4);
  const inTurn = await alongDirection(model, adapter, rows, direction, 1e-4, 1);
  assertClose([inTurn.slope, inTurn.gaussNewton], [together.slope, together.gaussNewton], 1e-10);
  assert.ok(rows.some((row) => scoredPositions(row) < row.inputIds.length - 1));
});

for (const [name, faster] of [
  ['Adam', {}],
  ['LoRA+', { loraPlusRatio: 16 }],
] as const)
  test(`the next update is the step that ${name} then takes`, async () => {
    await using model = await referenceModel('llama', 'float64');
    const start = await createAdapter(model, { method: 'pissa', rank: 2 });
    const settings = { learningRate: 1e-3, batchSize: 3, seed: 0, ...faster };
    const before = await warmUp(model, start, rows, { ...settings, steps: 3 });
    const after = await warmUp(model, start, rows, { ...settings, steps: 4 });
    const batch = referenceTokens('llama', 'float64');
    const { gradient } = await model.program(start.layout, batch).gradient(before.adapter, batch.inputs);
    const update = before.nextUpdate(gradient);
    const expected = before.adapter.parameters.map((value, i) => (value - after.adapter.parameters[i]!) / 1e-3);
    // The difference of two parameters of size 1, over 1e-3, has lost three digits.
    assert.ok(relativeError(update, expected) < 1e-9);
  });

test("at the end of the warm-up u'Hu, u'Gu and g'u are what differences of the loss say", async () => {
  await using model = await referenceModel('llama', 'float64');
  const start = await createAdapter(model, { method: 'lora', rank: 2 });
  // One row thrice: every direction is measured on the row that it comes from.
  const same = [rows[0]!];
  const found = await updateCurvature(model, start, same, options);
  const warmed = await warmUp(model, start, same, { ...warmup, batchSize: 1, seed: 0 });
  const single = toBatch(same, { precision: 'float64' });
  const { gradient } = await model.program(start.layout, single).gradient(warmed.adapter, single.inputs);
  const update = warmed.nextUpdate(gradient);
  const lossAt = async (rate: number) =>
    (await evaluate(model, same, { adapter: movedAlong(warmed.adapter, update, -rate) })).loss;
  const h = 1e-5;
  const [below, at, above] = [await lossAt(-h), await lossAt(0), await lossAt(h)];
  assertClose([found.slope.value], [(below - above) / (2 * h)], 1e-6, "g'u");
  assertClose([found.hessian!.value], [(below - 2 * at + above) / h ** 2], 1e-4, "u'Hu");
  assertClose([found.gaussNewtonTwoForward.value], [found.gaussNewton!.value], 1e-7, "u'Gu");
  assertClose([found.quadraticRate!.value], [found.slope.value / found.gaussNewton!.value], 1e-7, 'rate');
  assertClose([found.slope.standardError!], [0], 0, 'the error of two equal directions');
  const best = found.lineSearch.learningRate!;
  for (const rate of [best / 1.5, best * 1.5]) assert.ok((await lossAt(rate)) > (await lossAt(best)));
});

test('directions from several batches differ, and their errors say so', async () => {
  await using model = await referenceModel('llama', 'float32');
  const start = await createAdapter(model, { method: 'pissa', rank: 2 });
  const found = await updateCurvature(model, start, rows, { ...options, directions: 3 });
  for (const { value, standardError } of [found.hessian!, found.gaussNewton!, found.slope, found.quadraticRate!]) {
    assert.ok(Number.isFinite(value));
    assert.ok(standardError! > 0);
  }
  assert.is(found.products, 6);
  assert.is(found.gradientEvaluations, 3 + 1 + 3 * (1 + (2 + found.lineSearch.evaluations) / 2));
  const cheap = await updateCurvature(model, start, rows, { ...options, directions: 3, exact: false });
  assert.is(cheap.hessian, null);
  assert.is(cheap.products, 0);
  assert.equal(cheap.gaussNewtonTwoForward, found.gaussNewtonTwoForward);
});

for (const directions of [1, 2.5, Number.NaN])
  test(`${directions} directions are refused`, async () => {
    await using model = await referenceModel('llama', 'float32');
    const start = await createAdapter(model, { method: 'lora', rank: 2 });
    await throwsClearly(() => updateCurvature(model, start, rows, { ...options, directions }), /directions/, /from 2/);
  });

test.run();
