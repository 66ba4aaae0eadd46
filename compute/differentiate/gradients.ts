import * as tf from '@tensorflow/tfjs';

type Gradient = Omit<tf.GradConfig, 'kernelName'>;
type Unary = (dy: tf.Tensor, x: tf.Tensor) => tf.Tensor;
type Binary = (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor, attributes: MatMulAttributes) => tf.Tensor;
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
  // dx = y (dy - <dy, y>)
  Softmax: ofInput('logits', (dy, x) => {
    const y = tf.softmax(x);
    return tf.mul(y, tf.sub(dy, tf.sum(tf.mul(dy, y), -1, true)));
  }),
  // dx = dy - softmax(x) <dy, 1>
  LogSoftmax: ofInput('logits', (dy, x) => tf.sub(dy, tf.mul(tf.softmax(x), tf.sum(dy, -1, true)))),
  // da = dy b a^(b-1), db = dy a^b log(a): NaN, not TensorFlow.js's zero, where the base is negative
  Pow: ofOperands(
    (dy, a, b) => tf.mul(dy, tf.mul(b, tf.pow(a, tf.sub(b, 1)))),
    (dy, a, b) => tf.mul(dy, tf.mul(tf.pow(a, b), tf.log(a))),
  ),

  // Where both are equal, all of it goes to the first.
  Maximum: ofOperands(
    (dy, a, b) => tf.mul(dy, isAtLeast(a, b)),
    (dy, a, b) => tf.mul(dy, tf.sub(1, isAtLeast(a, b))),
  ),
  Minimum: ofOperands(
    (dy, a, b) => tf.mul(dy, isAtLeast(b, a)),
    (dy, a, b) => tf.mul(dy, tf.sub(1, isAtLeast(b, a))),
  ),
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

/** 1 where a >= b, and 0 elsewhere. */
function isAtLeast(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  return tf.cast(tf.greaterEqual(a, b), 'float32');
}

/** The transpose of broadcasting: sums over the axes that were expanded to reach x's shape. */
function sumToShape(x: tf.Tensor, shape: number[]): tf.Tensor {
  const added = x.rank - shape.length;
  const axes = x.shape.flatMap((extent, axis) =>
    axis < added || (shape[axis - added] === 1 && extent > 1) ? [axis] : [],
  );
  return axes.length === 0 ? x : tf.reshape(tf.sum(x, axes, true), shape);
}
