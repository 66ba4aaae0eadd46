import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rescaledAdapter } from '../../../study/validate/rescaled.ts';
import { createAdapter } from '../../../training/adapters/create.ts';
import { stepGradient } from '../../../training/finetune/finetune.ts';
import { referenceModel, referenceRows } from '../../cases/reference.ts';
import { relativeError } from '../../oracles/relativeError.ts';
import { throwsClearly } from '../../oracles/throws.ts';

const rows = referenceRows('llama');
const size = { rank: 4, alpha: 6, initSeed: 1, rows, sampleRows: 3 };

// Of LoRA's form at B = 0 and elsewhere, on residual weights, with another scaling, in blocks, and beside random factors.
for (const method of ['lora', 'pissa', 'init-ab', 'rslora', 'lora-ga', 'gralora:k=2'])
  for (const factor of [4, 3])
    test(`${method} with parameters ${factor} times smaller: the loss as it was, and ${factor} times the gradient`, async () => {
      await using model = await referenceModel('llama', 'float64');
      const adapter = await createAdapter(model, { method, ...size });
      const before = await stepGradient(model, adapter, rows);
      const after = await stepGradient(model, rescaledAdapter(adapter, factor), rows);
      assert.ok(relativeError([after.value], [before.value]) < 1e-13);
      const expected = before.gradient.map((entry) => factor * entry);
      assert.ok(relativeError(after.gradient, expected) < 1e-10);
    });

test('the adapter that is given stays as it is', async () => {
  await using model = await referenceModel('llama', 'float32');
  const adapter = await createAdapter(model, { method: 'pissa', ...size });
  const before = adapter.parameters.slice();
  const alphas = [...adapter.layout.modules.values()].map(({ size: { alpha } }) => alpha);
  rescaledAdapter(adapter, 4);
  assert.equal(adapter.parameters, before);
  assert.ok(alphas.every((alpha) => alpha === 6));
});

for (const method of ['dora', 'full', 'vera', 'miss', './notebooks/my-variant.ts'])
  test(`${method} is refused by its name: its update is no product of two things that it trains, times alpha`, async () => {
    await using model = await referenceModel('llama', 'float32');
    const adapter = await createAdapter(model, { method, ...size });
    throwsClearly(() => rescaledAdapter(adapter, 4), new RegExp(adapter.method.name), /scale/);
  });

test.run();
