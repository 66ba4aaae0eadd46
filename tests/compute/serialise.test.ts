import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../compute/graph/builder.ts';
import { nodesOf } from '../../compute/graph/node.ts';
import { deserialiseGraph, serialiseGraph } from '../../compute/graph/serialise.ts';
import { hessianVector, type Node, print } from '../../compute/index.ts';
import { randomLoss } from '../cases/randomGraphs.ts';

for (let seed = 0; seed < 20; seed++)
  test(`a graph comes back from its text as it was, and to the same text, seed ${seed}`, () => {
    for (const graph of [randomLoss(seed, 12).recording, hessianVector(randomLoss(seed, 12))]) {
      const text = serialiseGraph(graph);
      const restored = deserialiseGraph(text);
      assert.is(print(restored), print(graph));
      assert.equal(
        nodesOf(restored).map(({ id }) => id),
        nodesOf(graph).map(({ id }) => id),
      );
      assert.is(serialiseGraph(restored), text);
    }
  });

test('numbers are kept to the last bit, in the class that they had', () => {
  const builder = new GraphBuilder();
  const numbers = [-0, Number.NaN, Number.POSITIVE_INFINITY, -1e-310, 0.1, 2 ** 53 + 2, 1 / 3];
  const nodes: Node[] = [
    ...numbers.map((value) => builder.fill(value, { shape: [2], dtype: 'float32' })),
    builder.constant(Float64Array.from(numbers), [7], 'float32'),
    builder.constant(Float32Array.of(0.1, -0), [2], 'float32'),
    builder.constant(Int32Array.of(-(2 ** 31), 7), [2], 'int32'),
    builder.constant(Uint8Array.of(1, 0), [2], 'bool'),
  ];
  const graph = { outputs: new Map(nodes.map((node, k) => [`${k}`, node])) };
  const restored = [...deserialiseGraph(serialiseGraph(graph)).outputs.values()];
  for (const [k, node] of nodes.entries()) {
    const [values, expected] = [restored[k]!, node].map((one) => Object.values(one.attributes)[0]);
    assert.is(values.constructor, expected.constructor);
    const list = (one: number | ArrayLike<number>) => (typeof one === 'number' ? [one] : Array.from(one));
    assert.ok(
      list(expected).every((number, at) => Object.is(number, list(values)[at])),
      `${values} instead of ${expected}`,
    );
  }
});

test('a constant that is a view of more is written without the rest', () => {
  const builder = new GraphBuilder();
  const values = Float64Array.of(9, 1, 2, 9).subarray(1, 3);
  const text = (of: Float64Array) =>
    serialiseGraph({ outputs: new Map([['x', new GraphBuilder().constant(of, [2], 'float32')]]) });
  assert.is(text(values), text(Float64Array.of(1, 2)));
  assert.is(builder.constant(values, [2], 'float32').shape[0], 2);
});

test.run();
