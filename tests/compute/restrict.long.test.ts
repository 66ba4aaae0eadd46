import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CurvatureGraphs } from '../../compute/curvatureGraphs.ts';
import { productName } from '../../compute/differentiate/products.ts';
import { collapse } from '../../compute/graph/collapse.ts';
import { mergeProducts } from '../../compute/graph/mergeProducts.ts';
import { nodesOfKernel } from '../../compute/graph/node.ts';
import { restrict } from '../../compute/graph/restrict.ts';
import {
  estimate,
  type Graph,
  hessianVector,
  onnxBackend,
  print,
  record,
  splitAt,
  trace,
  type Values,
} from '../../compute/index.ts';
import { directionName } from '../../compute/trace/record.ts';
import { layoutTensors } from '../../training/layout/layout.ts';
import { traceCausalLoss } from '../../training/models/causal.ts';
import { randomFeeds, randomLoss } from '../cases/randomGraphs.ts';
import { llamaBatch, referenceAdapter, referenceModel } from '../cases/reference.ts';
import { relativeError } from '../oracles/relativeError.ts';

const matrices = (...names: readonly string[]) => names.map((name) => ({ name, shape: [3, 3] }));

/** The graph of some code on 3 x 3 placeholders, restricted to where some of these are zero. */
function restricted(
  names: readonly string[],
  zero: readonly string[],
  body: (tensors: Record<string, tf.Tensor>) => Record<string, tf.Tensor>,
  outputs = ['out'],
): string {
  const signature = { parameters: matrices(...names), inputs: [], weights: [] };
  const graph = record(signature, ({ parameters }) => new Map(Object.entries(body(Object.fromEntries(parameters)))));
  return print(restrict(graph, { zero: new Set(zero), outputs: new Set(outputs) }));
}

test('what is zero, and what no wanted output needs, is gone', () => {
  const text = restricted(['a', 'v', 'w'], ['w'], ({ a, v, w }) => ({
    out: tf.add(tf.matMul(a!, v!), tf.matMul(tf.mul(w!, 2), a!)),
    other: tf.exp(v!),
  }));
  assert.is(
    text,
    [
      '%0 = Placeholder() name="a" : [3,3]',
      '%1 = Placeholder() name="v" : [3,3]',
      '%2 = BatchMatMul(%0, %1) : [3,3]',
      'return out = %2',
    ].join('\n'),
  );
});

test('an output that is zero is a fill, and one that is not there is left out', () => {
  const text = restricted(['a', 'v'], ['v'], ({ a, v }) => ({ out: tf.matMul(a!, v!) }), ['out', 'none']);
  assert.is(text, ['%0 = Fill() value=0 : [3,3]', 'return out = %0'].join('\n'));
});

test('a product with several matrices of which one is not zero is a product with that one', () => {
  const text = restricted(
    ['a', 'u', 'v', 'w'],
    ['u', 'w'],
    ({ a, u, v, w }) => {
      const all = tf.matMul(a!, tf.concat([u!, v!, w!], 1));
      return { out: tf.slice(all, [0, 3], [3, 3]), zero: tf.slice(all, [0, 6], [3, 3]) };
    },
    ['out', 'zero'],
  );
  assert.is(
    text,
    [
      '%0 = Placeholder() name="a" : [3,3]',
      '%1 = Fill() value=0 : [3,3]',
      '%2 = Placeholder() name="v" : [3,3]',
      '%3 = BatchMatMul(%0, %2) : [3,3]',
      'return out = %3, zero = %1',
    ].join('\n'),
  );
});

test('the same where the product is turned', () => {
  const text = restricted(['a', 'u', 'v'], ['u'], ({ a, u, v }) => {
    const turned = tf.transpose(tf.matMul(tf.concat([u!, v!], 0), a!));
    return { out: tf.slice(turned, [0, 3], [3, 3]) };
  });
  assert.is(
    text,
    [
      '%0 = Placeholder() name="a" : [3,3]',
      '%1 = Placeholder() name="v" : [3,3]',
      '%2 = BatchMatMul(%1, %0) : [3,3]',
      '%3 = Transpose(%2) perm=[1,0] : [3,3]',
      'return out = %3',
    ].join('\n'),
  );
});

test('a joined sum a u + b v + c w does without the terms that are zero, also where the factors were joined before', () => {
  const joined = restricted(['a', 'b', 'c', 'u', 'v', 'w'], ['v'], ({ a, b, c, u, v, w }) => ({
    out: tf.matMul(tf.concat([a!, b!, c!], 1), tf.concat([u!, v!, w!], 0)),
  }));
  assert.match(joined, /Concat\(%0, %\d\) axis=1 : \[3,6\]\n/);
  assert.match(joined, /BatchMatMul\(%\d, %\d\) : \[3,3\]\nreturn/);
  assert.not.match(joined, /name="[bv]"/);

  const signature = {
    parameters: [{ name: 'abc', shape: [3, 9] }, ...matrices('u', 'v', 'w')],
    inputs: [],
    weights: [],
  };
  const graph = record(signature, ({ parameters }) => {
    const [abc, u, v, w] = [...parameters.values()] as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    return new Map([['out', tf.matMul(tf.concat([u, v, w], 1), abc, false, true)]]);
  });
  assert.is(
    print(restrict(graph, { zero: new Set(['u', 'w']), outputs: new Set(['out']) })),
    [
      '%0 = Placeholder() name="abc" : [3,9]',
      '%1 = Placeholder() name="v" : [3,3]',
      '%2 = Slice(%0) begin=[0,3] size=[3,3] : [3,3]',
      '%3 = BatchMatMul(%1, %2) transposeB=true : [3,3]',
      'return out = %3',
    ].join('\n'),
  );
});

