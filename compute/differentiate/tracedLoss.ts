import * as tf from '@tensorflow/tfjs';
import { LambdamaxError } from '../../errors.ts';
import { type Graph, nodesOf } from '../graph/node.ts';
import { simplify } from '../graph/simplify.ts';
import { type Recording, record, type Signature, type TracedTensors } from '../trace/record.ts';

/** Plain TensorFlow.js code that computes a scalar loss from its parameters, a batch and frozen weights. */
export type LossFunction = (tensors: TracedTensors) => tf.Tensor;

/**
 * A loss in two steps, f(w) = loss(z(w)): what a Gauss-Newton matrix needs to be told, since it takes the second derivative
 * of the second step only. Any z will do, and the matrix depends on the choice: customary are a classifier's logits. (Where
 * a frozen linear map follows z, as the output projection of a language model does, it may as well count to the loss: the
 * matrix is the same.)
 */
export interface LossOfOutputs {
  /** z, of any shape, from the parameters. */
  readonly outputs: (tensors: TracedTensors) => tf.Tensor;
  /** The scalar loss from z. It does not see the parameters: all of their influence is to pass through z. */
  readonly loss: (outputs: tf.Tensor, tensors: Omit<TracedTensors, 'parameters'>) => tf.Tensor;
}

/** A loss and what it takes; each product is recorded from it as a graph of its own. */
export interface TracedLoss {
  readonly signature: Signature;
  readonly loss: LossFunction;
  /** The loss in two steps, if it was given so. */
  readonly steps?: LossOfOutputs;
  /** One output, `value`. */
  readonly graph: Graph;
  /** What was recorded, before it was simplified: the loss, and the outputs if it was given in two steps. */
  readonly recording: Recording;
}

/** The recorded loss, and z of a loss in two steps. */
const [valueName, outputsName] = ['value', 'outputs'];

/**
 * Traces a scalar loss, written as one function or as `outputs` and a `loss` of them; only the latter has a Jacobian and a
 * Gauss-Newton matrix. Throws a LambdamaxError if the result is not a scalar, if a parameter plays no part in it, and as
 * `record` does.
 */
export function trace(signature: Signature, loss: LossFunction | LossOfOutputs): TracedLoss {
  if (typeof loss === 'function') {
    const recording = record(signature, (tensors) => new Map([[valueName, scalar(loss(tensors))]]));
    return { signature, loss, recording, graph: valueGraph(signature, recording) };
  }
  const recording = record(signature, ({ parameters, ...rest }) => {
    const outputs = loss.outputs({ parameters, ...rest });
    return new Map([
      [valueName, scalar(loss.loss(outputs, rest))],
      [outputsName, outputs],
    ]);
  });
  const whole: LossFunction = ({ parameters, ...rest }) => loss.loss(loss.outputs({ parameters, ...rest }), rest);
  return { signature, loss: whole, steps: loss, recording, graph: valueGraph(signature, recording) };
}

function valueGraph(signature: Signature, { outputs }: Recording): Graph {
  const graph = simplify({ outputs: new Map([[valueName, outputs.get(valueName)!]]) });
  const used = new Set(nodesOf(graph).flatMap((node) => (node.kernel === 'Placeholder' ? [node.attributes.name] : [])));
  const unused = signature.parameters.find(({ name }) => !used.has(name));
  if (unused !== undefined)
    throw new LambdamaxError({
      subject: `parameter ${unused.name}`,
      expected: 'a loss that depends on it',
      remedy: 'use it in the loss, or leave it out of the parameters',
    });
  return graph;
}

/** The loss as a tensor of no dimensions. Throws a LambdamaxError if it is no scalar. */
export function scalar(result: tf.Tensor): tf.Tensor {
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
