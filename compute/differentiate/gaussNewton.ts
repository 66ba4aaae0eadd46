import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import type { Graph } from '../graph/node.ts';
import { simplify } from '../graph/simplify.ts';
import type { Signature, TracedTensors } from '../trace/record.ts';
import { gradientName, hessianVector, productName } from './products.ts';
import {
  differentiate,
  innerProduct,
  inOrder,
  named,
  orderedParameters,
  recordDerivatives,
  requireAll,
  valueAndGradients,
  withParameters,
} from './tape.ts';
import { type LossOfOutputs, scalar, type TracedLoss, trace } from './tracedLoss.ts';

/** The name of the output J v. */
export const tangentName = 'tangent of the outputs';

/** The loss's own second step takes z under this name. */
const outputsName = 'the network outputs';

/**
 * The graph of J v (`tangentName`), J the Jacobian [size of z, parameters] of the network outputs z; v enters through the
 * placeholders of `directionName`. Throws a LambdamaxError for a loss that does not say what its outputs are.
 */
export function jacobianVector(traced: TracedLoss): Graph {
  const { signature } = traced;
  const steps = stepsOf(traced);
  return simplify(
    recordDerivatives(signature, (tensors, directions) => {
      const { tangent } = pushForward(signature, steps, tensors, inOrder(signature, directions));
      return new Map([[tangentName, tangent]]);
    }),
  );
}

/**
 * The graph of the loss, its gradient and G v (`product of NAME`), G = J' (d2 loss / dz2) J: the generalised Gauss-Newton
 * matrix (Schraudolph 2002), positive semidefinite where the loss is convex in z. Throws as `jacobianVector`.
 */
export function gaussNewtonVector(traced: TracedLoss): Graph {
  const { signature, loss } = traced;
  const steps = stepsOf(traced);
  let shape: readonly number[] = [];
  const graph = recordDerivatives(signature, (tensors, directions) => {
    const { value, grads } = valueAndGradients(signature, loss, tensors);
    const { outputs, tangent, pullBack } = pushForward(signature, steps, tensors, inOrder(signature, directions));
    const { inputs, weights } = tensors;
    const lossOf = (z: tf.Tensor) => scalar(steps.loss(z, { inputs, weights }));
    const slope = (z: tf.Tensor) => innerProduct([differentiate(lossOf, [z]).grads[0]!], [tangent]);
    shape = outputs.shape;
    // A loss that is linear in z bends nowhere.
    const curved = differentiate(slope, [outputs]).grads[0] ?? tf.zerosLike(outputs);
    return new Map([
      ['value', value],
      ...named(signature, grads, gradientName),
      ...named(signature, pullBack(curved), productName),
    ]);
  });
  refuseLostDerivatives(signature, steps, shape);
  return simplify(graph);
}

/**
 * z, J v, and the map u -> J' u. The tape only goes backwards, but J' u is linear in u, and so the derivative of <J' u, v>
 * with respect to u is J v, whatever u is; nothing of the first pass back is left in it.
 */
function pushForward(
  signature: Signature,
  steps: LossOfOutputs,
  tensors: TracedTensors,
  directions: readonly tf.Tensor[],
) {
  const f = (...parameters: tf.Tensor[]) => steps.outputs(withParameters(tensors, signature, parameters));
  const xs = orderedParameters(signature, tensors);
  const outputs = f(...xs);
  const pullBack = (u: tf.Tensor) => requireAll(signature, differentiate(f, xs, u).grads);
  const transposed = differentiate((u) => innerProduct(pullBack(u), directions), [tf.onesLike(outputs)]);
  return { outputs, tangent: transposed.grads[0]!, pullBack };
}

function stepsOf({ steps }: TracedLoss): LossOfOutputs {
  if (steps !== undefined) return steps;
  throw new LambdamaxError({
    subject: 'the traced loss',
    expected: 'outputs, and a loss of them, for a Jacobian or Gauss-Newton product',
    got: 'one function',
    remedy: 'trace(signature, { outputs: (tensors) => ..., loss: (outputs, tensors) => ... })',
  });
}

/** A step from z to the loss that TensorFlow.js cannot follow twice is an error, as it is for the Hessian, and no zero. */
function refuseLostDerivatives(
  { inputs, weights }: Signature,
  { loss }: LossOfOutputs,
  shape: readonly number[],
): void {
  const signature = { parameters: [{ name: outputsName, shape }], inputs, weights };
  hessianVector(trace(signature, ({ parameters, ...rest }) => loss(parameters.get(outputsName)!, rest)));
}
