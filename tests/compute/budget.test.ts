import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../compute/graph/builder.ts';
import { bytesOf } from '../../compute/graph/estimate.ts';
import {
  check,
  compile,
  hessianVector,
  type Node,
  onnxBackend,
  type SplitGraph,
  splitAt,
  type Values,
} from '../../compute/index.ts';
import { directionName } from '../../compute/trace/record.ts';
import { randomFeeds, randomLoss, randomPoint } from '../cases/randomGraphs.ts';
import { relativeError } from '../oracles/relativeError.ts';

const directions = new Set(['first', 'second'].map(directionName));
const keptBytes = ({ prepare, kept }: SplitGraph): number =>
  kept.reduce((sum, name) => sum + bytesOf(prepare.outputs.get(name)!, 'float64'), 0);

/** The products, by way of both parts. */
async function productsOf({ prepare, product, kept }: SplitGraph, feeds: Values): Promise<Values> {
  const options = { precision: 'float64', threads: 1 } as const;
  const first = await onnxBackend.compile(prepare, options);
  const second = await onnxBackend.compile(product, options);
  const prepared = await first.run(feeds);
  const results = await second.run(new Map([...feeds, ...kept.map((name) => [name, prepared.get(name)!] as const)]));
  await first.release();
  await second.release();
  return results;
}

for (let seed = 1; seed <= 8; seed++)
  test(`with less kept, the products of a random graph are the same, seed ${seed}`, async () => {
    const graph = hessianVector(randomLoss(seed, 20));
    const feeds = randomFeeds(seed);
    const all = splitAt(graph, directions);
    const expected = await productsOf(all, feeds);
    let before = keptBytes(all);
    for (const share of [0.9, 0.6, 0]) {
      const maxBytes = share * keptBytes(all);
      const split = splitAt(graph, directions, { maxBytes, precision: 'float64' });
      check(split.prepare);
      check(split.product);
      assert.ok(keptBytes(split) <= before, 'a smaller budget keeps more');
      before = keptBytes(split);
      if (share > 0.8) assert.ok(before <= maxBytes, `${before} bytes over ${maxBytes}`);
      const actual = await productsOf(split, feeds);
      for (const [name, values] of expected) {
        const error = relativeError(actual.get(name)!, values);
        assert.ok(error < 1e-13, `${name} is ${error} off`);
      }
    }
    assert.ok(before < keptBytes(all) / 2, `${before} of ${keptBytes(all)} bytes cannot be recomputed`);
    const same = splitAt(graph, directions, { maxBytes: keptBytes(all), precision: 'float64' });
    assert.equal(same.kept, all.kept, 'within the budget nothing changes');
  });

test('a program that may keep less has the same linearised products', async () => {
  const traced = randomLoss(3, 20);
  const { point, batch, direction } = randomPoint(3);
  await using whole = compile(traced, { precision: 'float64', threads: 1 });
  await using thrifty = compile(traced, { precision: 'float64', threads: 1, mostKeptBytes: 1000 });
  await using all = await whole.linearise(point, batch);
  await using less = await thrifty.linearise(point, batch);
  assert.ok(less.keptBytes < all.keptBytes / 2, `${less.keptBytes} of ${all.keptBytes}`);
  assert.ok(relativeError(await less.apply(direction), await all.apply(direction)) < 1e-13);
  assert.ok(thrifty.estimate('hessian').flops > whole.estimate('hessian').flops);
});

test('what costs least for its bytes is given up first, and products of matrices never', () => {
  // d . tanh(m) . softmax(m), m = a b: both factors are kept, and m in the place of both if need be.
  const b = new GraphBuilder();
  const matrix = (name: string) => b.placeholder(name, { shape: [4, 4], dtype: 'float32' });
  const product = b.make('BatchMatMul', [matrix('a'), matrix('b')], { transposeA: false, transposeB: false });
  const [bounded, soft] = [b.make('Tanh', [product], {}), b.make('Softmax', [product], {})];
  const times = (x: Node, y: Node) => b.make('Multiply', [x, y], {});
  const outputs = new Map([['y', times(times(times(matrix('d'), bounded), soft), product)]]);
  const keptAt = (maxBytes: number) => {
    const { prepare, kept } = splitAt({ outputs }, new Set(['d']), { maxBytes, precision: 'float32' });
    return kept.map((name) => prepare.outputs.get(name)!.kernel).sort();
  };
  assert.equal(keptAt(3 * 64), ['BatchMatMul', 'Softmax', 'Tanh']);
  assert.equal(keptAt(2 * 64), ['BatchMatMul', 'Softmax']);
  assert.equal(keptAt(64), ['BatchMatMul']);
  assert.equal(keptAt(0), ['BatchMatMul']);
});

test.run();
