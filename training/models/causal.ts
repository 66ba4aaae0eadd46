import * as tf from '@tensorflow/tfjs';
import {
  type Batch,
  type Graph,
  type InputSpec,
  record,
  type Signature,
  simplify,
  type TracedLoss,
  type TracedTensors,
  trace,
} from '../../compute/index.ts';
import { type AdapterLayout, applyLayout, broughtTensors, layoutTensors } from '../layout/layout.ts';
import { greedyTokens, logitLosses, positionLosses, weightedLoss } from './causalLoss.ts';
import type { Decoder, DecoderContext } from './decoder.ts';
import { type RowInputs, wholeRows } from './wholeRows.ts';

/** The shape of a batch, for which a graph is compiled. */
export interface BatchShape {
  readonly rows: number;
  readonly length: number;
  /** Whether some row has padding that causality does not hide, and the batch a `keyMask`. */
  readonly masked: boolean;
  /** Whether the batch has `places` and `positions`: some row is several sequences, or does not start at position 0. */
  readonly packed: boolean;
}

/** The shape of a batch of tokens. */
export function shapeOf({ rows, length, inputs }: { rows: number; length: number; inputs: Batch }): BatchShape {
  return { rows, length, masked: 'keyMask' in inputs, packed: 'places' in inputs };
}

/** What is trained: the tensors of an adapter, or every weight of the model. */
export type Trainable = AdapterLayout | 'allWeights';

/**
 * The mean cross-entropy over scored positions as a function of the trainable tensors, by way of network outputs z: the
 * logits if every weight is trained, and the last hidden states under an adapter. Its Gauss-Newton matrix is the same
 * with either, since the output projection between them is then frozen, and linear; but hidden states leave the loss free
 * to compute its logits in chunks.
 */
