import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import type { Graph } from '../graph/node.ts';
import { record, type Signature, type TracedTensors } from '../trace/record.ts';
import { withCorrectedGradients } from './gradients.ts';
import { type LossFunction, scalar } from './tracedLoss.ts';

/** Records derivatives: with gradients that can be differentiated again, and without those that cannot. */
export function recordDerivatives(signature: Signature, body: Parameters<typeof record>[1]): Graph {
  return withCorrectedGradients(() => record(signature, body));
}

/**
 * f(xs) and J' dy, by TensorFlow.js's tape: undefined where f does not depend on an argument. Without dy, 1 for a scalar f:
 * its gradient.
 */
export function differentiate(f: (...xs: tf.Tensor[]) => tf.Tensor, xs: readonly tf.Tensor[], dy?: tf.Tensor) {
  const { value, grads } = tf.engine().gradients(() => f(...xs), [...xs], dy, true);
  return { value, grads: grads as (tf.Tensor | undefined)[] };
}

/** The loss and its gradients. Throws a LambdamaxError that names a parameter without one. */
export function valueAndGradients(signature: Signature, loss: LossFunction, tensors: TracedTensors) {
  const { value, grads } = differentiate(
    (...parameters) => scalar(loss(withParameters(tensors, signature, parameters))),
    orderedParameters(signature, tensors),
  );
  return { value, grads: requireAll(signature, grads) };
}

/** The gradients, none of them missing: each parameter is known to matter, so that one without was lost on the way. */
export function requireAll({ parameters }: Signature, grads: readonly (tf.Tensor | undefined)[]): tf.Tensor[] {
  return grads.map((grad, k) => {
    if (grad !== undefined) return grad;
    throw new LambdamaxError({
      subject: `parameter ${parameters[k]!.name}`,
      expected: 'a loss with a derivative with respect to it',
      remedy: 'every operation between the parameter and the loss needs one',
    });
  });
}

/** <a, b> over all tensors together. */
export function innerProduct(as: readonly tf.Tensor[], bs: readonly tf.Tensor[]): tf.Tensor {
  return as.map((a, k) => tf.sum(tf.mul(a, bs[k]!))).reduce((sum, term) => tf.add(sum, term));
}

/** A loss's traced tensors, with these values in place of the parameters. */
export function withParameters(
  tensors: TracedTensors,
  { parameters }: Signature,
  values: readonly tf.Tensor[],
): TracedTensors {
  return { ...tensors, parameters: new Map(parameters.map(({ name }, k) => [name, values[k]!])) };
}

/** The parameters in the signature's order. */
export function orderedParameters(signature: Signature, { parameters }: TracedTensors): tf.Tensor[] {
  return inOrder(signature, parameters);
}

/** One tensor per parameter, in the signature's order. */
export function inOrder({ parameters }: Signature, tensors: ReadonlyMap<string, tf.Tensor>): tf.Tensor[] {
  return parameters.map(({ name }) => tensors.get(name)!);
}

/** One tensor per parameter as outputs of a graph. */
export function named(
  { parameters }: Signature,
  tensors: readonly tf.Tensor[],
  name: (parameter: string) => string,
): [string, tf.Tensor][] {
  return tensors.map((tensor, k) => [name(parameters[k]!.name), tensor]);
}
