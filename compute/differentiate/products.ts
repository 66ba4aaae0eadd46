import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { type Graph, nodesOf, nodesOfKernel } from '../graph/node.ts';
import { simplify } from '../graph/simplify.ts';
import { record, type Signature, type TracedTensors } from '../trace/record.ts';
import { withCorrectedGradients } from './gradients.ts';

/** Plain TensorFlow.js code that computes a scalar loss from its parameters, a batch and frozen weights. */
export type LossFunction = (tensors: TracedTensors) => tf.Tensor;

/** A loss and what it takes; each product is recorded from it as a graph of its own. */
export interface TracedLoss {
  readonly signature: Signature;
  readonly loss: LossFunction;
  /** One output, `value`. */
  readonly graph: Graph;
}

/** The name of a product's output for one parameter. */
export function productName(parameter: string): string {
  return `product of ${parameter}`;
}

/** The name of a gradient's output for one parameter. */
export function gradientName(parameter: string): string {
  return `gradient of ${parameter}`;
}

/**
 * Traces a scalar loss. Throws a LambdamaxError if the result is not a scalar, if a parameter plays no part in it, and
 * as `record` does.
 */
export function trace(signature: Signature, loss: LossFunction): TracedLoss {
  const graph = simplify(record(signature, (tensors) => new Map([['value', scalar(loss(tensors))]])));
  const used = new Set(nodesOf(graph).flatMap((node) => (node.kernel === 'Placeholder' ? [node.attributes.name] : [])));
  const unused = signature.parameters.find(({ name }) => !used.has(name));
  if (unused !== undefined)
    throw new LambdamaxError({
      subject: `parameter ${unused.name}`,
      expected: 'a loss that depends on it',
      remedy: 'use it in the loss, or leave it out of the parameters',
    });
  return { signature, loss, graph };
}

/** The graph of the loss (`value`) and its gradient (`gradient of NAME`). */
export function gradient({ signature, loss }: TracedLoss): Graph {
  return simplify(
    recordDerivatives(signature, (tensors) => {
      const { value, grads } = valueAndGradients(signature, loss, tensors);
      return new Map([['value', value], ...named(signature, grads, gradientName)]);
    }),
  );
}

/**
 * The graph of the loss, its gradient and H v (`product of NAME`), by differentiating <gradient, v> once more; v enters
 * through the placeholders of `directionName`. Exact: a second derivative, not a difference.
 */
export function hessianVector({ signature, loss }: TracedLoss): Graph {
  let independent: string[] = [];
  const graph = recordDerivatives(signature, (tensors, directions) => {
    const { value, grads } = valueAndGradients(signature, loss, tensors);
    const slope = (...parameters: tf.Tensor[]) => {
      const inner = valueAndGradients(signature, loss, withParameters(tensors, signature, parameters));
      return addAll(inner.grads.map((grad, k) => tf.sum(tf.mul(grad, directions.get(signature.parameters[k]!.name)!))));
    };
    const second = differentiate(slope, orderedParameters(signature, tensors));
    independent = signature.parameters.filter((_, k) => second.grads[k] === undefined).map(({ name }) => name);
    const products = second.grads.map((product, k) => product ?? tf.zerosLike(grads[k]!));
    return new Map([
      ['value', value],
      ['slope', second.value],
      ...named(signature, grads, gradientName),
      ...named(signature, products, productName),
    ]);
  });
  refuseLostDerivatives(graph, independent);
  const outputs = new Map([...graph.outputs].filter(([name]) => name !== 'slope'));
  return simplify({ outputs });
}

/**
 * A row of the Hessian is zero if <gradient, v> does not depend on the parameter. If it does, and TensorFlow.js still
 * found no way from one to the other, a derivative was lost on the way: an error, never a silent zero.
 */
function refuseLostDerivatives(graph: Graph, independent: readonly string[]): void {
  const slope = { outputs: new Map([['slope', graph.outputs.get('slope')!]]) };
  for (const placeholder of nodesOfKernel(slope, 'Placeholder')) {
    const { name } = placeholder.attributes;
    if (independent.includes(name))
      throw new LambdamaxError({
        subject: `parameter ${name}`,
        expected: 'operations with a second derivative between it and the loss',
        remedy: 'write the loss without the operation that cuts it off',
      });
  }
}

/** Records derivatives: with gradients that can be differentiated again, and without those that cannot. */
function recordDerivatives(signature: Signature, body: Parameters<typeof record>[1]): Graph {
  return withCorrectedGradients(() => record(signature, body));
}

function valueAndGradients(signature: Signature, loss: LossFunction, tensors: TracedTensors) {
  const { value, grads } = differentiate(
    (...parameters) => scalar(loss(withParameters(tensors, signature, parameters))),
    orderedParameters(signature, tensors),
  );
  const complete = grads.map((grad, k) => {
    if (grad !== undefined) return grad;
    throw new LambdamaxError({
      subject: `parameter ${signature.parameters[k]!.name}`,
      expected: 'a loss with a derivative with respect to it',
      remedy: 'every operation between the parameter and the loss needs one',
    });
  });
  return { value, grads: complete };
}

/** TensorFlow.js's gradients of f, undefined where f does not depend on an argument. */
function differentiate(f: (...xs: tf.Tensor[]) => tf.Tensor, xs: tf.Tensor[]) {
  const { value, grads } = tf.engine().gradients(() => f(...xs), xs, undefined, true);
  return { value, grads: grads as (tf.Tensor | undefined)[] };
}

function withParameters(
  tensors: TracedTensors,
  { parameters }: Signature,
  values: readonly tf.Tensor[],
): TracedTensors {
  return { ...tensors, parameters: new Map(parameters.map(({ name }, k) => [name, values[k]!])) };
}

function orderedParameters({ parameters }: Signature, tensors: TracedTensors): tf.Tensor[] {
  return parameters.map(({ name }) => tensors.parameters.get(name)!);
}

function named(
  { parameters }: Signature,
  tensors: readonly tf.Tensor[],
  name: (parameter: string) => string,
): [string, tf.Tensor][] {
  return tensors.map((tensor, k) => [name(parameters[k]!.name), tensor]);
}

function addAll(terms: readonly tf.Tensor[]): tf.Tensor {
  return terms.reduce((sum, term) => tf.add(sum, term));
}

function scalar(result: tf.Tensor): tf.Tensor {
  // An async function, or plain JavaScript, returns what it likes.
  const isTensor = result instanceof tf.Tensor;
  if (!(isTensor && result.size === 1 && result.dtype === 'float32'))
    throw new LambdamaxError({
      subject: 'the traced loss',
      expected: 'a scalar tensor of dtype float32',
      got: isTensor ? `${result.dtype} [${result.shape}]` : String(result),
    });
  return result.rank === 0 ? result : tf.reshape(result, []);
}
