import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toBatch } from '../../../training/data/batches.ts';
import { trainingLayout } from '../../../training/layout/layout.ts';
import { llamaBatch, referenceAdapter, referenceModel } from '../../cases/reference.ts';
import { relativeError } from '../../oracles/relativeError.ts';

for (const variant of ['lora', 'pissa', 'dora'] as const)
  test(`training by merged matrices follows the gradient of ${variant}`, async () => {
    await using model = await referenceModel('llama', 'float64');
    const adapter = await referenceAdapter(model, variant, 'perturbed');
    const batch = llamaBatch('float64');
    const trained = model.program(trainingLayout(adapter.layout), batch);
    // DoRA trains by another gradient than its own, from the same loss; trajectories hold that one against PEFT's.
    const exact = model.program(adapter.layout, batch);
    const [own, other] = [await trained.gradient(adapter, batch.inputs), await exact.gradient(adapter, batch.inputs)];
    assert.ok(relativeError([own.value], [other.value]) < 1e-13, 'loss');
    const error = relativeError(own.gradient, other.gradient);
    assert.ok(variant === 'dora' ? error > 1e-4 : error < 1e-12, `gradient: ${error} off`);
    assert.ok(trained.estimate('gradient').flops < exact.estimate('gradient').flops, 'merging is less work');
  });

test('a batch of few positions is computed as ever: merging would be more work', async () => {
  await using model = await referenceModel('llama', 'float64');
  const { layout } = await referenceAdapter(model, 'lora', 'init');
  const batch = toBatch([{ inputIds: Int32Array.of(1, 2, 3), labels: Int32Array.of(1, 2, 3) }], {
    precision: 'float64',
  });
  assert.equal(
    model.program(trainingLayout(layout), batch).estimate('gradient'),
    model.program(layout, batch).estimate('gradient'),
  );
});

test.run();
