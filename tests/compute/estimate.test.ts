import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../compute/graph/builder.ts';
import { nodesOf } from '../../compute/graph/node.ts';
import { compile, dot, estimate, type Node, print, trace } from '../../compute/index.ts';

const none = {};
const plain = { transposeA: false, transposeB: false };

/** A graph of one output. */
function graphOf(build: (builder: GraphBuilder) => Node) {
  return { outputs: new Map([['y', build(new GraphBuilder())]]) };
}

// Counted by hand.

test('a product [2, 3] x [3, 5] is 60 steps, however it is turned and batched', () => {
  for (const [transposeA, transposeB] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const) {
    const product = (b: GraphBuilder, batch: number[]) =>
      b.make(
        'BatchMatMul',
        [
          b.placeholder('a', { shape: [...batch, ...(transposeA ? [3, 2] : [2, 3])], dtype: 'float32' }),
          b.placeholder('b', { shape: [...batch, ...(transposeB ? [5, 3] : [3, 5])], dtype: 'float32' }),
        ],
        { transposeA, transposeB },
      );
    assert.is(
      estimate(
        graphOf((b) => product(b, [])),
        'float32',
      ).flops,
      60,
    );
    assert.is(
      estimate(
        graphOf((b) => product(b, [7])),
        'float32',
      ).flops,
      420,
    );
  }
});

test('sums count what goes in, element-wise operations what comes out, and views nothing', () => {
  const graph = graphOf((b) => {
    const x = b.placeholder('x', { shape: [4, 6], dtype: 'float32' });
    const shown = b.make('Reshape', [b.make('Transpose', [x], { perm: [1, 0] })], { shape: [24] });
    const sum = b.make('Sum', [shown], { axes: [0], keepDims: false });
    return b.make('Multiply', [x, b.make('Exp', [sum], none)], none);
  });
  assert.is(estimate(graph, 'float32').flops, 24 + 1 + 24);
});

test('a chain holds two of its values at a time besides what is fed, and its result twice at the end', () => {
  const chain = (length: number) =>
    graphOf((b) => {
      let x = b.placeholder('x', { shape: [100], dtype: 'float32' });
      for (let k = 0; k < length; k++) x = b.make('Tanh', [x], none);
      return x;
    });
  for (const length of [1, 2, 3, 50]) {
    assert.is(estimate(chain(length), 'float32').peakBytes, 3 * 400);
    assert.is(estimate(chain(length), 'float64').peakBytes, 3 * 800);
    assert.is(estimate(chain(length), 'float64').outputBytes, 800);
  }
});

test('a value that is used again at the end is held until then', () => {
  const graph = graphOf((b) => {
    const x = b.placeholder('x', { shape: [100], dtype: 'float32' });
    const first = b.make('Exp', [x], none);
    const second = b.make('Sin', [first], none);
    return b.make('Add', [b.make('Cos', [second], none), first], none);
  });
  // x; then exp, sin and cos; or exp, cos and the sum.
  assert.is(estimate(graph, 'float32').peakBytes, 400 + 3 * 400);
});

test('outputs, weights and constants are held all along, reshaped values lie where they lay, and truth values are bytes', () => {
  const b = new GraphBuilder();
  const x = b.placeholder('x', { shape: [10], dtype: 'float32' });
  const early = b.make('Exp', [x], none);
  const shown = b.make('Reshape', [early], { shape: [5, 2] });
  const product = b.make('BatchMatMul', [shown, b.weight('w', [2, 5])], plain);
  const truth = b.make('GreaterEqual', [product, b.constant(Float64Array.of(1, 2, 3, 4, 5), [5], 'float32')], none);
  const outputs = new Map<string, Node>([
    ['shown', shown],
    ['truth', truth],
  ]);
  // x, w and the constant; exp; the product [5, 5]; 25 truth values.
  assert.is(estimate({ outputs }, 'float32').peakBytes, 4 * (10 + 10 + 5) + 40 + 100 + 25);
  assert.is(estimate({ outputs }, 'float32').weightBytes, 4 * 10);
});

test('a program estimates its gradient and its linearised products, with what they keep', async () => {
  // L = sum tanh(x w), w [3], x [4, 3]: forward 24 + 4 + 4 steps.
  const traced = trace(
    {
      parameters: [{ name: 'w', shape: [3, 1] }],
      inputs: [{ name: 'x', shape: [4, 3], dtype: 'float32' }],
      weights: [],
    },
    ({ parameters, inputs }) => tf.sum(tf.tanh(tf.matMul(inputs.get('x')!, parameters.get('w')!))),
  );
  await using program = compile(traced, { precision: 'float64', threads: 1 });
  const [gradient, product] = [program.estimate('gradient'), program.estimate('hessian')];
  // One product forward and one back; of the Hessian the same, without the loss and its gradient.
  assert.ok(gradient.flops > 48 + 8 && gradient.flops < 48 + 40, String(gradient.flops));
  assert.ok(product.flops >= 48 && product.flops < gradient.flops, String(product.flops));
  const point = { parameters: Float64Array.of(1, 2, 3) };
  await using linearised = await program.linearise(point, { x: new Float64Array(12) });
  assert.ok(product.peakBytes >= linearised.keptBytes + 8 * (12 + 3), String(product.peakBytes));
});

// Pictures.

test('dot draws every node of the print, and an arrow for each input and output', () => {
  const graph = graphOf((b) => {
    const x = b.placeholder('say "x"', { shape: [2], dtype: 'float32' });
    return b.make('Multiply', [b.make('Exp', [x], none), b.fill(0.5, { shape: [], dtype: 'float32' })], none);
  });
  assert.is(
    dot(graph),
    [
      'digraph {',
      '  node [shape=box];',
      '  0 [label="say \\"x\\"\\n[2]", shape=ellipse];',
      '  1 [label="Exp\\n[2]"];',
      '  0 -> 1;',
      '  2 [label="0.5\\n[]"];',
      '  3 [label="Multiply\\n[2]"];',
      '  1 -> 3;',
      '  2 -> 3;',
      '  out0 [label="y", shape=plaintext];',
      '  3 -> out0;',
      '}',
    ].join('\n'),
  );
  assert.is(nodesOf(graph).length, print(graph).split('\n').length - 1);
});

test.run();
