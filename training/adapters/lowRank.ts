import * as tf from '@tensorflow/tfjs';
import { constant } from '../../compute/trace/constant.ts';
import type { AdapterForm, AdapterSize } from './adapter.ts';
import { tensorOf } from './tensorOf.ts';

/** LoRA's factor s = alpha / rank. Hu et al. 2021, arXiv 2106.09685, section 4.1. */
export function alphaOverRank({ rank, alpha }: AdapterSize): number {
  return alpha / rank;
}

/** Rank-stabilised LoRA's factor s = alpha / sqrt(rank). Kalajdzievski 2023, arXiv 2312.03732. */
export function alphaOverRootRank({ rank, alpha }: AdapterSize): number {
  return alpha / Math.sqrt(rank);
}

/**
 * LoRA's form, y = x W' + s (x A') B': A [rank, in] and B [out, rank] are trained, W [out, in] is not. Hu et al. 2021,
 * arXiv 2106.09685, equation 3.
 */
function lowRankForm(name: string, scaling: AdapterForm['scaling']): AdapterForm {
  return {
    name,
    scaling,
    peft: { type: 'LORA', useRslora: scaling === alphaOverRootRank, useDora: false },
    tensors: (shape, { rank }) => [
      { name: 'lora_A.weight', shape: [rank, shape.in] },
      { name: 'lora_B.weight', shape: [shape.out, rank] },
    ],
    apply: (x, weight, tensors, size) =>
      tf.add<tf.Tensor2D>(tf.matMul(x, weight, false, true), lowRankOutput(x, tensors, scaling(size))),
    update(shape, tensors, size) {
      const A = tensorOf(tensors, 'lora_A.weight');
      const B = tensorOf(tensors, 'lora_B.weight');
      const { rank } = size;
      const factor = scaling(size);
      const update = new Float64Array(shape.out * shape.in);
      for (let row = 0; row < shape.out; row++) {
        const start = row * shape.in;
        for (let term = 0; term < rank; term++) {
          const scaled = factor * B[row * rank + term]!;
          for (let column = 0; column < shape.in; column++) {
            update[start + column]! += scaled * A[term * shape.in + column]!;
          }
        }
      }
      return update;
    },
  };
}

/** s (x A') B' [positions, out]. */
export function lowRankOutput(x: tf.Tensor2D, tensors: ReadonlyMap<string, tf.Tensor>, scaling: number): tf.Tensor2D {
  const A = tensorOf(tensors, 'lora_A.weight') as tf.Tensor2D;
  const B = tensorOf(tensors, 'lora_B.weight') as tf.Tensor2D;
  // The scalar meets x A' [positions, rank], the smallest of the products. As a plain number s would be rounded to
  // float32, also in a float64 program.
  const reduced = tf.mul<tf.Tensor2D>(tf.matMul(x, A, false, true), constant(scaling));
  return tf.matMul(reduced, B, false, true);
}

/** The low-rank form with s = alpha / rank. */
export const lowRank = lowRankForm('lowRank', alphaOverRank);

/** The low-rank form with s = alpha / sqrt(rank). */
export const rankStabilised = lowRankForm('rankStabilised', alphaOverRootRank);
