import * as tf from '@tensorflow/tfjs';
import { constant } from '../../compute/index.ts';
import type { ComposedKernel } from '../../compute/trace/compositions.ts';
import { asMatrix, bounded, numbers, type Operands, type Operation, part, pick, positive } from './operands.ts';

/** The scores of attention, and what they mix: two rows of two positions with two heads of two entries. */
function attention({ matrix }: Operands): tf.Tensor {
  const [query, key, value] = [0, 1, 2].map(() => tf.reshape(matrix(), [2, 2, 2, 2])) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const scores = tf.softmax(tf.einsum('bqhd,bkhd->bhqk', query, key));
  return asMatrix(tf.einsum('bhqk,bkhd->bqhd', scores, value));
}

const composedKernels: { readonly [K in ComposedKernel]: Operation } = {
  Less: (operands) => tf.mul(operands.matrix(), numbers(tf.less(operands.matrix(), part(operands)))),
  LessEqual: (operands) => tf.mul(operands.matrix(), numbers(tf.lessEqual(operands.matrix(), part(operands)))),
  NotEqual: ({ matrix, ids }) => tf.mul(matrix(), numbers(tf.notEqual(ids, 2))),
  AddN: ({ matrix }) => tf.addN([matrix(), matrix(), matrix()]),
  SquaredDifference: (operands) => tf.squaredDifference(operands.matrix(), part(operands)),
  Reciprocal: ({ matrix }) => tf.reciprocal(positive(matrix())),
  Mod: (operands) => tf.mod(operands.matrix(), positive(part(operands))),
  Expm1: ({ matrix }) => tf.expm1(bounded(matrix())),
  Log1p: ({ matrix }) => tf.log1p(tf.square(matrix())),
  Relu: ({ matrix }) => tf.relu(matrix()),
  Relu6: ({ matrix }) => tf.relu6(tf.mul(matrix(), 8)),
  LeakyRelu: ({ matrix }) => tf.leakyRelu(matrix(), 0.125),
  Prelu: (operands) => tf.prelu(operands.matrix(), tf.broadcastTo(part(operands), [4, 4])),
  Elu: ({ matrix }) => tf.elu(matrix()),
  Selu: ({ matrix }) => tf.selu(matrix()),
  ClipByValue: ({ matrix }) => tf.clipByValue(matrix(), -0.5, 0.25),
  Step: ({ matrix }) => tf.mul(matrix(), tf.step(matrix(), 0.5)),
  Pack: ({ matrix, random }) => {
    const rows = [0, 1, 2, 3].map(() => tf.slice(matrix(), [random.integer(4), 0], [1, 4]));
    return tf.stack(
      rows.map((row) => tf.reshape(row, [4])),
      pick(random, [0, 1, -1]),
    );
  },
  Unpack: ({ matrix, random }) => tf.stack(tf.unstack(matrix(), pick(random, [0, 1, -1])).reverse()),
  StridedSlice: ({ matrix, random }) => {
    const [begin, end, strides] = pick(random, [
      [
        [0, 0],
        [4, 4],
        [2, 1],
      ],
      [
        [-1, 1],
        [-5, 4],
        [-2, 1],
      ],
      [
        [1, 3],
        [4, -5],
        [2, -1],
      ],
      [
        [1, 0],
        [3, 4],
        [1, 3],
      ],
      [
        [3, -1],
        [-5, -5],
        [-3, -3],
      ],
    ] as [number[], number[], number[]][]);
    // The first number of the first matrix, chosen with an axis that goes.
    const single = tf.stridedSlice(matrix(), [0, 0], [1, 1], [1, 1], 0, 0, 0, 0, 1);
    return tf.add(tf.mul(matrix(), tf.sum(tf.square(tf.stridedSlice(matrix(), begin, end, strides)))), single);
  },
  Prod: ({ matrix, random }) => tf.add(matrix(), tf.prod(matrix(), pick(random, [[0], [1], [0, 1]]), true)),
  Einsum: (operands) => {
    const { matrix, random } = operands;
    const row = () => tf.reshape(tf.slice(matrix(), [1, 0], [1, 4]), [4]);
    return pick(random, [
      () => attention(operands),
      () => tf.einsum('ij,jk->ik', matrix(), matrix()),
      () => tf.einsum('ji,kj->ki', matrix(), matrix()),
      () => tf.einsum('ij->ji', matrix()),
      () => tf.einsum('i,j->ij', row(), row()),
      () => tf.einsum('ij,ij->ji', matrix(), matrix()),
      () => tf.mul(matrix(), tf.einsum('ij,ji->', matrix(), matrix())),
      () => tf.mul(matrix(), tf.einsum('ij,ij->j', matrix(), matrix())),
      () => asMatrix(tf.einsum('abc,dc->dab', tf.reshape(matrix(), [2, 2, 4]), matrix())),
    ])();
  },
  _FusedMatMul: ({ matrix, random }) =>
    tf.fused.matMul({
      a: matrix(),
      b: matrix(),
      transposeA: random.uniform() < 0.5,
      transposeB: random.uniform() < 0.5,
      bias: tf.slice(matrix(), [0, 0], [1, 4]),
      // TensorFlow.js unfuses all but these where a gradient is taken.
      activation: pick(random, ['linear', 'relu', 'elu', 'sigmoid']),
    }),
};

