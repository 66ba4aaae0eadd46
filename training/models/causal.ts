import * as tf from '@tensorflow/tfjs';
import {
  type Graph,
  type InputSpec,
  record,
  type Signature,
  simplify,
  type TracedLoss,
  type TracedTensors,
  trace,
} from '../../compute/index.ts';
import { type AdapterLayout, applyLayout, layoutTensors } from '../adapters/layout.ts';
import type { LlamaConfig } from '../checkpoint/config.ts';
import { logitLosses, positionLosses, weightedLoss } from './causalLoss.ts';
import { llamaHiddenStates, llamaOutputName, llamaWeights } from './llama.ts';

/** The shape of a batch, for which a graph is compiled. */
export interface BatchShape {
  readonly rows: number;
  readonly length: number;
  /** Whether some row has padding that causality does not hide, and the batch a `keyMask`. */
  readonly masked: boolean;
}

/** What is trained: the tensors of an adapter, or every weight of the model. */
export type Trainable = AdapterLayout | 'allWeights';

/**
 * The mean cross-entropy over scored positions as a function of the trainable tensors, by way of network outputs z: the
 * logits if every weight is trained, and the last hidden states under an adapter. Its Gauss-Newton matrix is the same
 * with either, since the output projection between them is then frozen, and linear; but hidden states leave the loss free
 * to compute its logits in chunks.
 */
export function traceCausalLoss(config: LlamaConfig, trainable: Trainable, shape: BatchShape): TracedLoss {
  const outputName = llamaOutputName(config);
  return trace(signature(config, trainable, [...tokenInputs(shape), lossWeights(shape)]), {
    outputs: (tensors) => (trainable === 'allWeights' ? logits : hiddenStates)(config, trainable, shape, tensors),
    loss: (outputs, { inputs, weights }) => {
      const [z, targets] = [outputs as tf.Tensor2D, inputs.get('targets')!];
      const losses =
        trainable === 'allWeights'
          ? logitLosses(z, targets)
          : positionLosses(z, weights.get(outputName) as tf.Tensor2D, targets);
      return weightedLoss(losses, inputs.get('lossWeights')!);
    },
  });
}

/** The cross-entropy of every position, output `losses` [rows * length]. */
export function recordPositionLosses(config: LlamaConfig, trainable: Trainable, shape: BatchShape): Graph {
  const graph = record(signature(config, trainable, tokenInputs(shape)), (tensors) => {
    const output = weightOf(tensors, llamaOutputName(config)) as tf.Tensor2D;
    const hidden = hiddenStates(config, trainable, shape, tensors);
    return new Map([['losses', positionLosses(hidden, output, tensors.inputs.get('targets')!)]]);
  });
  return simplify(graph);
}

/** The logits of every position, output `logits` [rows * length, vocabulary]. */
export function recordLogits(config: LlamaConfig, trainable: Trainable, shape: BatchShape): Graph {
  const graph = record(
    signature(config, trainable, tokenInputs(shape)),
    (tensors) => new Map([['logits', logits(config, trainable, shape, tensors)]]),
  );
  return simplify(graph);
}

function logits(config: LlamaConfig, trainable: Trainable, shape: BatchShape, tensors: TracedTensors): tf.Tensor2D {
  const output = weightOf(tensors, llamaOutputName(config)) as tf.Tensor2D;
  return tf.matMul(hiddenStates(config, trainable, shape, tensors), output, false, true);
}

function hiddenStates(
  config: LlamaConfig,
  trainable: Trainable,
  { rows, length }: BatchShape,
  tensors: TracedTensors,
): tf.Tensor2D {
  const { parameters, inputs } = tensors;
  const weight = (name: string) => weightOf(tensors, name);
  const linear = (x: tf.Tensor2D, module: string): tf.Tensor2D => {
    const matrix = weight(`${module}.weight`) as tf.Tensor2D;
    if (trainable === 'allWeights') return tf.matMul(x, matrix, false, true);
    return applyLayout(trainable, module, x, matrix, parameters);
  };
  return llamaHiddenStates(config, {
    rows,
    length,
    inputIds: inputs.get('inputIds')!,
    keyMask: inputs.get('keyMask'),
    weight,
    linear,
  });
}

/** A weight of the checkpoint, frozen or trained. */
function weightOf({ parameters, weights }: TracedTensors, name: string): tf.Tensor {
  return (weights.get(name) ?? parameters.get(name))!;
}

function signature(config: LlamaConfig, trainable: Trainable, inputs: InputSpec[]): Signature {
  const weights = llamaWeights(config);
  return trainable === 'allWeights'
    ? { parameters: weights, inputs, weights: [] }
    : { parameters: layoutTensors(trainable), inputs, weights };
}

function tokenInputs({ rows, length, masked }: BatchShape): InputSpec[] {
  const shape = [rows, length];
  return [
    { name: 'inputIds', shape, dtype: 'int32' },
    { name: 'targets', shape, dtype: 'int32' },
    ...(masked ? [{ name: 'keyMask', shape, dtype: 'float32' } as const] : []),
  ];
}

function lossWeights({ rows, length }: BatchShape): InputSpec {
  return { name: 'lossWeights', shape: [rows, length], dtype: 'float32' };
}