export function traceCausalLoss(decoder: Decoder, trainable: Trainable, shape: BatchShape): TracedLoss {
  const outputName = outputNameOf(decoder, trainable);
  return trace(signature(decoder, trainable, [...tokenInputs(shape), lossWeights(shape)]), {
    outputs: (tensors) => (trainable === 'allWeights' ? logits : wholeRowStates)(decoder, trainable, shape, tensors),
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

/**
 * The cross-entropy of every position, output `losses` [rows * length]; if asked for also the token that greedy decoding would
 * put there, output `greedy` [rows * length].
 */
export function recordPositionLosses(
  decoder: Decoder,
  trainable: Trainable,
  shape: BatchShape,
  withGreedy = false,
): Graph {
  const graph = record(signature(decoder, trainable, tokenInputs(shape)), (tensors) => {
    const output = weightOf(tensors, outputNameOf(decoder, trainable)) as tf.Tensor2D;
    const hidden = wholeRowStates(decoder, trainable, shape, tensors);
    const losses = positionLosses(hidden, output, tensors.inputs.get('targets')!);
    return new Map([['losses', losses], ...(withGreedy ? [['greedy', greedyTokens(hidden, output)] as const] : [])]);
  });
  return simplify(graph);
}

/** The logits of every position, output `logits` [rows * length, vocabulary]. */
export function recordLogits(decoder: Decoder, trainable: Trainable, shape: BatchShape): Graph {
  const graph = record(
    signature(decoder, trainable, tokenInputs(shape)),
    (tensors) => new Map([['logits', logits(decoder, trainable, shape, tensors)]]),
  );
  return simplify(graph);
}

/** What is made of the inputs x [rows * length, in] of a linear layer, by name. */
export type Observe = (x: tf.Tensor2D, inputs: ReadonlyMap<string, tf.Tensor>) => ReadonlyMap<string, tf.Tensor>;

/**
 * What `observe` makes of the inputs of some linear layers of the base model, outputs `<module>.<name>`. `extra` are inputs
 * of the batch that it needs besides the tokens.
 */
export function recordInputs(
  decoder: Decoder,
  modules: ReadonlySet<string>,
  shape: BatchShape,
  extra: readonly InputSpec[],
  observe: Observe,
): Graph {
  const graph = record(
    { parameters: [], inputs: [...tokenInputs(shape), ...extra], weights: decoder.weights },
    (tensors) => {
      const seen = new Map<string, tf.Tensor>();
      wholeRowStates(decoder, 'allWeights', shape, tensors, (module, x) => {
        if (!modules.has(module)) return;
        for (const [name, value] of observe(x, tensors.inputs)) seen.set(`${module}.${name}`, value);
      });
      return seen;
    },
  );
  return simplify(graph);
}

function logits(decoder: Decoder, trainable: Trainable, shape: BatchShape, tensors: TracedTensors): tf.Tensor2D {
  const output = weightOf(tensors, outputNameOf(decoder, trainable)) as tf.Tensor2D;
  return tf.matMul(wholeRowStates(decoder, trainable, shape, tensors), output, false, true);
}

function wholeRowStates(
  decoder: Decoder,
  trainable: Trainable,
  { rows, length }: BatchShape,
  tensors: TracedTensors,
  onInput?: (module: string, x: tf.Tensor2D) => void,
): tf.Tensor2D {
  const { inputs } = tensors;
  const tokens = { rows, length, inputIds: inputs.get('inputIds')!, ...wholeRows(length, rowInputs(inputs)) };
  return hiddenStates(decoder, trainable, tokens, tensors, onInput);
}

/**
 * The last hidden states [rows * length, hidden] of tokens wherever they stand. `onInput` is told the input of every
 * linear layer.
 */
export function hiddenStates(
  decoder: Decoder,
  trainable: Trainable,
  tokens: Omit<DecoderContext, 'weight' | 'linear'>,
  tensors: TracedTensors,
  onInput?: (module: string, x: tf.Tensor2D) => void,
): tf.Tensor2D {
  const weight = (name: string) => weightOf(tensors, name);
  const modules = new Map(decoder.modules.map((module) => [module.name, module]));
  const linear = (x: tf.Tensor2D, module: string): tf.Tensor2D => {
    const { transposed, bias } = modules.get(module)!;
    onInput?.(module, x);
    const stored = weight(`${module}.weight`) as tf.Tensor2D;
    const matrix = transposed ? tf.transpose(stored) : stored;
    const y =
      trainable === 'allWeights'
        ? (tf.matMul(x, matrix, false, true) as tf.Tensor2D)
        : applyLayout(trainable, module, x, matrix, { get: weight });
    return bias ? tf.add(y, weight(`${module}.bias`)) : y;
  };
  return decoder.hiddenStates({ ...tokens, weight, linear });
}

/** A weight of the checkpoint, frozen or trained. */
export function weightOf({ parameters, weights }: TracedTensors, name: string): tf.Tensor {
  return (weights.get(name) ?? parameters.get(name))!;
}

/** The weight that turns hidden states into logits, which an adapter may bring although the base's two are tied. */
export function outputNameOf({ outputName, headName }: Decoder, trainable: Trainable): string {
  const replaced = trainable === 'allWeights' ? undefined : trainable.replaced;
  return replaced?.weights.some(({ name }) => name === headName) ? headName : outputName;
}

/** What a graph of a decoder is fed: what is trained, the inputs of its batch, and the frozen weights. */
export function signature(decoder: Decoder, trainable: Trainable, inputs: readonly InputSpec[]): Signature {
  const { weights } = decoder;
  if (trainable === 'allWeights') return { parameters: weights, inputs, weights: [] };
  const own = new Set(weights.map(({ name }) => name));
  const brought = broughtTensors(trainable).filter(({ name }) => !own.has(name));
  return { parameters: layoutTensors(trainable), inputs, weights: [...weights, ...brought] };
}

function rowInputs(inputs: TracedTensors['inputs']): RowInputs {
  const [keyMask, places, positions] = ['keyMask', 'places', 'positions'].map((name) => inputs.get(name));
  return { keyMask, places, positions };
}

function tokenInputs({ rows, length, masked, packed }: BatchShape): InputSpec[] {
  const shape = [rows, length];
  return [
    { name: 'inputIds', shape, dtype: 'int32' },
    { name: 'targets', shape, dtype: 'int32' },
    ...(masked ? [{ name: 'keyMask', shape, dtype: 'float32' } as const] : []),
    ...(packed ? ['places', 'positions'].map((name) => ({ name, shape, dtype: 'int32' }) as const) : []),
  ];
}

function lossWeights({ rows, length }: BatchShape): InputSpec {
  return { name: 'lossWeights', shape: [rows, length], dtype: 'float32' };
}
