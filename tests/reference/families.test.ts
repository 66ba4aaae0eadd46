import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { emptyLayout } from '../../training/adapters/create.ts';
import { toBatch } from '../../training/data/batches.ts';
import { loadModel } from '../../training/model.ts';
import { storedTensors } from '../oracles/storedTensors.ts';

const folder = new URL('../../fixtures/families/', import.meta.url);
const inputIds = Int32Array.from({ length: 20 }, (_, position) => (7 * position) % 19);
const stored = storedTensors(new URL('logits.safetensors', folder));

for (const name of readdirSync(new URL('models/', folder)))
  test(`the logits of ${name} agree with transformers`, async () => {
    await using model = await loadModel(fileURLToPath(new URL(`models/${name}`, folder)), {
      precision: 'float64',
      threads: 1,
    });
    const batch = toBatch([{ inputIds, labels: inputIds }], { length: 20, precision: 'float64' });
    const executable = await model.logits(emptyLayout(), batch);
    const logits = (await executable.run(new Map(Object.entries(batch.inputs)))).get('logits')!;
    const { values } = stored.get(name)!;
    assert.is(logits.length, values.length);
    const worst = values.reduce((most, value, index) => Math.max(most, Math.abs(value - logits[index]!)), 0);
    assert.ok(worst < 1e-9, `largest difference ${worst}`);
  });

test.run();