/** Functions of TensorFlow.js that have a custom gradient or several kernels inside, and what models make of them. */
const functions = {
  'tf.logSoftmax': ({ matrix }) => tf.logSoftmax(matrix()),
  'tf.logSumExp': ({ matrix, random }) =>
    tf.sub(matrix(), tf.logSumExp(matrix(), pick(random, [[0], [1], [0, 1]]), true)),
  'tf.logSigmoid': ({ matrix }) => tf.logSigmoid(matrix()),
  'tf.losses.softmaxCrossEntropy': ({ matrix, ids }) =>
    tf.mul(matrix(), tf.losses.softmaxCrossEntropy(tf.cast(tf.oneHot(ids, 4), 'float32'), matrix())),
  'tf.losses.sigmoidCrossEntropy': ({ matrix }) =>
    tf.mul(matrix(), tf.losses.sigmoidCrossEntropy(tf.sigmoid(matrix()), matrix())),
  'tf.norm': ({ matrix }) => tf.div(matrix(), tf.norm(matrix(), 'euclidean', 1, true)),
  'gelu by erf': ({ matrix }) => {
    const x = matrix();
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.div(x, constant(Math.SQRT2))), 1));
  },
  'gelu by tanh': ({ matrix }) => {
    const x = matrix();
    const inner = tf.mul(tf.add(x, tf.mul(tf.pow(x, 3), constant(0.044715))), constant(Math.sqrt(2 / Math.PI)));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
  },
  'a causal mask': ({ matrix }) => {
    const positions = tf.range(0, 4);
    const isSeen = tf.greaterEqual(tf.expandDims(positions, 1), tf.expandDims(positions, 0));
    return tf.softmax(tf.where(isSeen, matrix(), -1e9));
  },
  'tf.linalg.bandPart': ({ matrix }) => tf.linalg.bandPart(matrix(), -1, 0),
  'tf.linspace': ({ matrix }) => tf.mul(matrix(), tf.cos(tf.linspace(-1, 2, 4))),
  'chained methods': ({ matrix }) => {
    const [x, y] = [matrix(), matrix()];
    const normed = x.sub(x.mean(-1, true)).div(x.square().mean(-1, true).add(0.5).sqrt());
    const mixed = normed.matMul(y.transpose()).softmax().matMul(y).concat(x.relu(), 1).slice([0, 2], [4, 4]);
    return mixed.mul(y.sigmoid()).add(x.max(0, true)).expandDims(0).squeeze([0]).flatten().reshape([4, 4]).as2D(4, 4);
  },
} satisfies Record<string, Operation>;

/** A use of every kernel that is recorded as its parts, and of what else is made of several kernels. */
export const compositions = { ...composedKernels, ...functions };
