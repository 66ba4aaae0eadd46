import * as tf from '@tensorflow/tfjs';
import type { AdapterForm } from '../layout/form.ts';
import type { AdapterMethod } from './adapter.ts';
import { tensorOf } from './tensorOf.ts';

const name = 'full_weight';

/** No adapter: the matrix of the layer itself is trained, y = x W'. Rank and alpha mean nothing. */
export const wholeWeight: AdapterForm = {
  name: 'wholeWeight',
  scaling: () => 1,
  tensors: (shape) => [{ name, shape: [shape.out, shape.in] }],
  check() {},
  apply: (x, _weight, tensors) => tf.matMul(x, tensorOf(tensors, name) as tf.Tensor2D, false, true),
  update: (_shape, tensors, _size, weight) => tensorOf(tensors, name).map((value, index) => value - weight![index]!),
};

/** Full fine-tuning of the target modules, from their own weights. */
export const full: AdapterMethod = {
  name: 'full',
  form: wholeWeight,
  keepsFunctionBy: 'zeroUpdate',
  initialise: ({ weight }) => new Map([[name, weight]]),
};
