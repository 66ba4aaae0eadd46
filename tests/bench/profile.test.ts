import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { profile, profileLines } from '../../bench/profile.ts';
import * as ort from '../../compute/backends/onnxRuntime.ts';

test('a profile counts every node of a product once, and leaves ONNX Runtime as it was', async () => {
  const create = ort.InferenceSession.create;
  const [once, often] = [
    await profile('tiny', { quantity: 'product linearised', threads: 1, repeats: 1, byShape: false }),
    await profile('tiny', { quantity: 'product linearised', threads: 1, repeats: 4, byShape: false }),
  ];
  assert.is(ort.InferenceSession.create, create);
  const nodes = ({ kinds }: typeof once) => new Map(kinds.map(({ kind, nodes }) => [kind, nodes]));
  assert.equal([...nodes(once)].sort(), [...nodes(often)].sort());
  // At least the tangent of each of seven matrices, forward and backward.
  const products = often.kinds.filter(({ kind }) => kind.startsWith('matrix products'));
  assert.ok(products.reduce((sum, kind) => sum + kind.nodes, 0) >= 14);
  // ONNX Runtime counts in whole microseconds: some kinds take none.
  assert.ok(often.kinds.some(({ milliseconds }) => milliseconds > 0));
  for (const { kind, floorMilliseconds } of products) assert.ok(floorMilliseconds > 0, kind);
  assert.match(profileLines(often).at(-1)!, /^all /);
});

test.run();
