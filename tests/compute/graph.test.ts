import * as tf from '@tensorflow/tfjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withCorrectedGradients } from '../../compute/differentiate/gradients.ts';
import { GraphBuilder } from '../../compute/graph/builder.ts';
import { dependents, nodesOf, nodesOfKernel } from '../../compute/graph/node.ts';
import {
  check,
  type Graph,
  hessianVector,
  type Node,
  onnxBackend,
  print,
  record,
  simplify,
  splitAt,
  type TracedLoss,
  trace,
} from '../../compute/index.ts';
import { directionName } from '../../compute/trace/record.ts';
import { randomLoss, randomPoint } from '../cases/randomGraphs.ts';
import { relativeError } from '../oracles/relativeError.ts';
import { throwsClearly } from '../oracles/throws.ts';

const matrix = { name: 'w', shape: [2, 3] };

test('print shows a trace line by line, without what no output needs', () => {
  const graph = record(
    { parameters: [matrix], inputs: [{ name: 'x', shape: [4, 3], dtype: 'float32' }], weights: [] },
    ({ parameters, inputs }) => {
      const [w, x] = [parameters.get('w')!, inputs.get('x')!];
      tf.exp(w);
      return new Map([['y', tf.mean(tf.mul(tf.tanh(tf.matMul(x, w, false, true)), 0.5), -1)]]);
    },
  );
  assert.is(
    print(graph),
    [
      '%0 = Placeholder() name="w" : [2,3]',
      '%1 = Placeholder() name="x" : [4,3]',
      '%2 = BatchMatMul(%1, %0) transposeB=true : [4,2]',
      '%3 = Tanh(%2) : [4,2]',
      '%4 = Fill() value=0.5 : []',
      '%5 = Multiply(%3, %4) : [4,2]',
      '%6 = Mean(%5) axes=[1] : [4]',
      'return y = %6',
    ].join('\n'),
  );
});

test('the Hessian-vector product of a small loss keeps its optimisations', () => {
  // L = sum exp(w x') has H v = (exp(w x') * v x')' x, with the exponential computed once.
  const loss: TracedLoss['loss'] = ({ parameters, inputs }) =>
    tf.sum(tf.exp(tf.matMul(parameters.get('w')!, inputs.get('x')!, false, true)));
  const signature = {
    parameters: [matrix],
    inputs: [{ name: 'x', shape: [4, 3], dtype: 'float32' } as const],
    weights: [],
  };
  assert.is(
    print(hessianVector(trace(signature, loss))),
    [
      '%0 = Placeholder() name="w" : [2,3]',
      '%1 = Placeholder() name="x" : [4,3]',
      '%2 = Placeholder() name="direction of w" : [2,3]',
      '%3 = BatchMatMul(%0, %1) transposeB=true : [2,4]',
      '%4 = Exp(%3) : [2,4]',
      '%5 = Sum(%4) axes=[0,1] : []',
      '%6 = BatchMatMul(%4, %1) : [2,3]',
      '%7 = BatchMatMul(%2, %1) transposeB=true : [2,4]',
      '%8 = Multiply(%7, %4) : [2,4]',
      '%9 = BatchMatMul(%8, %1) : [2,3]',
      'return value = %5, gradient of w = %6, product of w = %9',
    ].join('\n'),
  );
});

/** One rule of `simplify`: the operation on x [2, 3], and what is left of it, after `%0 = Placeholder x`. */
interface Rule {
  readonly name: string;
  readonly before: (builder: GraphBuilder, x: Node) => Node;
  readonly after: readonly string[];
}

const full = { shape: [2, 3], dtype: 'float32' } as const;
const single = { shape: [], dtype: 'float32' } as const;
const none = {};