test('the block of a middle layer has tangents from it on, and cotangents down to it', () => {
  // L = |x a b c|^2: of H_bb v neither a's nor c's direction is left, and no product with a' that would lead below b.
  const traced = trace(
    { parameters: matrices('a', 'b', 'c'), inputs: [{ name: 'x', shape: [5, 3], dtype: 'float32' }], weights: [] },
    ({ parameters, inputs }) => {
      let y = inputs.get('x') as tf.Tensor2D;
      for (const matrix of parameters.values()) y = tf.matMul(y, matrix as tf.Tensor2D);
      return tf.sum(tf.square(y));
    },
  );
  const graphs = new CurvatureGraphs(traced, 'hessian', { maxBytes: Number.POSITIVE_INFINITY, precision: 'float32' });
  const [xa, turned] = ['[5,3]', '[3,5]'].map((shape) => {
    const value = graphs.split.kept.find(
      (name) => graphs.split.prepare.outputs.get(name)!.shape.join() === shape.slice(1, -1),
    );
    return `Placeholder() name="${value}" : ${shape}`;
  });
  // (x a)' 2 (x a v c) c', x a and its transpose kept.
  assert.is(
    print(graphs.block('split', ['b'])),
    [
      '%0 = Placeholder() name="c" : [3,3]',
      '%1 = Placeholder() name="direction of b" : [3,3]',
      `%2 = ${xa}`,
      '%3 = Fill() value=2 : []',
      '%4 = BatchMatMul(%2, %1) : [5,3]',
      '%5 = BatchMatMul(%4, %0) : [5,3]',
      '%6 = Multiply(%5, %3) : [5,3]',
      '%7 = BatchMatMul(%6, %0) transposeB=true : [5,3]',
      `%8 = ${turned}`,
      '%9 = BatchMatMul(%8, %7) : [3,3]',
      'return product of b = %9',
    ].join('\n'),
  );
});

for (let seed = 1; seed <= 8; seed++)
  test(`a restricted product is the product with zeros in the direction, in a random graph, seed ${seed}`, async () => {
    const graph = hessianVector(randomLoss(seed, 30));
    const directions = new Set(['first', 'second'].map(directionName));
    const feeds = new Map(randomFeeds(seed));
    const run = async (one: Graph, fed: Values = feeds) => {
      const executable = await onnxBackend.compile(one, { precision: 'float64', threads: 1 });
      const results = await executable.run(fed);
      await executable.release();
      return results;
    };
    const { prepare, product } = splitAt(mergeProducts(collapse(graph, directions), directions, 2), directions);
    const kept = await run(prepare);
    for (const [own, other] of [
      ['first', 'second'],
      ['second', 'first'],
    ] as const) {
      const name = productName(own);
      const expected = (await run(graph, new Map([...feeds, [directionName(other), new Float64Array(16)]]))).get(name)!;
      const only = { zero: new Set([directionName(other)]), outputs: new Set([name]) };
      for (const [part, fed] of [
        [restrict(graph, only), feeds],
        [restrict(product, only), new Map([...feeds, ...kept])],
      ] as const) {
        if (part.outputs.size === 0) continue;
        const results = await run(part, fed);
        assert.equal([...results.keys()], [name]);
        const taken = nodesOfKernel(part, 'Placeholder').map(({ attributes }) => attributes.name);
        assert.not(taken.includes(directionName(other)));
        assert.ok(relativeError(results.get(name)!, expected) < 1e-11, name);
      }
    }
  });

test("a module's product leaves out all layers below it, and takes only values that the whole one keeps", async () => {
  await using model = await referenceModel('llama', 'float32');
  const { layout } = await referenceAdapter(model, 'lora', 'perturbed');
  const { rows, length } = llamaBatch('float32');
  const budget = { maxBytes: Number.POSITIVE_INFINITY, precision: 'float32' } as const;
  for (const curvature of ['hessian', 'gaussNewton'] as const) {
    const traced = traceCausalLoss(model.decoder, layout, { rows, length, masked: true, packed: false });
    const graphs = new CurvatureGraphs(traced, curvature, budget);
    const { product, kept } = graphs.split;
    const known = new Set([
      ...kept,
      ...[...'inputIds,keyMask'.split(','), ...layoutTensors(layout).map(({ name }) => name)],
    ]);
    const steps = [...layout.modules.keys()].map((module) => {
      const own = layoutTensors(layout).flatMap(({ name }) => (name.startsWith(`${module}.`) ? [name] : []));
      const block = graphs.block('split', own);
      const taken = nodesOfKernel(block, 'Placeholder').map(({ attributes }) => attributes.name);
      const directions = own.map(directionName);
      assert.equal(
        taken.filter((name) => !known.has(name)).sort(),
        directions.sort(),
        `${module} takes what nobody keeps`,
      );
      return estimate(block, 'float32').flops / estimate(product, 'float32').flops;
    });
    // Two layers: what is left falls from module to module, and from the second layer on to less than half.
    for (let k = 1; k < steps.length; k++) assert.ok(steps[k]! <= steps[k - 1]! * 1.001, `${curvature}: ${steps}`);
    assert.ok(steps[0]! < 0.95 && steps[7]! < 0.5 && steps[13]! < 0.25, `${curvature}: ${steps}`);
  }
});

test.run();
