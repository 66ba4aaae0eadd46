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
import { positionLosses, weightedLoss } from './causalLoss.ts';
import { llamaLogits, llamaWeights } from './llama.ts';

/** The shape of a batch, for which a graph is compiled. */
export interface BatchShape {
  readonly rows: number;
  readonly length: number;
  /** Whether some row has padding that causality does not hide, and the batch a `keyMask`. */
  readonly masked: boolean;
}

/** What is trained: the tensors of an adapter, or every weight of the model. */
export type Trainable = AdapterLayout | 'allWeights';

/** The mean cross-entropy over scored positions as a function of the trainable tensors. */
export function traceCausalLoss(config: LlamaConfig, trainable: Trainable, shape: BatchShape): TracedLoss {
  return trace(signature(config, trainable, [...tokenInputs(shape), lossWeights(shape)]), (tensors) =>
    weightedLoss(losses(config, trainable, shape, tensors), tensors.inputs.get('lossWeights')!),
  );
}

/** The cross-entropy of every position, output `losses` [rows * length]. */
export function recordPositionLosses(config: LlamaConfig, trainable: Trainable, shape: BatchShape): Graph {
  const graph = record(
    signature(config, trainable, tokenInputs(shape)),
    (tensors) => new Map([['losses', losses(config, trainable, shape, tensors)]]),
  );
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

function losses(config: LlamaConfig, trainable: Trainable, shape: BatchShape, tensors: TracedTensors): tf.Tensor1D {
  return positionLosses(logits(config, trainable, shape, tensors), tensors.inputs.get('targets')!);
}

function logits(
  config: LlamaConfig,
  trainable: Trainable,
  { rows, length }: BatchShape,
  { parameters, inputs, weights }: TracedTensors,
): tf.Tensor2D {
  const weight = (name: string) => (weights.get(name) ?? parameters.get(name))!;
  const linear = (x: tf.Tensor2D, module: string): tf.Tensor2D => {
    const matrix = weight(`${module}.weight`) as tf.Tensor2D;
    if (trainable === 'allWeights') return tf.matMul(x, matrix, false, true);
    return applyLayout(trainable, module, x, matrix, parameters);
  };
  return llamaLogits(config, {
    rows,
    length,
    inputIds: inputs.get('inputIds')!,
    keyMask: inputs.get('keyMask'),
    weight,
    linear,
  });
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
