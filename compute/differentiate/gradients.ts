import * as tf from '@tensorflow/tfjs';
import { constant } from '../trace/constant.ts';

type Gradient = Omit<tf.GradConfig, 'kernelName'>;
type Unary = (dy: tf.Tensor, x: tf.Tensor) => tf.Tensor;
type Binary = (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor, attributes: MatMulAttributes) => tf.Tensor;
interface CumsumAttributes {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}
interface MatMulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/**
 * Gradients in terms of the kernels' inputs. Many of TensorFlow.js's own save the kernel's *output*, which is cut from the
 * tape: a gradient of such a gradient silently loses every term that passes through it (tensorflow/tfjs issue 3252; on a
 * two-layer Llama the Hessian-vector product is 23 % off, yet symmetric and plausible). Others, further down, use kernels
 * without a gradient, or forget to sum over dimensions that were broadcast.
 */
const corrected: Record<string, Gradient> = {
  Exp: ofInput('x', (dy, x) => tf.mul(dy, tf.exp(x))),
  Sigmoid: ofInput('x', (dy, x) => {
    const y = tf.sigmoid(x);
    return tf.mul(dy, tf.mul(y, tf.sub(1, y)));
  }),
  Tanh: ofInput('x', (dy, x) => tf.mul(dy, tf.sub(1, tf.square(tf.tanh(x))))),
  // dx = dy 2/sqrt(pi) exp(-x^2), with more digits of 2/sqrt(pi) than a float32 has
  Erf: ofInput('x', (dy, x) => tf.mul(dy, tf.mul(constant(2 / Math.sqrt(Math.PI)), tf.exp(tf.neg(tf.square(x)))))),
  // dx = y (dy - <dy, y>)
  Softmax: ofInput('logits', (dy, x) => {
    const y = tf.softmax(x);
    return tf.mul(y, tf.sub(dy, tf.sum(tf.mul(dy, y), -1, true)));
  }),
  // dx = dy - softmax(x) <dy, 1>
  LogSoftmax: ofInput('logits', (dy, x) => tf.sub(dy, tf.mul(tf.softmax(x), tf.sum(dy, -1, true)))),
  // da = dy b a^(b-1), and 0 for b = 0, whatever a is; db = dy a^b log(a), and as in TensorFlow.js 0 where a has no logarithm
  Pow: ofOperands(
    (dy, a, b) => {
      const isConstant = tf.equal(b, 0);
      // Of the branch that is not taken the derivative is multiplied with zero, and must be finite.
      const exponent = tf.sub(tf.where(isConstant, 1, b), 1);
      return tf.mul(dy, tf.where(isConstant, 0, tf.mul(b, tf.pow(a, exponent))));
    },
    (dy, a, b) => {
      const isPositive = tf.greater(a, 0);
      return tf.mul(dy, tf.mul(tf.pow(a, b), tf.log(tf.where(isPositive, a, 1))));
    },
  ),

  // Where both are equal, all of it goes to the first.
  Maximum: ofOperands(
    (dy, a, b) => tf.mul(dy, asNumbers(tf.greaterEqual(a, b))),
    (dy, a, b) => tf.mul(dy, asNumbers(tf.greater(b, a))),
  ),
  Minimum: ofOperands(
    (dy, a, b) => tf.mul(dy, asNumbers(tf.greaterEqual(b, a))),
    (dy, a, b) => tf.mul(dy, asNumbers(tf.greater(a, b))),
  ),
  // TensorFlow.js multiplies with as many numbers 1 as x has entries: written out, of a real model a second for each derivative.
  Sum: ofSum((dx) => dx),
  Mean: ofSum((dx, count) => tf.div(dx, count)),
  // Entries that are equally large share it.
  Max: ofExtreme(tf.max),
  Min: ofExtreme(tf.min),
  Select: {
    inputsToSave: ['condition'],
    gradFunc: (dy, [condition]) => ({
      condition: () => tf.zeros(condition!.shape),
      t: () => tf.where(condition!, dy as tf.Tensor, 0),
      e: () => tf.where(condition!, 0, dy as tf.Tensor),
    }),
  },
  Cast: {
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attributes) => {
      const { dtype } = attributes as unknown as { dtype: tf.DataType };
      return { x: () => (dtype === 'float32' ? tf.cast(dy as tf.Tensor, 'float32') : tf.zeros(x!.shape)) };
    },
  },
  Greater: locallyConstant('a', 'b'),
  GreaterEqual: locallyConstant('a', 'b'),
  Equal: locallyConstant('a', 'b'),
  LogicalAnd: locallyConstant('a', 'b'),
  LogicalOr: locallyConstant('a', 'b'),
  LogicalNot: locallyConstant('x'),
  // TensorFlow.js transposes it unless the axis is the last one.
  Cumsum: {
    gradFunc: (dy, _, attributes) => {
      const { axis, exclusive, reverse } = attributes as unknown as CumsumAttributes;
      return { x: () => tf.cumsum(dy as tf.Tensor, axis, exclusive, !reverse) };
    },
  },
  BatchMatMul: ofOperands(
    (dy, _, b, { transposeA, transposeB }) =>
      transposeA ? tf.matMul(b, dy, transposeB, true) : tf.matMul(dy, b, false, !transposeB),
    (dy, a, _, { transposeA, transposeB }) =>
      transposeB ? tf.matMul(dy, a, true, transposeA) : tf.matMul(a, dy, !transposeA, false),
  ),
  // TensorFlow.js adds one slice per repetition.
  Tile: {
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attributes) => {
      const { reps } = attributes as unknown as { reps: number[] };
      const blocks = x!.shape.flatMap((extent, axis) => [reps[axis]!, extent]);
      const repeated = x!.shape.map((_, axis) => 2 * axis);
      return { x: () => tf.sum(tf.reshape(dy as tf.Tensor, blocks), repeated) };
    },
  },
  // Each chosen entry is added to the place that it came from.
  GatherV2: {
    inputsToSave: ['x', 'indices'],
    gradFunc: (dy, [x, indices], attributes) => {
      const axis = tf.util.parseAxisParam((attributes as unknown as { axis: number }).axis, x!.shape)[0]!;
      const [outer, inner] = [x!.shape.slice(0, axis), x!.shape.slice(axis + 1)].map(tf.util.sizeFromShape);
      const flat = tf.reshape(dy as tf.Tensor, [outer!, indices!.size, inner!]);
      return {
        x: () => {
          const ids = tf.reshape(tf.cast(indices!, 'int32'), [indices!.size]) as tf.Tensor1D;
          const sums = tf.unsortedSegmentSum(tf.transpose(flat, [1, 0, 2]), ids, x!.shape[axis]!);
          return tf.reshape(tf.transpose(sums, [1, 0, 2]), x!.shape);
        },
        indices: () => tf.zeros(indices!.shape),
      };
    },
  },
  UnsortedSegmentSum: {
    inputsToSave: ['segmentIds'],
    gradFunc: (dy, [segments]) => ({ x: () => tf.gather(dy as tf.Tensor, segments as tf.Tensor1D) }),
  },
};

