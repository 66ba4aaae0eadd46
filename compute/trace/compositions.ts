import * as tf from '@tensorflow/tfjs';
import { constant } from './constant.ts';
import { einsum } from './einsum.ts';

type Inputs = Readonly<Record<string, tf.Tensor>>;
type Composition = (inputs: Inputs, attributes: Readonly<Record<string, unknown>>) => tf.Tensor | tf.Tensor[];

/**
 * TensorFlow.js kernels that are recorded as what they are made of, on the tape too: their derivatives of every order are
 * those of their parts. At a kink that is the derivative from the left (0 for relu, -1 for abs, as in TensorFlow.js), so
 * that relu(x) + log1p(exp(-|x|)) has the derivatives of the smooth function which it is; a value on a bound of
 * `clipByValue` still passes its gradient.
 */
export const compositions = {
  Less: ({ a, b }) => tf.greater(b!, a!),
  LessEqual: ({ a, b }) => tf.greaterEqual(b!, a!),
  NotEqual: ({ a, b }) => tf.logicalNot(tf.equal(a!, b!)),

  AddN: (terms) => Object.values(terms).reduce((sum, term) => tf.add(sum, term)),
  SquaredDifference: ({ a, b }) => tf.square(tf.sub(a!, b!)),
  Reciprocal: ({ x }) => tf.div(1, x!),
  Mod: ({ a, b }) => tf.sub(a!, tf.mul(b!, tf.floor(tf.div(a!, b!)))),
  Expm1: ({ x }) => tf.sub(tf.exp(x!), 1),
  Log1p: ({ x }) => tf.log(tf.add(x!, 1)),

  Relu: ({ x }) => tf.maximum(0, x!),
  Relu6: ({ x }) => tf.minimum(tf.maximum(0, x!), 6),
  LeakyRelu: ({ x }, { alpha }) => piecewise(x!, x!, tf.mul(x!, constant(alpha as number))),
  Prelu: ({ x, alpha }) => piecewise(x!, x!, tf.mul(x!, alpha!)),
  Elu: ({ x }) => piecewise(x!, x!, expm1OfNegative(x!)),
  Selu: ({ x }) => {
    const { SELU_SCALE, SELU_SCALEALPHA } = tf.backend_util;
    return piecewise(x!, tf.mul(x!, constant(SELU_SCALE)), tf.mul(expm1OfNegative(x!), constant(SELU_SCALEALPHA)));
  },
  ClipByValue: ({ x }, { clipValueMin, clipValueMax }) =>
    tf.minimum(tf.maximum(x!, constant(clipValueMin as number)), constant(clipValueMax as number)),
  Step: ({ x }, { alpha }) => {
    const isPositive = tf.cast(tf.greater(x!, 0), 'float32');
    return tf.add(tf.mul(isPositive, constant(1 - (alpha as number))), constant(alpha as number));
  },

  Pack: (parts, { axis }) =>
    tf.concat(
      Object.values(parts).map((part) => tf.expandDims(part, axis as number)),
      axis as number,
    ),
  Unpack: ({ value }, { axis }) => unpack(value!, axis as number),
  StridedSlice: ({ x }, attributes) => stridedSlice(x!, attributes as unknown as StridedSliceAttributes),
  Prod: ({ x }, { axis, keepDims }) =>
    product(x!, tf.util.parseAxisParam(axis as number[], x!.shape), keepDims === true),
  Einsum: (tensors, { equation }) => einsum(equation as string, Object.values(tensors)),
  _FusedMatMul: ({ a, b, bias, preluActivationWeights }, attributes) => {
    const { transposeA, transposeB, activation, leakyreluAlpha } = attributes as unknown as FusedAttributes;
    const product = tf.matMul(a!, b!, transposeA, transposeB);
    return activate(bias ? tf.add(product, bias) : product, activation, preluActivationWeights, leakyreluAlpha);
  },
} satisfies Record<string, Composition>;

/** A TensorFlow.js kernel that is recorded as its parts. */
export type ComposedKernel = keyof typeof compositions;

/** How a kernel is composed, or undefined if it is not. */
export function compositionOf(kernel: string): Composition | undefined {
  return Object.hasOwn(compositions, kernel) ? compositions[kernel as ComposedKernel] : undefined;
}