const rules: readonly Rule[] = [
  { name: 'x + 0 = x', before: (b, x) => b.make('Add', [x, b.fill(0, full)], none), after: [] },
  {
    name: 'x + (-x^2) = x - x^2',
    before: (b, x) => b.make('Add', [b.make('Neg', [b.make('Square', [x], none)], none), x], none),
    after: ['%1 = Square(%0) : [2,3]', '%2 = Sub(%0, %1) : [2,3]'],
  },
  { name: 'x - 0 = x', before: (b, x) => b.make('Sub', [x, b.fill(0, single)], none), after: [] },
  { name: '0 - x = -x', before: (b, x) => b.make('Sub', [b.fill(0, full), x], none), after: ['%1 = Neg(%0) : [2,3]'] },
  {
    name: 'x - (-x^2) = x + x^2',
    before: (b, x) => b.make('Sub', [x, b.make('Neg', [b.make('Square', [x], none)], none)], none),
    after: ['%1 = Square(%0) : [2,3]', '%2 = Add(%0, %1) : [2,3]'],
  },
  { name: 'x * 1 = x', before: (b, x) => b.make('Multiply', [b.fill(1, full), x], none), after: [] },
  {
    name: 'x * 0 = 0',
    before: (b, x) => b.make('Multiply', [x, b.fill(0, single)], none),
    after: ['%0 = Fill() value=0 : [2,3]'],
  },
  {
    name: 'x * -1 = -x',
    before: (b, x) => b.make('Multiply', [x, b.fill(-1, full)], none),
    after: ['%1 = Neg(%0) : [2,3]'],
  },
  {
    name: '(x * 2) * 3 = x * 6',
    before: (b, x) => b.make('Multiply', [b.make('Multiply', [x, b.fill(2, single)], none), b.fill(3, full)], none),
    after: ['%1 = Fill() value=6 : []', '%2 = Multiply(%0, %1) : [2,3]'],
  },
  {
    name: 'x / 4 = x * 0.25',
    before: (b, x) => b.make('RealDiv', [x, b.fill(4, single)], none),
    after: ['%1 = Fill() value=0.25 : []', '%2 = Multiply(%0, %1) : [2,3]'],
  },
  { name: '-(-x) = x', before: (b, x) => b.make('Neg', [b.make('Neg', [x], none)], none), after: [] },
  {
    name: '-(x - x^2) = x^2 - x',
    before: (b, x) => b.make('Neg', [b.make('Sub', [x, b.make('Square', [x], none)], none)], none),
    after: ['%1 = Square(%0) : [2,3]', '%2 = Sub(%1, %0) : [2,3]'],
  },
  {
    name: 'numbers are computed: min(max(2^3, 9), 7) - 1 = 6',
    before: (b) => {
      const power = b.make('Pow', [b.fill(2, full), b.fill(3, single)], none);
      const least = b.make('Minimum', [b.make('Maximum', [power, b.fill(9, single)], none), b.fill(7, single)], none);
      return b.make('Sub', [least, b.fill(1, single)], none);
    },
    after: ['%0 = Fill() value=6 : [2,3]'],
  },
  {
    name: 'the sum of six times 1.5 is 9',
    before: (b) => b.make('Sum', [b.fill(1.5, full)], { axes: [0, 1], keepDims: false }),
    after: ['%0 = Fill() value=9 : []'],
  },
  {
    name: 'a number cast to a whole one is truncated',
    before: (b) => b.make('Cast', [b.fill(-2.7, full)], { dtype: 'int32' }),
    after: ['%0 = Fill() value=-2 : int32[2,3]'],
  },
  {
    name: 'a truth value is cast once',
    before: (b, x) => {
      const truth = b.make('GreaterEqual', [x, x], none);
      return b.make('Cast', [b.make('Cast', [truth], { dtype: 'int32' })], { dtype: 'float32' });
    },
    after: ['%1 = GreaterEqual(%0, %0) : bool[2,3]', '%2 = Cast(%1) dtype="float32" : [2,3]'],
  },
  {
    name: 'a sum over one entry is a view',
    before: (b, x) => b.make('Sum', [b.make('Reshape', [x], { shape: [2, 1, 3] })], { axes: [1], keepDims: false }),
    after: [],
  },
  {
    name: 'a mean over one entry is a view',
    before: (b, x) => b.make('Mean', [b.make('Reshape', [x], { shape: [2, 3, 1] })], { axes: [2], keepDims: false }),
    after: [],
  },
  {
    name: 'transposes move into products',
    before: (b, x) => {
      const turned = b.make('Transpose', [x], { perm: [1, 0] });
      return b.make('BatchMatMul', [x, turned], { transposeA: false, transposeB: false });
    },
    after: ['%1 = BatchMatMul(%0, %0) transposeB=true : [2,2]'],
  },
  {
    name: 'a transpose undone is nothing',
    before: (b, x) => b.make('Transpose', [b.make('Transpose', [x], { perm: [1, 0] })], { perm: [1, 0] }),
    after: [],
  },
  {
    name: 'a reshape undone is nothing',
    before: (b, x) => b.make('Reshape', [b.make('Reshape', [x], { shape: [6] })], { shape: [2, 3] }),
    after: [],
  },
  {
    name: 'a tile of single rows is a broadcast, and the next operation does that itself',
    before: (b, x) => {
      const row = b.make('Slice', [x], { begin: [1, 0], size: [1, 3] });
      return b.make('Multiply', [x, b.make('Tile', [row], { reps: [2, 1] })], none);
    },
    after: ['%1 = Slice(%0) begin=[1,0] size=[1,3] : [1,3]', '%2 = Multiply(%0, %1) : [2,3]'],
  },
  {
    name: 'a choice that is known is made',
    before: (b, x) => b.make('Select', [b.fill(0, { shape: [], dtype: 'bool' }), b.make('Square', [x], none), x], none),
    after: [],
  },
  {
    name: 'a choice broadcasts by itself',
    before: (b, x) => {
      const truth = b.make('GreaterEqual', [x, b.make('BroadcastTo', [b.fill(1, single)], { shape: [2, 3] })], none);
      return b.make('Select', [truth, x, b.fill(0, full)], none);
    },
    after: [
      '%1 = Fill() value=1 : []',
      '%2 = GreaterEqual(%0, %1) : bool[2,3]',
      '%3 = Fill() value=0 : []',
      '%4 = Select(%2, %0, %3) : [2,3]',
    ],
  },
  {
    name: 'not not is nothing',
    before: (b, x) => {
      const truth = b.make('Equal', [x, x], none);
      return b.make('LogicalNot', [b.make('LogicalNot', [truth], none)], none);
    },
    after: ['%1 = Equal(%0, %0) : bool[2,3]'],
  },
  {
    name: 'the largest of one entry is a view',
    before: (b, x) => b.make('Max', [b.make('Reshape', [x], { shape: [2, 3, 1] })], { axes: [2], keepDims: false }),
    after: [],
  },
  {
    name: 'what is linear is zero at zero',
    before: (b, x) => {
      const product = b.make('BatchMatMul', [b.fill(0, full), x], { transposeA: true, transposeB: false });
      const sums = b.make('Cumsum', [product], { axis: 0, exclusive: false, reverse: true });
      return b.make(
        'RealDiv',
        [
          b.make('Reverse', [sums], { axes: [1] }),
          b.make('BatchMatMul', [x, x], { transposeA: true, transposeB: false }),
        ],
        none,
      );
    },
    after: ['%0 = Fill() value=0 : [3,3]'],
  },
  { name: 'a tile of once is nothing', before: (b, x) => b.make('Tile', [x], { reps: [1, 1] }), after: [] },
  {
    name: 'a slice of a concatenation is a slice of its part',
    before: (b, x) => {
      const joined = b.make('Concat', [b.make('Square', [x], none), x], { axis: 0 });
      return b.make('Slice', [joined], { begin: [2, 0], size: [2, 3] });
    },
    after: [],
  },
];

