import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { type Graph, nodesOfKernel } from '../graph/node.ts';
import { simplify } from '../graph/simplify.ts';
import {
  differentiate,
  innerProduct,
  inOrder,
  named,
  orderedParameters,
  recordDerivatives,
  valueAndGradients,
  withParameters,
} from './tape.ts';
import type { TracedLoss } from './tracedLoss.ts';

/** The name of a product's output for one parameter. */
export function productName(parameter: string): string {
  return `product of ${parameter}`;
}

/** The name of a gradient's output for one parameter. */
export function gradientName(parameter: string): string {
  return `gradient of ${parameter}`;
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
      return innerProduct(inner.grads, inOrder(signature, directions));
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