function piecewise(x: tf.Tensor, positive: tf.Tensor, other: tf.Tensor): tf.Tensor {
  return tf.where(tf.greater(x, 0), positive, other);
}

/** exp(x) - 1 where x <= 0, and 0 elsewhere: an exponential that overflows would spoil the derivative of the other branch. */
function expm1OfNegative(x: tf.Tensor): tf.Tensor {
  return tf.sub(tf.exp(tf.minimum(x, 0)), 1);
}

function unpack(x: tf.Tensor, axis: number): tf.Tensor[] {
  const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const shape = x.shape.filter((_, at) => at !== along);
  return Array.from({ length: x.shape[along]! }, (_, index) => {
    const begin = x.shape.map((_, at) => (at === along ? index : 0));
    const size = x.shape.map((extent, at) => (at === along ? 1 : extent));
    return tf.reshape(tf.slice(x, begin, size), shape);
  });
}

interface StridedSliceAttributes {
  readonly begin: number[];
  readonly end: number[];
  readonly strides: number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

/** Every k-th entry is the first of each run of k; axes that are read backwards are reversed before. */
function stridedSlice(x: tf.Tensor, attributes: StridedSliceAttributes): tf.Tensor {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
  const masks = [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] as const;
  const info = tf.slice_util.sliceInfo(x.shape, begin, end, strides, ...masks);
  const size = tf.slice_util.computeOutShape(info.begin, info.end, info.strides);
  const backwards = info.strides.flatMap((stride, axis) => (stride < 0 ? [axis] : []));
  const runs = info.strides.map(Math.abs);
  const first = info.begin.map((index, axis) => (info.strides[axis]! < 0 ? x.shape[axis]! - 1 - index : index));
  const extent = size.map((count, axis) => Math.min(count * runs[axis]!, x.shape[axis]! - first[axis]!));
  const missing = size.map((count, axis): [number, number] => [0, count * runs[axis]! - extent[axis]!]);

  const forwards = backwards.length === 0 ? x : tf.reverse(x, backwards);
  const covered = tf.slice(forwards, first, extent);
  const whole = missing.some(([, after]) => after > 0) ? tf.pad(covered, missing) : covered;
  const inRuns = (lengths: readonly number[]) =>
    size.flatMap((count, axis) => (runs[axis] === 1 ? [count] : [count, lengths[axis]!]));
  const split = tf.reshape(whole, inRuns(runs));
  const heads = tf.slice(
    split,
    inRuns(runs).map(() => 0),
    inRuns(runs.map(() => 1)),
  );
  return tf.reshape(heads, info.finalShape);
}

/** Halves multiplied until one factor is left: no division, so that its derivatives are right where factors are zero. */
function product(x: tf.Tensor, axes: readonly number[], keepDims: boolean): tf.Tensor {
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const keptShape = kept.map((axis) => x.shape[axis]!);
  const rest = keptShape.map(() => 0);
  let count = axes.reduce((total, axis) => total * x.shape[axis]!, 1);
  let factors = tf.reshape(tf.transpose(x, [...axes, ...kept]), [count, ...keptShape]);
  for (; count > 1; count = Math.ceil(count / 2)) {
    const half = Math.floor(count / 2);
    const part = (from: number, length: number) => tf.slice(factors, [from, ...rest], [length, ...keptShape]);
    const pairs = tf.mul(part(0, half), part(half, half));
    factors = count % 2 === 0 ? pairs : tf.concat([pairs, part(count - 1, 1)]);
  }
  return tf.reshape(factors, keepDims ? x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)) : keptShape);
}

interface FusedAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly activation: 'linear' | 'relu' | 'relu6' | 'elu' | 'prelu' | 'leakyrelu' | 'sigmoid';
  readonly leakyreluAlpha: number;
}

function activate(
  x: tf.Tensor,
  activation: FusedAttributes['activation'],
  preluWeights: tf.Tensor | undefined,
  leakyreluAlpha: number,
): tf.Tensor {
  switch (activation) {
    case 'linear':
      return x;
    case 'prelu':
      return tf.prelu(x, preluWeights!);
    case 'leakyrelu':
      return tf.leakyRelu(x, leakyreluAlpha);
    case 'relu':
      return tf.relu(x);
    case 'relu6':
      return tf.relu6(x);
    case 'elu':
      return tf.elu(x);
    case 'sigmoid':
      return tf.sigmoid(x);
  }
}
