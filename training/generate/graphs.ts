import * as tf from '@tensorflow/tfjs';
import { type Graph, type InputSpec, record, simplify, type TracedTensors } from '../../compute/index.ts';
import type { AdapterLayout } from '../layout/layout.ts';
import { cachedTokens, type KeysAndValues } from '../models/cachedTokens.ts';
import { hiddenStates, outputNameOf, signature, weightOf } from '../models/causal.ts';
import type { Decoder, DecoderConfig, Positions } from '../models/decoder.ts';
import { wholeRows } from '../models/wholeRows.ts';

/** How many rows a cache has, and slots for the positions of each. */
export interface CacheShape {
  readonly rows: number;
  readonly capacity: number;
}

/** Outputs of both graphs: what follows each row's last token, [rows, vocabulary]. */
export const logitsName = 'logits';

const keysName = (layer: number): string => `keys of layer ${layer}`;
const valuesName = (layer: number): string => `values of layer ${layer}`;

/** The names of all layers' keys and values: outputs of both graphs, inputs of a step's. */
export function cacheNames({ layers }: DecoderConfig): string[] {
  return Array.from({ length: layers }, (_, layer) => [keysName(layer), valuesName(layer)]).flat();
}

/** All that changes from one step to the next. */
export function stepInputs(config: DecoderConfig): ReadonlySet<string> {
  return new Set(['inputIds', 'positions', ...cacheNames(config)]);
}

/**
 * Whole prompts, padded at their ends: inputs `inputIds` [rows, length] and `last`, the index of each row's last token
 * among all rows * length; outputs the logits and, of each layer, keys and values [rows, keyValueHeads, length, headSize].
 */
export function recordPrompt(decoder: Decoder, layout: AdapterLayout, rows: number, length: number): Graph {
  const inputs: InputSpec[] = [
    { name: 'inputIds', shape: [rows, length], dtype: 'int32' },
    { name: 'last', shape: [rows], dtype: 'int32' },
  ];
  return simplify(
    record(signature(decoder, layout, inputs), (tensors) => {
      const positions = wholeRows(length);
      const outputs = new Map<string, tf.Tensor>();
      const noting: Positions = {
        ...positions,
        attend: (layer, q, k, v, options) => {
          note(outputs, layer, { keys: k, values: v });
          return positions.attend(layer, q, k, v, options);
        },
      };
      const tokens = { rows, length, inputIds: tensors.inputs.get('inputIds')!, ...noting };
      const states = hiddenStates(decoder, layout, tokens, tensors);
      const last = tf.gather(states, tensors.inputs.get('last') as tf.Tensor1D);
      return outputs.set(logitsName, logits(outputNameOf(decoder, layout), last, tensors));
    }),
  );
}

/**
 * One more token a row: inputs `inputIds` [rows, 1], `positions` [rows], and of each layer the keys and values that are
 * kept, [rows, keyValueHeads, capacity, headSize]; outputs the logits and, of each layer, the token's own keys and values
 * [rows, keyValueHeads, 1, headSize].
 */
export function recordStep(decoder: Decoder, layout: AdapterLayout, { rows, capacity }: CacheShape): Graph {
  const { keyValueHeads, headSize } = decoder.config;
  const shape = [rows, keyValueHeads, capacity, headSize];
  const inputs: InputSpec[] = [
    { name: 'inputIds', shape: [rows, 1], dtype: 'int32' },
    { name: 'positions', shape: [rows], dtype: 'int32' },
    ...cacheNames(decoder.config).map((name) => ({ name, shape, dtype: 'float32' }) as const),
  ];
  return simplify(
    record(signature(decoder, layout, inputs), (tensors) => {
      const outputs = new Map<string, tf.Tensor>();
      const input = <T extends tf.Tensor>(name: string) => tensors.inputs.get(name) as T;
      const positions = cachedTokens({
        positions: input('positions'),
        capacity,
        kept: (layer) => ({ keys: input(keysName(layer)), values: input(valuesName(layer)) }),
        onNew: (layer, own) => note(outputs, layer, own),
      });
      const tokens = { rows, length: 1, inputIds: input('inputIds'), ...positions };
      const states = hiddenStates(decoder, layout, tokens, tensors);
      return outputs.set(logitsName, logits(outputNameOf(decoder, layout), states, tensors));
    }),
  );
}

function note(outputs: Map<string, tf.Tensor>, layer: number, { keys, values }: KeysAndValues): void {
  outputs.set(keysName(layer), keys).set(valuesName(layer), values);
}

function logits(outputName: string, states: tf.Tensor2D, tensors: TracedTensors): tf.Tensor2D {
  return tf.matMul(states, weightOf(tensors, outputName) as tf.Tensor2D, false, true);
}
