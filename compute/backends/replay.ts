import * as tf from '@tensorflow/tfjs';
import type { Kernel, NodeOf } from '../graph/node.ts';
import { matMul } from './matMul.ts';

/** Kernels that are computed at each run; the others are tensors that are there before. */
export type ReplayedKernel = Exclude<Kernel, 'Placeholder' | 'Weight' | 'Constant'>;

/** Computes a node's result as a new tensor, from tensors in the order of the node's inputs. */
export type ReplayRule<K extends Kernel> = (inputs: readonly tf.Tensor[], node: NodeOf<K>) => tf.Tensor;

/**
 * How each kernel is computed with TensorFlow.js. The table is total: a kernel without an entry does not compile. Where one
 * of its backends lacks a kernel, or gives another result, the rule is made of others.
 */
export const replayRules: { readonly [K in ReplayedKernel]: ReplayRule<K> } = {
  Fill: (_, { shape, dtype, attributes: { value } }) => tf.fill([...shape], value, dtype),

  Add: binary(tf.add),
  Sub: binary(tf.sub),
  Multiply: binary(tf.mul),
  RealDiv: binary(tf.div),
  Pow: binary(tf.pow),
  Maximum: binary(tf.maximum),
  Minimum: binary(tf.minimum),
  Greater: binary(tf.greater),
  GreaterEqual: binary(tf.greaterEqual),
  Equal: binary(tf.equal),
  LogicalAnd: binary(tf.logicalAnd),
  LogicalOr: binary(tf.logicalOr),
  LogicalNot: unary(tf.logicalNot),
  Select: ([condition, a, b]) => tf.where(condition!, a!, b!),
  Neg: unary(tf.neg),
  Exp: unary(tf.exp),
  Log: unary(tf.log),
  Sqrt: unary(tf.sqrt),
  Rsqrt: unary(tf.rsqrt),
  Square: unary(tf.square),
  Sigmoid: unary(tf.sigmoid),
  Tanh: unary(tf.tanh),
  Sin: unary(tf.sin),
  Cos: unary(tf.cos),
  Erf: unary(tf.erf),
  Softplus: unary(tf.softplus),
  Abs: unary(tf.abs),
  Sign: unary(tf.sign),
  Floor: unary(tf.floor),
  Ceil: unary(tf.ceil),
  Round: unary(tf.round),
  Cast: ([x], { attributes: { dtype } }) => tf.cast(x!, dtype),

  Softmax: ([x]) => tf.softmax(x!),
  LogSoftmax: ([x]) => {
    const shifted = tf.sub(x!, tf.max(x!, -1, true));
    return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), -1, true)));
  },
  Sum: reduction(tf.sum),
  Mean: reduction(tf.mean),
  Max: reduction(tf.max),
  Min: reduction(tf.min),
  Cumsum: ([x], { attributes: { axis, exclusive, reverse } }) => tf.cumsum(x!, axis, exclusive, reverse),

  BatchMatMul: ([a, b], { attributes: { transposeA, transposeB } }) => matMul(a!, b!, transposeA, transposeB),
  Transpose: ([x], { attributes: { perm } }) => tf.transpose(x!, [...perm]),
  Reshape: ([x], { shape }) => tf.reshape(x!, [...shape]),
  BroadcastTo: ([x], { shape }) => tf.broadcastTo(x!, [...shape]),
  Slice: ([x], { attributes: { begin, size } }) => tf.slice(x!, [...begin], [...size]),
  Concat: (inputs, { attributes: { axis } }) => tf.concat([...inputs], axis),
  PadV2: ([x], { attributes: { paddings } }) =>
    tf.pad(
      x!,
      paddings.map(([before, after]): [number, number] => [before, after]),
    ),
  Tile: ([x], { attributes: { reps } }) => tf.tile(x!, [...reps]),
  Reverse: ([x], { attributes: { axes } }) => tf.reverse(x!, [...axes]),
  GatherV2: ([x, indices], { attributes: { axis } }) => tf.gather(x!, indices!, axis),
  // The backends' own give numbers, and each another one for an index that is not in the table.
  OneHot: ([indices], { attributes: { depth } }) => isOneOf(tf.expandDims(indices!, -1), depth, [depth]),
  // Few backends have it; a product with the one-hot matrix needs no scatter, and is the same at each run on a GPU too.
  UnsortedSegmentSum: ([x, rows], { shape, attributes: { segments } }) => {
    const hot = tf.cast(isOneOf(rows!, segments, [segments, 1]), 'float32');
    return tf.reshape(tf.matMul(hot, tf.reshape(x!, [x!.shape[0]!, -1])), [...shape]);
  },
};

function unary(operation: (x: tf.Tensor) => tf.Tensor): ReplayRule<Kernel> {
  return ([x]) => operation(x!);
}

function reduction(
  operation: (x: tf.Tensor, axes: number[], keepDims: boolean) => tf.Tensor,
): ReplayRule<'Sum' | 'Mean' | 'Max' | 'Min'> {
  return ([x], { attributes: { axes, keepDims } }) => operation(x!, [...axes], keepDims);
}

function binary(operation: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): ReplayRule<Kernel> {
  return ([a, b]) => operation(a!, b!);
}

/** Where indices are 0, 1, ..., count - 1; those stand in a tensor of this shape, against which the indices broadcast. */
function isOneOf(indices: tf.Tensor, count: number, shape: number[]): tf.Tensor {
  return tf.equal(indices, tf.reshape(tf.range(0, count, 1, 'int32'), shape));
}
