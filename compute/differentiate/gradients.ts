import * as tf from '@tensorflow/tfjs';

type Gradients = Record<string, Omit<tf.GradConfig, 'kernelName'>>;

/**
 * Gradients in terms of the kernels' inputs. TensorFlow.js's own save the kernel's *output*, which is cut from the tape:
 * a gradient of such a gradient silently loses every term that passes through it (tensorflow/tfjs issue 3252; on a
 * two-layer Llama the Hessian-vector product is 23 % off, yet symmetric and plausible). Its matMul gradient, besides,
 * does not sum over batch dimensions that were broadcast.
 */
const corrected: Gradients = {
  Exp: ofInput((dy, x) => tf.mul(dy, tf.exp(x))),
  Sigmoid: ofInput((dy, x) => {
    const y = tf.sigmoid(x);
    return tf.mul(dy, tf.mul(y, tf.sub(1, y)));
  }),
  Tanh: ofInput((dy, x) => tf.mul(dy, tf.sub(1, tf.square(tf.tanh(x))))),
  // dx = y (dy - <dy, y>)
  Softmax: ofLogits((dy, x) => {
    const y = tf.softmax(x);
    return tf.mul(y, tf.sub(dy, tf.sum(tf.mul(dy, y), -1, true)));
  }),
  // dx = dy - softmax(x) <dy, 1>
  LogSoftmax: ofLogits((dy, x) => tf.sub(dy, tf.mul(tf.softmax(x), tf.sum(dy, -1, true)))),
  BatchMatMul: {
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b], attributes) => {
      const { transposeA, transposeB } = attributes as unknown as { transposeA: boolean; transposeB: boolean };
      const d = dy as tf.Tensor;
      const da = () => (transposeA ? tf.matMul(b!, d, transposeB, true) : tf.matMul(d, b!, false, !transposeB));
      const db = () => (transposeB ? tf.matMul(d, a!, true, transposeA) : tf.matMul(a!, d, !transposeA, false));
      return { a: () => sumToShape(da(), a!.shape), b: () => sumToShape(db(), b!.shape) };
    },
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

function ofInput(derivative: (dy: tf.Tensor, x: tf.Tensor) => tf.Tensor): Gradients[string] {
  return { inputsToSave: ['x'], gradFunc: (dy, [x]) => ({ x: () => derivative(dy as tf.Tensor, x!) }) };
}

function ofLogits(derivative: (dy: tf.Tensor, x: tf.Tensor) => tf.Tensor): Gradients[string] {
  return { inputsToSave: ['logits'], gradFunc: (dy, [x]) => ({ logits: () => derivative(dy as tf.Tensor, x!) }) };
}

/** The transpose of broadcasting: sums over the axes that were expanded to reach x's shape. */
function sumToShape(x: tf.Tensor, shape: number[]): tf.Tensor {
  const added = x.rank - shape.length;
  const axes = x.shape.flatMap((extent, axis) =>
    axis < added || (shape[axis - added] === 1 && extent > 1) ? [axis] : [],
  );
  return axes.length === 0 ? x : tf.reshape(tf.sum(x, axes, true), shape);
}