for (const { name, before, after } of rules)
  test(`simplify: ${name}`, () => {
    const builder = new GraphBuilder();
    const node = before(builder, builder.placeholder('x', full));
    const text = print(simplify({ outputs: new Map([['y', node]]) }));
    const start = after[0]?.startsWith('%0') ? [] : ['%0 = Placeholder() name="x" : [2,3]'];
    assert.is(text, [...start, ...after, `return y = %${start.length + after.length - 1}`].join('\n'));
  });

test('simplify computes the same operation once', () => {
  const builder = new GraphBuilder();
  const x = builder.placeholder('x', full);
  assert.is(builder.make('Exp', [x], none), builder.make('Exp', [x], none));
  assert.is.not(builder.fill(0, full), builder.fill(-0, full));
  assert.is.not(builder.fill(0, full), builder.fill(0, { shape: [2, 3], dtype: 'int32' }));
});

/** The value and gradient of a loss as they are recorded, before anything is simplified. */
function recordedGradient({ signature, loss }: TracedLoss): Graph {
  const names = signature.parameters.map(({ name }) => name);
  return withCorrectedGradients(() =>
    record(signature, (tensors) => {
      const { value, grads } = tf.valueAndGrads((...xs: tf.Tensor[]) =>
        loss({ ...tensors, parameters: new Map(names.map((name, k) => [name, xs[k]!])) }),
      )(names.map((name) => tensors.parameters.get(name)!));
      return new Map([['value', value], ...grads.map((grad, k) => [names[k]!, grad] as const)]);
    }),
  );
}

for (let seed = 1; seed <= 8; seed++)
  test(`simplify keeps the values of a random graph, with fewer nodes, seed ${seed}`, async () => {
    const before = recordedGradient(randomLoss(seed, 20));
    const after = simplify(before);
    assert.ok(nodesOf(after).length < nodesOf(before).length);
    const { point, batch } = randomPoint(seed);
    const feeds = new Map<string, Float64Array | Int32Array>([
      ...Object.entries(batch),
      ['first', point.parameters.subarray(0, 16)],
      ['second', point.parameters.subarray(16)],
    ]);
    const [expected, actual] = await Promise.all(
      [before, after].map(async (graph) => {
        const executable = await onnxBackend.compile(graph, { precision: 'float64', threads: 1 });
        const results = await executable.run(feeds);
        await executable.release();
        return results;
      }),
    );
    for (const [name, values] of expected!) {
      const error = relativeError(actual!.get(name)!, values);
      assert.ok(error < 1e-13, `${name} is ${error} off`);
    }
    assert.is(print(simplify(after)), print(after), 'a second pass finds more');
  });

