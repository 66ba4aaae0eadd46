import * as tf from '@tensorflow/tfjs';
import type { AdapterForm } from '../../layout/form.ts';
import { tensorOf } from './tensorOf.ts';

/** The only tensor of the form. */
export const wholeWeightName = 'full_weight';

/** No adapter: the matrix of the layer itself is trained, y = x W'. Rank and alpha mean nothing. */
export const wholeWeight: AdapterForm = {
  name: 'wholeWeight',
  scaling: () => 1,
  tensors: (shape) => [{ name: wholeWeightName, shape: [shape.out, shape.in] }],
  check() {},
  apply: (x, _weight, tensors) => tf.matMul(x, tensorOf(tensors, wholeWeightName) as tf.Tensor2D, false, true),
  update: (_shape, tensors, _size, weight) =>
    tensorOf(tensors, wholeWeightName).map((value, index) => value - weight![index]!),
};
