import * as tf from '@tensorflow/tfjs';
import {
  constant,
  type Kernel,
  logSoftmax,
  randomStream,
  type Signature,
  type TracedLoss,
  type TracedTensors,
  trace,
  type Values,
} from '../../compute/index.ts';
import { directionName } from '../../compute/trace/record.ts';
import { compositions } from './compositions.ts';
import { asMatrix, bounded, numbers, type Operation, part, pick, positive } from './operands.ts';

/**
 * A smooth use of every kernel, [4, 4] in and [4, 4] out, so that any may follow any. The table is total: a new kernel
 * without a use does not compile.
 */
const kernelUses: { readonly [K in Exclude<Kernel, 'Placeholder' | 'Weight'>]: Operation } = {
  Constant: ({ matrix, random }) =>
    tf.mul(matrix(), constant(Float64Array.from({ length: 16 }, random.normal), [4, 4])),
  Fill: ({ matrix, random }) => tf.mul(matrix(), constant(random.normal(), [4, 4])),

  Add: (operands) => tf.add(operands.matrix(), part(operands)),
  Sub: (operands) => tf.sub(part(operands), operands.matrix()),
  Multiply: (operands) => tf.mul(operands.matrix(), part(operands)),
  RealDiv: (operands) => tf.div(part(operands), positive(operands.matrix())),
  Pow: (operands) => tf.pow(positive(operands.matrix()), bounded(part(operands))),
  Maximum: (operands) => tf.maximum(operands.matrix(), part(operands)),
  Minimum: (operands) => tf.minimum(part(operands), operands.matrix()),
  Greater: (operands) => tf.mul(operands.matrix(), numbers(tf.greater(operands.matrix(), part(operands)))),
  GreaterEqual: (operands) => tf.mul(operands.matrix(), numbers(tf.greaterEqual(operands.matrix(), part(operands)))),
  Equal: ({ matrix, ids }) => tf.mul(matrix(), numbers(tf.equal(ids, 2))),
  LogicalAnd: ({ matrix }) => tf.mul(matrix(), numbers(tf.logicalAnd(tf.greater(matrix(), 0), tf.less(matrix(), 0.5)))),
  LogicalOr: ({ matrix }) => tf.mul(matrix(), numbers(tf.logicalOr(tf.greater(matrix(), 0), tf.less(matrix(), -0.5)))),
  LogicalNot: ({ matrix }) => tf.mul(matrix(), numbers(tf.logicalNot(tf.greater(matrix(), 0)))),
  Select: (operands) => tf.where(tf.greater(operands.matrix(), part(operands)), operands.matrix(), part(operands)),

  Neg: ({ matrix }) => tf.neg(matrix()),
  Exp: ({ matrix }) => tf.exp(bounded(matrix())),
  Log: ({ matrix }) => tf.log(positive(matrix())),
  Sqrt: ({ matrix }) => tf.sqrt(positive(matrix())),
  Rsqrt: ({ matrix }) => tf.rsqrt(positive(matrix())),
  Square: ({ matrix }) => tf.square(matrix()),
  Sigmoid: ({ matrix }) => tf.sigmoid(matrix()),
  Tanh: ({ matrix }) => tf.tanh(matrix()),
  Sin: ({ matrix }) => tf.sin(matrix()),
  Cos: ({ matrix }) => tf.cos(matrix()),
  Erf: ({ matrix }) => tf.erf(matrix()),
  Softplus: ({ matrix }) => tf.softplus(matrix()),
  Abs: ({ matrix }) => tf.abs(matrix()),
  Sign: ({ matrix }) => tf.mul(matrix(), tf.sign(matrix())),
  Floor: ({ matrix }) => tf.mul(matrix(), tf.floor(tf.mul(matrix(), 2.5))),
  Ceil: ({ matrix }) => tf.mul(matrix(), tf.ceil(tf.mul(matrix(), 2.5))),
  Round: ({ matrix }) => tf.mul(matrix(), tf.round(tf.mul(matrix(), 3))),
  Cast: ({ matrix, ids }) => tf.mul(matrix(), tf.reshape(tf.cast(ids, 'float32'), [4, 1])),
  Softmax: ({ matrix }) => tf.softmax(matrix()),
  LogSoftmax: ({ matrix }) => logSoftmax(matrix()),
  Sum: ({ matrix, random }) => tf.sub(matrix(), tf.sum(matrix(), pick(random, [[0], [1], [0, 1]]), true)),
  Mean: ({ matrix, random }) => tf.sub(matrix(), tf.mean(matrix(), pick(random, [[0], [1], [0, 1]]), true)),

  Max: ({ matrix, random }) => tf.sub(matrix(), tf.max(matrix(), pick(random, [[0], [1], [0, 1]]), true)),
  Min: ({ matrix, random }) => tf.sub(matrix(), tf.min(matrix(), pick(random, [[0], [1], [0, 1]]), true)),
  Cumsum: ({ matrix, random }) =>
    tf.cumsum(matrix(), pick(random, [0, 1]), random.uniform() < 0.5, random.uniform() < 0.5),

  BatchMatMul: ({ matrix, random }) => {
    const [a, b] = [matrix(), matrix()];
    const [blocks, other] = [tf.reshape(a, [4, 2, 2]), tf.reshape(b, [4, 2, 2])];
    const first = tf.slice(other, [0, 0, 0], [1, 2, 2]);
    // Flat; in four batches; and one batch for all, whose gradient sums over them.
    const [left, right] = pick(random, [() => [a, b], () => [blocks, other], () => [blocks, first]])() as tf.Tensor[];
    return asMatrix(tf.matMul(left!, right!, random.uniform() < 0.5, random.uniform() < 0.5));
  },
  Transpose: ({ matrix, random }) =>
    asMatrix(tf.transpose(tf.reshape(matrix(), [2, 2, 4]), random.uniform() < 0.5 ? [2, 0, 1] : [1, 0, 2])),
  Reshape: ({ matrix }) => asMatrix(tf.softmax(tf.reshape(matrix(), [2, 8]))),
  BroadcastTo: (operands) => tf.broadcastTo(part(operands), [4, 4]),
  Slice: ({ matrix }) => tf.matMul(tf.slice(matrix(), [0, 1], [4, 2]), tf.slice(matrix(), [2, 0], [2, 4])),
  Concat: ({ matrix }) => {
    const [left, right] = tf.split(matrix(), 2, 1) as [tf.Tensor, tf.Tensor];
    return tf.concat([tf.mul(right, left), left], -1);
  },
  PadV2: ({ matrix }) =>
    tf.add(
      matrix(),
      tf.pad(tf.slice(matrix(), [1, 1], [2, 1]), [
        [0, 2],
        [1, 2],
      ]),
    ),
  Tile: ({ matrix, random }) => {
    const [down, across] = [pick(random, [2, 4]), pick(random, [1, 2])];
    return tf.tile(tf.slice(matrix(), [0, 0], [4 / down, 4 / across]), [down, across]);
  },
  Reverse: ({ matrix, random }) => tf.mul(matrix(), tf.reverse(matrix(), pick(random, [[0], [1], [0, 1]]))),
  GatherV2: ({ matrix, ids, random }) => tf.gather(matrix(), ids, pick(random, [0, 1, -1])),
  OneHot: ({ matrix, ids }) => tf.matMul(matrix(), tf.cast(tf.oneHot(ids, 4), 'float32')),
  UnsortedSegmentSum: ({ matrix, ids }) => tf.unsortedSegmentSum(matrix(), ids, 4),
};

