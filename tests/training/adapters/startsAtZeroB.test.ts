import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAdapter } from '../../../training/adapters/create.ts';
import { adapterMethods } from '../../../training/adapters/index.ts';
import { startsAtZeroB } from '../../../training/adapters/zeroFactor.ts';
import { referenceModel, referenceRows } from '../../cases/reference.ts';

const others = ['eva:rho=2', 'gralora:k=4:hybrid=2', 'vera:d=1', 'corda:mode=kpm', 'lora-ga:as=peft'];

test('what each method says of its start is what its initial values show', async () => {
  await using model = await referenceModel('llama', 'float32');
  for (const method of [...adapterMethods.map(({ name }) => name), ...others]) {
    const adapter = await createAdapter(model, { method, rank: 4, rows: referenceRows('llama') });
    const own = adapterMethods.find(({ name }) => name === method.split(':')[0])!;
    assert.is(own.startsAtZeroB, startsAtZeroB(adapter), method);
  }
});

test.run();