/**
 * Runs `body` with the corrected gradients in TensorFlow.js's registry, and puts back what was there, also when it
 * throws. The body must be synchronous.
 */
export function withCorrectedGradients<T>(body: () => T): T {
  const previous = Object.keys(corrected).map((kernelName) => ({ kernelName, config: tf.getGradient(kernelName) }));
  for (const [kernelName, config] of Object.entries(corrected)) replaceGradient(kernelName, { kernelName, ...config });
  try {
    return body();
  } finally {
    for (const { kernelName, config } of previous) replaceGradient(kernelName, config);
  }
}

function replaceGradient(kernelName: string, config: tf.GradConfig | undefined): void {
  if (tf.getGradient(kernelName) !== undefined) tf.unregisterGradient(kernelName);
  if (config !== undefined) tf.registerGradient(config);
}

function ofInput(input: string, derivative: Unary): Gradient {
  return { inputsToSave: [input], gradFunc: (dy, [x]) => ({ [input]: () => derivative(dy as tf.Tensor, x!) }) };
}

function ofOperands(da: Binary, db: Binary): Gradient {
  return {
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b], attributes) => {
      const operands = [dy as tf.Tensor, a!, b!, attributes as unknown as MatMulAttributes] as const;
      return { a: () => sumToShape(da(...operands), a!.shape), b: () => sumToShape(db(...operands), b!.shape) };
    },
  };
}

/** dx = scaled(dy, n), where each entry of y is the sum over n entries of x, spread over the axes that were summed. */
function ofSum(scaled: (dx: tf.Tensor, count: number) => tf.Tensor): Gradient {
  return {
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attributes) => {
      const axes = tf.util.parseAxisParam((attributes as unknown as { axis: number[] }).axis, x!.shape);
      const kept = x!.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
      const spread = () => tf.mul(tf.reshape(dy as tf.Tensor, kept), constant(1, x!.shape));
      return { x: () => scaled(spread(), x!.size / tf.util.sizeFromShape(kept)) };
    },
  };
}

function ofExtreme(extreme: typeof tf.max): Gradient {
  return {
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attributes) => {
      const { axis, reductionIndices } = attributes as unknown as { axis?: number[]; reductionIndices?: number[] };
      const axes = tf.util.parseAxisParam((axis ?? reductionIndices)!, x!.shape);
      return {
        x: () => {
          const found = asNumbers(tf.equal(x!, extreme(x!, axes, true)));
          const count = tf.sum(found, axes, true);
          return tf.mul(found, tf.div(tf.reshape(dy as tf.Tensor, count.shape), count));
        },
      };
    },
  };
}

/** The gradient of what changes in steps: zero, as in JAX, and not an error, since almost everywhere it is the truth. */
function locallyConstant(...inputs: string[]): Gradient {
  return {
    inputsToSave: inputs,
    gradFunc: (_, saved) => Object.fromEntries(inputs.map((name, k) => [name, () => tf.zeros(saved[k]!.shape)])),
  };
}

function asNumbers(truth: tf.Tensor): tf.Tensor {
  return tf.cast(truth, 'float32');
}

/** The transpose of broadcasting: sums over the axes that were expanded to reach x's shape. */
function sumToShape(x: tf.Tensor, shape: number[]): tf.Tensor {
  const added = x.rank - shape.length;
  const axes = x.shape.flatMap((extent, axis) =>
    axis < added || (shape[axis - added] === 1 && extent > 1) ? [axis] : [],
  );
  return axes.length === 0 ? x : tf.reshape(tf.sum(x, axes, true), shape);
}
