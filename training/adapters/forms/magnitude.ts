import * as tf from '@tensorflow/tfjs';
import { constant, withoutGradient } from '../../../compute/index.ts';
import type { AdapterForm } from '../../layout/form.ts';
import { lowRank, rankStabilised } from './lowRank.ts';
import { tensorOf } from './tensorOf.ts';

/**
 * DoRA's form, y = x W'^ with row o of the matrix m[o] V[o] / |V[o]|, V = W + s B A: the directions of a low-rank form, and
 * a trained magnitude m for each output. Liu et al. 2024, arXiv 2402.09353, equation 5. Its curvature is that of this
 * function; training follows its gradient at constant norms |V[o]|, as in the paper's section 4.3 and in PEFT.
 */
function magnitudeForm(directions: AdapterForm, useRslora: boolean): AdapterForm {
  const { scaling } = directions;
  const name = `${directions.name} with magnitudes`;
  const exact: AdapterForm = {
    name,
    scaling,
    peft: { type: 'LORA', useRslora, useDora: true },
    tensors: (shape, size) => [
      ...directions.tensors(shape, size),
      { name: 'lora_magnitude_vector', shape: [shape.out] },
    ],
    apply: (x, weight, tensors, size) => {
      const norms = rowNorms(weight, tensors, scaling(size));
      return scaledOutput(directions.apply(x, weight, tensors, size), tensors, norms);
    },
    update(shape, tensors, size, weight) {
      const magnitudes = tensorOf(tensors, 'lora_magnitude_vector');
      const update = directions.update(shape, tensors, size);
      for (let row = 0; row < shape.out; row++) {
        const [start, end] = [row * shape.in, (row + 1) * shape.in];
        let squares = 0;
        for (let index = start; index < end; index++) squares += (weight![index]! + update[index]!) ** 2;
        const factor = magnitudes[row]! / Math.sqrt(squares);
        for (let index = start; index < end; index++)
          update[index] = factor * (weight![index]! + update[index]!) - weight![index]!;
      }
      return update;
    },
    residualUpdate: directions.update,
  };
  const constantNorms: AdapterForm = {
    ...exact,
    name: `${name}, norms held`,
    apply: (x, weight, tensors, size) => {
      const norms = withoutGradient(() => rowNorms(weight, tensors, scaling(size)));
      const { apply } = directions.training ?? directions;
      return scaledOutput(apply(x, weight, tensors, size), tensors, norms);
    },
  };
  return { ...exact, training: constantNorms };
}

/** The low-rank form under magnitudes. */
export const magnitudes = magnitudeForm(lowRank, false);

/** The rank-stabilised form under magnitudes. */
export const rankStabilisedMagnitudes = magnitudeForm(rankStabilised, true);

/** The Euclidean norms of the rows of W [out, in], float64. */
export function rowNormsOf(weight: Float64Array, rows: number): Float64Array {
  const columns = weight.length / rows;
  return Float64Array.from({ length: rows }, (_, row) => {
    let squares = 0;
    for (let index = row * columns; index < (row + 1) * columns; index++) squares += weight[index]! ** 2;
    return Math.sqrt(squares);
  });
}

function scaledOutput(output: tf.Tensor2D, tensors: ReadonlyMap<string, tf.Tensor>, norms: tf.Tensor1D): tf.Tensor2D {
  return tf.mul<tf.Tensor2D>(output, tf.div(tensorOf(tensors, 'lora_magnitude_vector'), norms));
}

/**
 * |W + s B A| of each row, [out]: from |W|^2 + 2 s <W A', B> + s^2 <B (A A'), B>, rows alone, so that the sum [out, in]
 * needs neither memory nor a derivative.
 */
function rowNorms(weight: tf.Tensor2D, tensors: ReadonlyMap<string, tf.Tensor>, scaling: number): tf.Tensor1D {
  const A = tensorOf(tensors, 'lora_A.weight') as tf.Tensor2D;
  const B = tf.mul<tf.Tensor2D>(tensorOf(tensors, 'lora_B.weight') as tf.Tensor2D, constant(scaling));
  const mixed = tf.add(
    tf.mul(tf.matMul(weight, A, false, true), constant(2)),
    tf.matMul(B, tf.matMul(A, A, false, true)),
  );
  const squares = tf.add(tf.sum(tf.square(weight), 1), tf.sum(tf.mul(mixed, B), 1));
  return tf.sqrt(squares) as tf.Tensor1D;
}
