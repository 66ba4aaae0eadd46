import * as tf from '@tensorflow/tfjs';
import { constant } from '../../compute/index.ts';
import type { DecoderContext } from './decoder.ts';

/** x / sqrt(mean(x^2) + eps) * weight over the last axis. Zhang and Sennrich 2019, arXiv 1910.07467. */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor, eps: number): T {
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), constant(eps)));
  return tf.mul(tf.mul(x, inverse), weight);
}

/** (x - mean) / sqrt(variance + eps) * weight + bias over the last axis. Ba et al. 2016, arXiv 1607.06450. */
export function layerNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor, bias: tf.Tensor, eps: number): T {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), constant(eps)));
  return tf.add(tf.mul(tf.mul(centred, inverse), weight), bias);
}

/** The rows of an embedding matrix [vocabulary, hidden] for the tokens of a batch, [rows * length, hidden]. */
export function embed({ rows, length, inputIds }: DecoderContext, matrix: tf.Tensor): tf.Tensor2D {
  return tf.gather(matrix, tf.reshape(inputIds, [rows * length])) as tf.Tensor2D;
}

/** A function of each entry. */
export type Activation = (x: tf.Tensor2D) => tf.Tensor2D;

/** x sigmoid(x). */
const silu: Activation = (x) => tf.mul(x, tf.sigmoid(x));

/** x Phi(x), Phi the standard normal distribution function. Hendrycks and Gimpel 2016, arXiv 1606.08415. */
const gelu: Activation = (x) => tf.mul(x, tf.mul(tf.add(tf.erf(tf.mul(x, constant(Math.SQRT1_2))), 1), constant(0.5)));

/** gelu's approximation x (1 + tanh u) / 2, u = sqrt(2/pi) (x + 0.044715 x^3); and (1 + tanh u) / 2 = sigmoid(2 u). */
const geluTanh: Activation = (x) => {
  const cubic = tf.mul(x, tf.add(tf.mul(tf.square(x), constant(0.044715)), 1));
  return tf.mul(x, tf.sigmoid(tf.mul(cubic, constant(2 * Math.sqrt(2 / Math.PI)))));
};

/** Activations by their names in transformers. */
export const activations = {
  silu,
  swish: silu,
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  relu: (x) => tf.relu(x),
} satisfies Record<string, Activation>;

export type ActivationName = keyof typeof activations;

export const activationNames = Object.keys(activations) as ActivationName[];
