import * as tf from '@tensorflow/tfjs';

/** From so many multiplications on, the way round is quicker than the slow loop. Chosen by measurement. */
const worthwhile = 2 ** 17;

/**
 * a b, either transposed in its last two axes, over the axes before them. TensorFlow.js's WebAssembly has a fast product of
 * two plain matrices, and a twenty times slower loop for all else: transposes and batches are there made of the fast one.
 */
export function matMul(a: tf.Tensor, b: tf.Tensor, transposeA: boolean, transposeB: boolean): tf.Tensor {
  const [rows, inner] = lastTwo(a, transposeA);
  const [, columns] = lastTwo(b, transposeB);
  const batch = a.shape.slice(0, -2);
  const isPlain = batch.length === 0 && !transposeA && !transposeB;
  const isShared = batch.join() === b.shape.slice(0, -2).join();
  if (tf.getBackend() !== 'wasm' || isPlain || !isShared || rows * inner * columns < worthwhile)
    return tf.matMul(a, b, transposeA, transposeB);

  const left = transposeA ? swapLastTwo(a) : a;
  const right = transposeB ? swapLastTwo(b) : b;
  if (batch.length === 0) return tf.matMul(left, right);
  const count = batch.reduce((product, extent) => product * extent, 1);
  const [lefts, rights] = [matrices(left, count, rows, inner), matrices(right, count, inner, columns)];
  return tf.reshape(tf.stack(lefts.map((matrix, k) => tf.matMul(matrix, rights[k]!))), [...batch, rows, columns]);
}

function lastTwo({ shape }: tf.Tensor, transposed: boolean): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

function swapLastTwo(x: tf.Tensor): tf.Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return tf.transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
}

function matrices(x: tf.Tensor, count: number, rows: number, columns: number): tf.Tensor[] {
  return tf.unstack(tf.reshape(x, [count, rows, columns]));
}
