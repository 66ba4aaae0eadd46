import * as tf from '@tensorflow/tfjs';
import { constant, withoutGradient } from '../../../compute/index.ts';
import type { AdapterForm, AdapterSize } from '../../layout/form.ts';
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
  const exact: AdapterForm = {
    name,
    scaling,
    peft: { type: 'LORA', useRslora: scaling === alphaOverRootRank, useDora: false },
    tensors: (shape, { rank }) => [
      { name: 'lora_A.weight', shape: [rank, shape.in] },
      { name: 'lora_B.weight', shape: [shape.out, rank] },
    ],
    apply: (x, weight, tensors, size) =>
      tf.add<tf.Tensor2D>(tf.matMul(x, weight, false, true), lowRankOutput(x, tensors, scaling(size))),
    update({ out, in: inputs }, tensors, size) {
      const A = tensorOf(tensors, 'lora_A.weight');
      const B = tensorOf(tensors, 'lora_B.weight');
      const { rank } = size;
      const factor = scaling(size);
      const update = new Float64Array(out * inputs);
      for (let row = 0; row < out; row++) {
        const line = update.subarray(row * inputs, (row + 1) * inputs);
        const factors = B.subarray(row * rank, (row + 1) * rank).map((value) => factor * value);
        addRows(line, factors, A);
      }
      return update;
    },
  };
  return {
    ...exact,
    training: {
      ...exact,
      name: `${name}, merged`,
      apply: (x, weight, tensors, size) =>
        isMergingCheaper(x, weight)
          ? mergedOutput(x, weight, tensors, scaling(size))
          : exact.apply(x, weight, tensors, size),
    },
  };
}

/**
 * Adds the rows of a matrix [terms, columns] times their factors [terms] to a vector [columns], in their order. Four at once:
 * half of the time goes into reading and writing the sums.
 */
function addRows(sums: Float64Array, factors: Float64Array, matrix: Float64Array): void {
  const columns = sums.length;
  const fours = factors.length - (factors.length % 4);
  for (let term = 0; term < fours; term += 4) {
    const [a, b, c, d] = [factors[term]!, factors[term + 1]!, factors[term + 2]!, factors[term + 3]!];
    for (
      let column = 0,
        first = term * columns,
        second = first + columns,
        third = second + columns,
        fourth = third + columns;
      column < columns;
      column++, first++, second++, third++, fourth++
    )
      sums[column] =
        sums[column]! + a * matrix[first]! + b * matrix[second]! + c * matrix[third]! + d * matrix[fourth]!;
  }
  for (let term = fours; term < factors.length; term++)
    for (let column = 0, at = term * columns; column < columns; column++, at++)
      sums[column]! += factors[term]! * matrix[at]!;
}

/**
 * Whether one update of a layer's matrix is less work, and less memory, than two skinny products and two sums over all
 * positions: for long batches.
 */
function isMergingCheaper(x: tf.Tensor2D, weight: tf.Tensor2D): boolean {
  const [positions, inputs] = x.shape;
  const out = weight.shape[0];
  return positions * (inputs + out) > 2 * inputs * out;
}

/**
 * x (W + s B A)', with the gradients in A and B of the low-rank output: those in the merged matrix would take a product of
 * full size. The low-rank output less itself is dropped when the graph is simplified, but not its gradients.
 */
function mergedOutput(
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  tensors: ReadonlyMap<string, tf.Tensor>,
  scaling: number,
): tf.Tensor2D {
  const A = tensorOf(tensors, 'lora_A.weight') as tf.Tensor2D;
  const B = tensorOf(tensors, 'lora_B.weight') as tf.Tensor2D;
  const merged = withoutGradient(() =>
    tf.add<tf.Tensor2D>(weight, tf.matMul(tf.mul<tf.Tensor2D>(B, constant(scaling)), A)),
  );
  const output = lowRankOutput(
    withoutGradient(() => tf.clone(x)),
    tensors,
    scaling,
  );
  const zero = tf.sub<tf.Tensor2D>(
    output,
    withoutGradient(() => lowRankOutput(x, tensors, scaling)),
  );
  return tf.add<tf.Tensor2D>(tf.matMul(x, merged, false, true), zero);
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