/** The kernels of a graph. */
export const kernels = Object.keys(kernelUses) as (keyof typeof kernelUses)[];

const operations = { ...kernelUses, ...compositions };
type OperationName = keyof typeof operations;

/** All that a model may be made of: the kernels, and what is recorded as several of them. */
export const operationNames = Object.keys(operations) as OperationName[];

const signature: Signature = {
  parameters: [
    { name: 'first', shape: [4, 4] },
    { name: 'second', shape: [4, 4] },
  ],
  inputs: [
    { name: 'x', shape: [4, 4], dtype: 'float32' },
    { name: 'ids', shape: [4], dtype: 'int32' },
  ],
  weights: [],
};

/** A loss that applies the kernels in this order, each to values drawn from parameters, batch and earlier results. */
export function lossOf(sequence: readonly OperationName[], seed: number): TracedLoss {
  return trace(signature, (tensors) =>
    applied(sequence, seed, tensors)
      .map((x, k) => tf.mean(tf.mul(tf.square(x), k + 1)))
      .reduce((sum, term) => tf.add(sum, term)),
  );
}

/** What the kernels make, each from values drawn from parameters, batch and earlier results. */
function applied(sequence: readonly OperationName[], seed: number, { parameters, inputs }: TracedTensors): tf.Tensor[] {
  // Drawn anew at each call: a loss is called once per derivative, and must be the same function.
  const random = randomStream(seed, 'operands');
  const known = [...parameters.values(), inputs.get('x')!];
  const matrix = () => pick(random, known) as tf.Tensor2D;
  for (const kernel of sequence)
    known.push(bounded(operations[kernel]({ matrix, random, ids: inputs.get('ids') as tf.Tensor1D })));
  return known;
}

/** A loss that mixes `length` kernels, drawn by the seed. */
export function randomLoss(seed: number, length: number): TracedLoss {
  return lossOf(randomSequence(seed, length), seed);
}

/** Outputs z [4, 4] that mix `length` kernels, and the convex loss sum log sum exp z, a term a row. */
export function randomSteps(seed: number, length: number): TracedLoss {
  const sequence = randomSequence(seed, length);
  return trace(signature, {
    outputs: (tensors) => applied(sequence, seed, tensors).reduce((sum, x) => tf.add(sum, x)),
    loss: (z) => tf.sum(tf.log(tf.sum(tf.exp(z), -1))),
  });
}

function randomSequence(seed: number, length: number): OperationName[] {
  const random = randomStream(seed, 'kernels');
  return Array.from({ length }, () => pick(random, operationNames));
}

/** A point and a batch for those losses. */
export function randomPoint(seed: number) {
  const random = randomStream(seed, 'point');
  return {
    point: { parameters: Float64Array.from({ length: 32 }, random.normal) },
    batch: { x: Float64Array.from({ length: 16 }, random.normal), ids: Int32Array.of(2, 0, 3, 2) },
    direction: Float64Array.from({ length: 32 }, random.normal),
    other: Float64Array.from({ length: 32 }, random.normal),
  };
}

/** What the graphs of such a loss's products are fed with at that point. */
export function randomFeeds(seed: number): Values {
  const { point, batch, direction } = randomPoint(seed);
  return new Map<string, Float64Array | Int32Array>([
    ...Object.entries(batch),
    ['first', point.parameters.subarray(0, 16)],
    ['second', point.parameters.subarray(16)],
    [directionName('first'), direction.subarray(0, 16)],
    [directionName('second'), direction.subarray(16)],
  ]);
}