for (let seed = 1; seed <= 8; seed++)
  test(`splitAt leaves nothing in the product that does not depend on the direction, seed ${seed}`, () => {
    const whole = hessianVector(randomLoss(seed, 20));
    const directions = new Set(['first', 'second'].map(directionName));
    const { prepare, product, kept, keptSize } = splitAt(whole, directions);
    check(prepare);
    check(product);

    const nodes = nodesOf(product);
    const dependent = dependents(nodes, directions);
    const free = ['Placeholder', 'Weight', 'Constant', 'Fill', 'Reshape', 'BroadcastTo'];
    const independent = nodes.filter((node) => !dependent.has(node) && !free.includes(node.kernel));
    assert.equal(
      independent.map(({ kernel }) => kernel),
      [],
    );
    assert.ok(nodes.length < nodesOf(whole).length);

    assert.is(new Set(kept).size, kept.length, 'names of kept values');
    const fed = nodesOfKernel(product, 'Placeholder').map(({ attributes }) => attributes.name);
    assert.equal(
      kept.filter((name) => !fed.includes(name)),
      [],
      'kept, but not used',
    );
    const sizes = kept.map((name) => prepare.outputs.get(name)!.shape.reduce((a, b) => a * b, 1));
    assert.is(
      keptSize,
      sizes.reduce((a, b) => a + b, 0),
    );
    const names = [...prepare.outputs.keys(), ...product.outputs.keys()].filter((name) => !kept.includes(name));
    assert.equal(names.sort(), [...whole.outputs.keys()].sort(), 'outputs');
    assert.equal(
      nodesOfKernel(prepare, 'Placeholder').filter(({ attributes }) => directions.has(attributes.name)),
      [],
      'directions in the part without',
    );
  });

const wrong: Record<string, [RegExp, (x: Node) => Node]> = {
  'a shape': [/\(Exp\): expected float32 \[2,3\], got float32 \[3,2\]/, (x) => ({ ...exp(x), shape: [3, 2] })],
  'a dtype': [/\(Exp\): expected float32 \[2,3\], got int32/, (x) => ({ ...exp(x), dtype: 'int32' })],
  'an order': [/expected inputs that come before it/, (x) => ({ ...exp(x), id: x.id })],
  'a number of values': [
    /\(Constant\): expected 6 values/,
    (x) => ({ ...x, id: 9, kernel: 'Constant', inputs: [], attributes: { values: new Float64Array(5) } }),
  ],
  'a reshape': [
    /\(Reshape\): expected 6 entries/,
    (x) => ({ ...x, id: 9, kernel: 'Reshape', inputs: [x], attributes: { shape: [7] }, shape: [7] }),
  ],
  'inner extents': [
    /BatchMatMul: expected inner extents that agree, from \[2,3\] and \[2,3\]/,
    (x) => ({
      id: 9,
      kernel: 'BatchMatMul',
      inputs: [x, x],
      attributes: { transposeA: false, transposeB: false },
      ...full,
    }),
  ],
  'a mixture of dtypes': [
    /expected one dtype, from float32 and int32/,
    (x) => ({ id: 9, kernel: 'Add', inputs: [x, one('int32')], attributes: {}, ...full }),
  ],
  'two placeholders of one name': [
    /expected one placeholder named x/,
    (x) => ({ id: 9, kernel: 'Add', inputs: [x, { ...x, id: 5 }], attributes: {}, ...full }),
  ],
};

function exp(x: Node): Node {
  return { id: 9, kernel: 'Exp', inputs: [x], attributes: {}, ...full };
}

function one(dtype: Node['dtype']): Node {
  return { id: 5, kernel: 'Fill', inputs: [], attributes: { value: 1 }, shape: [2, 3], dtype };
}

for (const [what, [message, build]] of Object.entries(wrong))
  test(`check refuses a graph that is wrong in ${what}`, () => {
    const x: Node = { id: 0, kernel: 'Placeholder', inputs: [], attributes: { name: 'x' }, ...full };
    check({ outputs: new Map([['y', exp(x)]]) });
    return throwsClearly(() => check({ outputs: new Map([['y', build(x)]]) }), message);
  });

test.run();
