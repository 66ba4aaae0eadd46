import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SharedWeights } from '../../compute/backends/sharedWeights.ts';
import { GraphBuilder } from '../../compute/graph/builder.ts';
import type { NodeOf } from '../../compute/graph/node.ts';
import type { WeightSource } from '../../compute/index.ts';
import { LambdamaxError } from '../../errors.ts';
import { inTemporaryFolder } from '../cases/temporaryFolder.ts';
import { throwsClearly } from '../oracles/throws.ts';

const builder = new GraphBuilder();
const [w, v, missing] = ['w', 'v', 'missing'].map((name) => builder.weight(name, [2]) as NodeOf<'Weight'>) as [
  NodeOf<'Weight'>,
  NodeOf<'Weight'>,
  NodeOf<'Weight'>,
];

/** A checkpoint of two weights, 1 2 and 3 4, and a backend that writes down what it makes and frees. */
async function recorded(folder: string) {
  const file = join(folder, 'weights.bin');
  await writeFile(file, new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer));
  const source: WeightSource = {
    locate: (name) => {
      if (name === 'missing') throw new LambdamaxError({ subject: folder, expected: `tensor ${name}` });
      return { file, offset: name === 'w' ? 0 : 8, bytes: 8, dtype: 'F32', shape: [2] };
    },
  };
  const events: string[] = [];
  const shared = new SharedWeights<string>({
    make: (values, { attributes }) => {
      const made = `${attributes.name} ${values}`;
      events.push(`make ${made}`);
      return made;
    },
    free: (made) => events.push(`free ${made}`),
  });
  return { source, shared, events };
}

test('a weight is read once for all that use it, and freed after the last', () =>
  inTemporaryFolder(async (folder) => {
    const { source, shared, events } = await recorded(folder);
    const first = shared.take([w, v], source, 'float32');
    const second = shared.take([v], source, 'float32');
    assert.equal(events, ['make w 1,2', 'make v 3,4']);
    assert.is(second.values.get(v), first.values.get(v));
    first.giveBack();
    assert.equal(events.slice(2), ['free w 1,2']);
    second.giveBack();
    assert.equal(events.slice(3), ['free v 3,4']);
    shared.take([v], source, 'float32').giveBack();
    assert.equal(events.slice(4), ['make v 3,4', 'free v 3,4']);
  }));

test('precisions and checkpoints have weights of their own', () =>
  inTemporaryFolder(async (folder) => {
    const { source, shared, events } = await recorded(folder);
    const taken = [
      shared.take([w], source, 'float32'),
      shared.take([w], source, 'float64'),
      shared.take([w], { ...source }, 'float32'),
    ];
    assert.is(events.length, 3);
    for (const { giveBack } of taken) giveBack();
    assert.is(events.length, 6);
  }));

test('of graphs with a weight that is missing nothing is read', () =>
  inTemporaryFolder(async (folder) => {
    const { source, shared, events } = await recorded(folder);
    await throwsClearly(() => shared.take([w, missing], source, 'float32'), /expected tensor missing/);
    await throwsClearly(() => shared.take([w], undefined, 'float32'), /weight w: expected a checkpoint/);
    assert.equal(events, []);
    const none = shared.take([], undefined, 'float32');
    assert.is(none.values.size, 0);
    none.giveBack();
  }));

test.run();
