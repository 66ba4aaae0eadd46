import * as tf from '@tensorflow/tfjs';
import { constant } from '../../compute/trace/constant.ts';
import { LambdamaxError } from '../../errors.ts';
import type { AdapterForm } from './adapter.ts';

/**
 * LoRA's form, y = x W' + s (x A') B' with s = alpha / rank: A [rank, in] and B [out, rank] are trained, W [out, in] is
 * not. Hu et al. 2021, arXiv 2106.09685, equation 3.
 */
export const lowRank: AdapterForm = {
  name: 'lowRank',
  scaling: ({ rank, alpha }) => alpha / rank,
  tensors: (shape, { rank }) => [
    { name: 'lora_A.weight', shape: [rank, shape.in] },
    { name: 'lora_B.weight', shape: [shape.out, rank] },
  ],
  apply(x, weight, tensors, size) {
    const A = tensorOf(tensors, 'lora_A.weight') as tf.Tensor2D;
    const B = tensorOf(tensors, 'lora_B.weight') as tf.Tensor2D;
    const base = tf.matMul(x, weight, false, true);
    // The scalar meets x A' [positions, rank], the smallest of the products. As a plain number s would be rounded
    // to float32, also in a float64 program.
    const reduced = tf.mul<tf.Tensor2D>(tf.matMul(x, A, false, true), constant(lowRank.scaling(size)));
    return tf.add<tf.Tensor2D>(base, tf.matMul(reduced, B, false, true));
  },
  update(shape, tensors, size) {
    const A = tensorOf(tensors, 'lora_A.weight');
    const B = tensorOf(tensors, 'lora_B.weight');
    const { rank } = size;
    const scaling = lowRank.scaling(size);
    const update = new Float64Array(shape.out * shape.in);
    for (let row = 0; row < shape.out; row++) {
      const start = row * shape.in;
      for (let term = 0; term < rank; term++) {
        const factor = scaling * B[row * rank + term]!;
        for (let column = 0; column < shape.in; column++) {
          update[start + column]! += factor * A[term * shape.in + column]!;
        }
      }
    }
    return update;
  },
};

function tensorOf<T>(tensors: ReadonlyMap<string, T>, name: string): T {
  const tensor = tensors.get(name);
  if (tensor === undefined) {
    throw new LambdamaxError({ subject: `adapter tensor ${name}`, expected: 'a value', got: [...tensors.keys()] });
  }
  return tensor;
}
