import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spectrum } from '../../analysis/curvature/spectrum.ts';
import { referenceAdapter, referenceModel, referenceRows } from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';

const rows = referenceRows('llama');
const settings = { batchSize: 1, tolerance: 1e-9, maxSteps: 300, seed: 0 };

test('what does not fit in memory is computed anew, to the same spectrum', async () => {
  await using model = await referenceModel('llama', 'float64');
  const adapter = await referenceAdapter(model, 'pissa', 'perturbed');
  // The Ritz values of the same Krylov space are the same whether it holds the ends already or not: a few products tell.
  const few = { ...settings, maxSteps: 30 };
  for (const curvature of ['hessian', 'gaussNewton'] as const) {
    const kept = await spectrum(model, adapter, rows, { ...few, curvature });
    for (const mostKeptBytes of [-1, 1]) {
      const recomputed = await spectrum(model, adapter, rows, { ...few, curvature, mostKeptBytes });
      assert.is(recomputed.products, kept.products);
      const ends = (result: typeof kept) => [result.loss, result.gradientNorm, result.lambdaMax.value];
      assert.ok(relativeError(ends(recomputed), ends(kept)) < 1e-9, `${curvature}: ${ends(recomputed)}, ${ends(kept)}`);
    }
  }
});

test('the spectrum of the whole mean is the same however its rows are batched', async () => {
  await using model = await referenceModel('llama', 'float64');
  const adapter = await referenceAdapter(model, 'lora', 'perturbed');
  const single = await spectrum(model, adapter, rows, { ...settings, batchSize: 3 });
  const split = await spectrum(model, adapter, rows, { ...settings, batchSize: 2 });
  assert.is(single.batches, 1);
  assert.is(split.batches, 2);
  assert.ok(Math.abs(split.lambdaMax.value / single.lambdaMax.value - 1) < 1e-8);
  assert.ok(Math.abs(split.lambdaMin.value / single.lambdaMin.value - 1) < 1e-8);
  assert.is(single.lambdaMax.standardError, null);
  assert.ok(split.lambdaMax.standardError! > 0);
});

test('a module by itself has the spectrum that --per-module says', async () => {
  await using model = await referenceModel('llama', 'float64');
  const adapter = await referenceAdapter(model, 'olora', 'perturbed');
  const all = await spectrum(model, adapter, rows, { ...settings, perModule: true });
  assert.is(all.modules!.length, adapter.layout.modules.size);
  const { name, lambdaMax, lambdaMin, parameters } = all.modules![4]!;
  const alone = await spectrum(model, adapter, rows, { ...settings, modules: [name] });
  assert.is(alone.parameters, parameters);
  assert.ok(relativeError([alone.lambdaMax.value, alone.lambdaMin.value], [lambdaMax, lambdaMin]) < 1e-8);
  // The whole bends at least as much as any part of it (Cauchy's interlacing).
  assert.ok(all.modules!.every((module) => module.lambdaMax <= all.lambdaMax.value * (1 + 1e-8)));
});

test.run();
